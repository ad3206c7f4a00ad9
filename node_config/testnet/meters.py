"""Simulated homes that trade and are metered for as long as the network runs.

    start of a slot     the telegrams of the slot before are pushed to the bridge, until each is
                        acknowledged or too late
    after that          every home buys or sells what it expects for the slot after the next

A rejection is one line of the log. A node or bridge that is down is tried again in the next
slot; the meters go on counting meanwhile.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.bridge.v1.bridge_pb2 import (
    TELEGRAM_FORMAT_DSMR_P1,
    PushRequest,
    PushTelegramRequest,
)
from blockenergy.market.v1.tx_pb2 import MsgBuy, MsgSell

import text_output
from client.account import Signer
from client.cli.common import Parser
from client.errors import ClientError
from client.node.chain_pin import choose
from client.node.rpc import Rpc
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey, MeterKey
from meter_bridge.client import (
    ACKNOWLEDGED,
    MeterClient,
    TlsError,
    TlsFiles,
    compute_reading,
    dsmr,
    sign_reading,
)
from node_config.demo.home.meter import Meter
from node_config.testnet.certificates import AUTHORITY, CERTIFICATE, KEY
from node_config.testnet.homes import SimulatedHome, Street

# After the end of a slot, the chain needs a block before it takes readings.
READ_AFTER_S = 0.5
ORDER_MIN_WH = 20
PUSH_TIMEOUT_S, PUSH_AGAIN_S = 5.0, 0.5
NODE_TIMEOUT_S, SEND_S = 3.0, 2.0
AHEAD_SLOTS = 2
HEARTBEAT = Path(tempfile.gettempdir()) / "heartbeat"
PASSING = {
    bridge_pb2.PUSH_TOO_EARLY,
    bridge_pb2.PUSH_CHAIN_UNREACHABLE,
    bridge_pb2.PUSH_SPOOL_FULL,
}
K = TypeVar("K", AccountKey, MeterKey)


class Resident:
    """A home with its wallet and its meter."""

    def __init__(self, folder: Path, street: Street, number: int, rpc: Rpc) -> None:
        keyring = Keyring(folder / "keys")
        self.name = f"home{number}"
        self.home = SimulatedHome(street, number)
        self._street = street
        self._chain_id = choose(keyring.folder, "")
        self._meter_key = _load(keyring, f"meter{number}", MeterKey)
        self._key = _load(keyring, self.name, AccountKey)
        self._signer = Signer(rpc, self._key, chain_id=self._chain_id, wait_s=SEND_S)

    def make_request(self, slot: int) -> PushRequest:
        """The request that the gateway pushes at the end of a slot."""
        meter = Meter(self.home.meter_id, *self.home.compute_registers_wh(slot))
        telegram = meter.make_telegram((slot + 1) * self._street.slot_length_s)
        reading = compute_reading(dsmr.parse(telegram), self._street.slot_length_s)
        signed = sign_reading(self._meter_key, self._chain_id, reading)
        return PushRequest(
            telegram=PushTelegramRequest(
                format=TELEGRAM_FORMAT_DSMR_P1, telegram=telegram, signature=signed.signature
            )
        )

    def trade(self, slot: int) -> None:
        """Buys or sells the forecast of a slot at any price."""
        quantity_wh = self.home.forecast_wh(slot)
        if abs(quantity_wh) < ORDER_MIN_WH:
            return
        order: MsgBuy | MsgSell
        if quantity_wh > 0:
            order = MsgBuy(buyer=self._key.address, slot=slot, quantity_wh=quantity_wh)
            order.price_limit_per_kwh = self._street.price_high_per_kwh
        else:
            order = MsgSell(seller=self._key.address, slot=slot, quantity_wh=-quantity_wh)
            order.price_limit_per_kwh = self._street.price_low_per_kwh
        self._signer.send([order], wait=False).require_ok()


def run(folder: Path, rpc: Rpc, bridge: MeterClient, stop: threading.Event) -> None:
    """One slot after the other until `stop` is set."""
    street = Street.read(folder)
    residents = [Resident(folder, street, n, rpc) for n in range(1, street.homes + 1)]
    say(f"{len(residents)} homes, a slot takes {street.slot_length_s} s")
    while not stop.is_set():
        slot = int(time.time()) // street.slot_length_s
        begin_s, end_s = slot * street.slot_length_s, (slot + 1) * street.slot_length_s
        if stop.wait(max(0.0, begin_s + READ_AFTER_S - time.time())):
            return
        if slot > street.first_slot:
            deadline_s = begin_s + min(street.reading_deadline_s, street.slot_length_s - 1)
            push(bridge, [one.make_request(slot - 1) for one in residents], deadline_s, stop)
        for resident in residents:
            if stop.is_set():
                return
            try:
                resident.trade(slot + AHEAD_SLOTS)
            except ClientError as error:
                say(f"{resident.name}: {error.sentence}")
        # Rewritten in every slot; two may be missed before --check fails.
        HEARTBEAT.write_text(str(end_s + 2 * street.slot_length_s))
        stop.wait(max(0.0, end_s - time.time()))


def push(
    bridge: MeterClient, requests: list[PushRequest], deadline_s: float, stop: threading.Event
) -> None:
    """Pushes telegrams until each is acknowledged or rejected, or until a deadline."""
    waiting, problem = requests, ""
    while waiting and time.time() < deadline_s and not stop.is_set():
        waiting, problem = _push_once(bridge, waiting)
        if waiting:
            stop.wait(PUSH_AGAIN_S)
    if waiting:
        say(f"{len(waiting)} telegrams were not taken in time; {problem}")


def _push_once(bridge: MeterClient, requests: list[PushRequest]) -> tuple[list[PushRequest], str]:
    """Yields the requests that may be pushed again, and why."""
    left, problem = list(requests), ""
    try:
        answers = bridge.stream(requests, PUSH_TIMEOUT_S)
        for request, response in zip(requests, answers, strict=False):
            if response.result in PASSING:
                problem = response.detail
                continue
            left.remove(request)
            if response.result not in ACKNOWLEDGED:
                say(f"the bridge rejected a telegram: {response.detail}")
    except ClientError as error:
        problem = error.sentence
    return left, problem


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m node_config.testnet.meters`; returns the exit status."""
    parser = Parser(prog="python -m node_config.testnet.meters", description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("/testnet/meters"))
    parser.add_argument("--node", default="http://node1:26657")
    parser.add_argument("--bridge", default="bridge:26690")
    parser.add_argument("--check", action="store_true", help="only check that the homes are active")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        options = parser.parse_args(arguments)
        if options.check:
            return 0 if is_well() else 1
        home = options.home
        tls = TlsFiles(home / CERTIFICATE, home / KEY, home / AUTHORITY)
        with MeterClient(options.bridge, tls=tls) as bridge:
            run(home, Rpc(options.node, timeout_s=NODE_TIMEOUT_S), bridge, stop)
    except ClientError as error:
        say(error.sentence)
        return error.exit_code
    except TlsError as error:
        say(str(error))
        return 1
    return 0


def is_well() -> bool:
    """Whether the homes were active in one of the last slots."""
    try:
        return time.time() < float(HEARTBEAT.read_text())
    except (OSError, ValueError):
        return False


def say(line: str) -> None:
    """One line of the log."""
    text_output.complain(f"meters: {line}")


def _load(keyring: Keyring, name: str, cls: type[K]) -> K:
    key = keyring.load(name, str)
    assert isinstance(key, cls), f"{name} is a key of another type"
    return key


if __name__ == "__main__":
    sys.exit(main())
