"""One slot of many meters: signed readings taken in, then settled, on one core.

    python -m bench.settlement --meters 100000 --json FILE

Every meter has a key of its own and signs one reading; a bridge submits them in full messages.
Measured is what a validator does with them from CheckTx to the synced write of each block, in
processor time. Afterwards every account must have its line, and the energy must be what the
readings say.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blockenergy.auth.v1.state_pb2 import Params
from blockenergy.metering.v1 import state_pb2 as metering_pb2
from blockenergy.metering.v1 import tx_pb2 as metering_tx_pb2

from bench.networks.engine import BlockCost, Engine, read_own_mib, read_peak_mib
from bench.results.report import call_in_process, finish, make_parser
from bench.sending import population
from chain import app, metering
from chain.auth import state as auth_state
from chain.market import state as market_state
from chain.runtime.context import BlockInfo, Context
from chain.runtime.encoding import bech32
from chain.runtime.state.store import CacheStore, Reader
from chain.settlement import state as settlement_state
from client.cost import compute_cost
from client.signing.tx import sign

READINGS_PER_TX = 1_000
TXS_PER_BLOCK = 5
CHECKED_METERS_MAX = 100_000
LENGTH_BYTES = 4


def main() -> int:
    """Runs the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--meters", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument(
        "--accounts-per-block", type=int, default=0, help="default: as the preset has it"
    )
    options = parser.parse_args()
    return finish(lambda: measure(options.meters, options.accounts_per_block), options.json)


def measure(meters: list[int], accounts_per_block: int = 0) -> dict[str, Any]:
    """The measurement for each number of meters."""
    # One meter is silent. Nothing is estimated for it, so that the energy is that of the readings.
    # From its end the chain goes straight to the deadline, which is no halt.
    params = {"metering.estimate_permille": 0, "metering.halt_min_s": 86_400}
    if accounts_per_block:
        params["settlement.accounts_per_block_max"] = accounts_per_block
    return {"slots": [_measure_one(count, params) for count in meters]}


