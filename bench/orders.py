"""Market orders: booked and executed at the end of their block, on one core.

    python -m bench.orders --orders 10000 --json FILE

Every order is a signed transaction of a household, half of them buy and half sell, over several
slots. Measured is what a validator does with them from CheckTx to the synced write of each block,
in processor time.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blockenergy.market.v1 import tx_pb2
from google.protobuf.message import Message

from bench.networks.engine import Engine, read_peak_mib
from bench.results.report import call_in_process, finish, make_parser
from bench.sending import population
from chain.auth import state as auth_state
from chain.market import state as market_state
from chain.runtime.context import BlockInfo, Context
from chain.runtime.encoding import bech32
from chain.runtime.state.store import CacheStore, Reader
from client.cost import compute_cost
from client.signing.tx import sign

SIGNERS = 1_000
SLOTS = 8
QUANTITY_WH = 100


def main() -> int:
    """Runs the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--orders", type=int, default=20_000, help="in all")
    parser.add_argument("--block", type=int, nargs="+", default=[500, 5_000], help="in one block")
    options = parser.parse_args()
    return finish(lambda: measure(options.orders, options.block), options.json)


def measure(orders: int = 20_000, block_sizes: Sequence[int] = (500, 5_000)) -> dict[str, Any]:
    """The measurement with each number of orders in a block."""
    return {"orders": [_measure_one(orders, size) for size in block_sizes]}


def _measure_one(orders: int, block_size: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name) / "state"
        population.create(folder, SIGNERS, metered=True, signers=SIGNERS)
        return call_in_process(run, folder, orders, block_size)


def run(folder: Path, orders: int, block_size: int) -> dict[str, Any]:
    """Places the orders block by block."""
    with Engine(folder) as engine:
        engine.run_block([], population.GENESIS_TIME_S)
        txs = _make_txs(engine.state.reader, orders)
        costs = [
            engine.run_block(txs[first : first + block_size], population.GENESIS_TIME_S)
            for first in range(0, orders, block_size)
        ]
        total_s = sum(cost.total_s for cost in costs)
        return {
            "orders": orders,
            "orders_per_block": block_size,
            "orders_per_cpu_s": round(orders / total_s),
            "us_per_order": round(total_s / orders * 1e6, 1),
            "block_max_s": round(max(cost.total_s for cost in costs), 3),
            "peak_mib": round(read_peak_mib()),
        }


def _make_txs(reader: Reader, count: int) -> list[bytes]:
    """Signed orders, the households in turn."""
    state = Context(CacheStore(reader), BlockInfo("", 0, 0))
    slots = [slot for slot, _ in market_state.SLOTS.items(state)][:SLOTS]
    params = auth_state.PARAMS.get(state)
    low = market_state.PARAMS.get(state).price_low_per_kwh
    high = market_state.PARAMS.get(state).price_high_per_kwh
    keys = [population.signer_key(number) for number in range(SIGNERS)]
    accounts = [auth_state.ACCOUNTS.get(state, bech32.decode(key.address)) for key in keys]
    txs = []
    for position in range(count):
        sequence, signer = divmod(position, SIGNERS)
        account = accounts[signer]
        assert account is not None
        slot = slots[position % len(slots)]
        message = _make_order(keys[signer].address, slot, signer % 2 == 0, low, high)
        cost = compute_cost(params, [message], keys[signer].pub_key)
        txs.append(
            sign(
                [message],
                keys[signer],
                population.CHAIN_ID,
                account.account_number,
                sequence,
                cost.fee,
                cost.gas_limit,
            )
        )
    return txs


def _make_order(owner: str, slot: int, buys: bool, low: int, high: int) -> Message:
    """An order at the limit that is filled at any price."""
    if buys:
        return tx_pb2.MsgBuy(
            buyer=owner, slot=slot, quantity_wh=QUANTITY_WH, price_limit_per_kwh=high
        )
    return tx_pb2.MsgSell(seller=owner, slot=slot, quantity_wh=QUANTITY_WH, price_limit_per_kwh=low)


if __name__ == "__main__":
    sys.exit(main())
