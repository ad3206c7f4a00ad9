"""Runs the street by the clock: every home's turn in every slot.

start of a slot     the meters' telegrams of the slot before are pushed to the bridge
2.5 s later         one home after the other looks at the prices and sends its orders
gate closure        of the next slot, 2 s before the end of this one
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.bridge.v1.bridge_pb2 import PushRequest

from client.errors import ClientError
from client.node.rpc import Rpc
from meter_bridge.client import ACKNOWLEDGED, MeterClient
from node_config.demo.day import Day
from node_config.demo.home.homes import Home
from node_config.demo.home.resident import Resident

READ_AFTER_S = 0.3
TRADE_AFTER_S = 2.5
# A home's turn, and all of them together, so that the last one is before the gate closes.
TURN_S, TURNS_S = 0.18, 4.5
# A node that does not respond must not delay the whole street.
NODE_TIMEOUT_S = 1.0
PUSH_AGAIN_S = 0.3
PUSH_TIMEOUT_S = 5.0
# Transient errors: the same telegram may be pushed again.
PASSING = {
    bridge_pb2.PUSH_TOO_EARLY,
    bridge_pb2.PUSH_CHAIN_UNREACHABLE,
    bridge_pb2.PUSH_SPOOL_FULL,
}


class Street:
    """Runs the homes through the day; each talks to one of the validators."""

    def __init__(
        self,
        homes: Sequence[Home],
        day: Day,
        chain_id: str,
        rpc_urls: Sequence[str],
        bridge_address: str,
    ) -> None:
        rpcs = [Rpc(url, timeout_s=NODE_TIMEOUT_S) for url in rpc_urls]
        self.residents = [
            Resident(home, rpcs[number % len(rpcs)], day, chain_id)
            for number, home in enumerate(homes)
        ]
        # Errors of telegrams that the bridge rejected.
        self.rejected_telegrams: list[str] = []
        self.problems: list[str] = []
        self._turn_s = min(TURN_S, TURNS_S / len(homes))
        self._day = day
        self._bridge_address = bridge_address

    def run(self, stop: threading.Event) -> None:
        """The whole day; returns early when `stop` is set."""
        day = self._day
        with MeterClient(self._bridge_address) as bridge:
            for slot in range(day.first_slot - 1, day.slots.stop + 1):
                start_s = day.get_start_s(slot)
                if not wait_until(start_s + READ_AFTER_S, stop):
                    return
                if slot > day.first_slot:
                    self._push(bridge, slot - 1, stop)
                if slot + 1 in day.slots:
                    self._trade(slot, start_s, stop)

    @property
    def rejections(self) -> list[str]:
        """The errors of rejected transactions."""
        return [text for resident in self.residents for text in resident.rejections]

    def _trade(self, slot: int, start_s: int, stop: threading.Event) -> None:
        for number, resident in enumerate(self.residents):
            if not wait_until(start_s + TRADE_AFTER_S + number * self._turn_s, stop):
                return
            try:
                resident.trade(slot)
            except ClientError as error:
                # The node is restarting; the home tries again in the next slot.
                self.problems.append(f"{resident.home.name}: {error.sentence}")

    def _push(self, bridge: MeterClient, slot: int, stop: threading.Event) -> None:
        """Pushes all telegrams until each is acknowledged, rejected or too late."""
        waiting = [resident.read_meter(slot) for resident in self.residents]
        deadline_s = self._day.get_end_s(slot) + self._day.reading_deadline_s
        while waiting and time.time() < deadline_s and not stop.is_set():
            waiting = self._push_once(bridge, waiting)
            if waiting:
                stop.wait(PUSH_AGAIN_S)
        if waiting:
            self.rejected_telegrams.append(f"slot {slot}: {len(waiting)} telegrams were not taken")

    def _push_once(self, bridge: MeterClient, requests: list[PushRequest]) -> list[PushRequest]:
        """Yields the requests that may be pushed again."""
        left = list(requests)
        try:
            for request, response in zip(
                requests, bridge.stream(requests, PUSH_TIMEOUT_S), strict=False
            ):
                if response.result in ACKNOWLEDGED:
                    left.remove(request)
                elif response.result not in PASSING:
                    left.remove(request)
                    self.rejected_telegrams.append(response.detail)
        except ClientError as error:
            self.problems.append(error.sentence)
        return left


def wait_until(time_s: float, stop: threading.Event) -> bool:
    """Waits for a moment in seconds since 1970; False if `stop` was set before."""
    while (left_s := time_s - time.time()) > 0:
        if stop.wait(min(left_s, 1.0)):
            return False
    return not stop.is_set()