def _measure_one(meters: int, params: dict[str, int]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        # Each step has a process of its own, so that memory and time are those of the node alone.
        call_in_process(prepare, folder, meters, params)
        return call_in_process(run, folder, meters)


def prepare(folder: Path, meters: int, params: dict[str, int]) -> None:
    """Writes the chain and the signed readings."""
    population.create(folder / "state", meters, metered=True, params=params)
    with Engine(folder / "state") as engine:
        engine.run_block([], population.GENESIS_TIME_S)
        slot, _ = next(market_state.SLOTS.items(_look(engine.state.reader)))
        number = _get_account_number(engine.state.reader)
        auth_params = auth_state.PARAMS.get(_look(engine.state.reader))
    with (folder / "txs").open("wb") as file:
        for sequence, first in enumerate(range(0, meters, READINGS_PER_TX)):
            numbers = range(first, min(meters, first + READINGS_PER_TX))
            tx = _make_tx(numbers, slot, number, sequence, auth_params)
            file.write(len(tx).to_bytes(LENGTH_BYTES, "big") + tx)
            if meters > population.CHUNK and numbers.stop % population.CHUNK == 0:
                print(f"\r  {numbers.stop:,} of {meters:,} readings", end="", file=sys.stderr)
    print(file=sys.stderr)


def run(folder: Path, meters: int) -> dict[str, Any]:
    """Takes the readings in and settles the slot."""
    with Engine(folder / "state") as engine:
        state = _look(engine.state.reader)
        params = metering.get_params(state)
        slot, _ = next(market_state.SLOTS.items(state))
        began_s = time.monotonic()
        intake = [
            engine.run_block(txs, (slot + 1) * params.slot_length_s)
            for txs in _read_blocks(folder / "txs")
        ]
        intake_wall_s = time.monotonic() - began_s
        settling = _settle(engine, slot, metering.get_deadline_s(state, slot))
        # The state only grows, so that its end is where it takes most.
        own_mib, peak_mib = read_own_mib(), read_peak_mib()
        _require_settled(engine.state.reader, slot, meters)
        return {
            "meters": meters,
            "start_cpu_s": round(engine.start_s, 2),
            "readings_per_cpu_s": round(meters / sum(cost.total_s for cost in intake)),
            "readings_per_wall_s": round(meters / intake_wall_s),
            "reading_us": _split(intake, meters),
            "settlement_cpu_s": round(sum(cost.total_s for cost in settling), 3),
            "settlement_us_per_meter": _split(settling, meters),
            "settlement_blocks": len(settling),
            "settlement_block_max_s": round(max(cost.total_s for cost in settling), 3),
            "own_mib": round(own_mib),
            "peak_mib": round(peak_mib),
        }


def _settle(engine: Engine, slot: int, deadline_s: int) -> list[BlockCost]:
    costs = []
    while settlement_state.PROGRESS.get(_look(engine.state.reader)).slot <= slot:
        costs.append(engine.run_block([], deadline_s))
    return costs


def _split(costs: list[BlockCost], count: int) -> dict[str, float]:
    parts = ("check", "execute", "commit")
    sums = {part: sum(getattr(cost, f"{part}_s") for cost in costs) for part in parts}
    return {part: round(seconds / count * 1e6, 1) for part, seconds in sums.items()}


def _make_tx(
    numbers: range, slot: int, account_number: int, sequence: int, params: Params
) -> bytes:
    bridge = population.operator_key("bridge")
    readings = [_make_reading(number, slot) for number in numbers]
    message = metering_tx_pb2.MsgSubmitReadings(bridge=bridge.address, readings=readings)
    cost = compute_cost(params, [message], bridge.pub_key)
    chain_id, number = population.CHAIN_ID, account_number
    return sign([message], bridge, chain_id, number, sequence, cost.fee, cost.gas_limit)


def _make_reading(number: int, slot: int) -> metering_pb2.Reading:
    """Two of three households use energy, the third feeds in."""
    import_wh, export_wh = get_energy(number)
    reading = metering_pb2.Reading(
        meter_id=population.meter_id(number),
        slot=slot,
        import_register_wh=import_wh,
        export_register_wh=export_wh,
    )
    content = metering.reading_sign_bytes(population.CHAIN_ID, reading)
    reading.signature = population.meter_key(number).sign(content)
    return reading


def get_energy(number: int) -> tuple[int, int]:
    """What a meter measures in the slot: import and export in Wh."""
    return (0, 300 + number % 500) if number % 3 == 0 else (200 + number % 700, 0)


def _read_blocks(path: Path) -> Iterator[list[bytes]]:
    with path.open("rb") as file:
        txs: list[bytes] = []
        while head := file.read(LENGTH_BYTES):
            txs.append(file.read(int.from_bytes(head, "big")))
            if len(txs) == TXS_PER_BLOCK:
                yield txs
                txs = []
        if txs:
            yield txs


def _require_settled(reader: Reader, slot: int, meters: int) -> None:
    """Every household has a line with the energy that its meter has shown."""
    state = _look(reader)
    result = settlement_state.RESULTS.get(state, slot)
    assert result is not None
    sums = [sum(column) for column in zip(*map(get_energy, range(meters)), strict=True)]
    assert [result.import_wh, result.export_wh] == sums, "the energy is not that of the readings"
    # The household that all others were copied from has a meter that stays silent.
    assert (result.parties, result.estimated_parties) == (meters + 1, 1), result
    assert not result.deferred and not result.uncovered
    if meters <= CHECKED_METERS_MAX:
        problems = app.check_invariants(reader)
        assert not problems, problems[:3]


def _get_account_number(reader: Reader) -> int:
    address = bech32.decode(population.operator_key("bridge").address)
    account = auth_state.ACCOUNTS.get(_look(reader), address)
    assert account is not None
    return account.account_number


def _look(reader: Reader) -> Context:
    return Context(CacheStore(reader), BlockInfo("", 0, 0))


if __name__ == "__main__":
    sys.exit(main())
