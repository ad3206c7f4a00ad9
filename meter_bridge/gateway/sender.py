"""From the store to the bridge: readings are pushed until the bridge has acknowledged them.

accepted, or a duplicate        acknowledged
too late, a conflict            given up: the bridge, or the chain, will never take it
anything else, or no answer     kept and pushed again
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.bridge.v1.bridge_pb2 import (
    HealthResponse,
    PushReadingRequest,
    PushRequest,
    PushResponse,
    PushResult,
)
from blockenergy.metering.v1.state_pb2 import Reading

from meter_bridge.client.connection import ACKNOWLEDGED, BridgeError, MeterClient
from meter_bridge.gateway import store as states
from meter_bridge.gateway.store import Store

log = logging.getLogger(__name__)

POLL_S = 0.5
RETRY_MIN_S, RETRY_MAX_S = 1.0, 60.0
BATCH_MAX = 256
STREAM_S = 60.0
FINAL = {bridge_pb2.PUSH_TOO_LATE, bridge_pb2.PUSH_CONFLICT}


class Sender:
    """Sends on a thread of its own. `take_health` is told what the bridge says of itself, again and
    again until it returns True because it knows all that it needs.
    """

    def __init__(
        self,
        store: Store,
        connect: Callable[[], MeterClient],
        take_health: Callable[[HealthResponse], bool],
    ) -> None:
        self._store = store
        self._connect = connect
        self._take_health = take_health
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="send", daemon=True)
        # Why readings do not reach the bridge, in one sentence; empty while they do.
        self.problem = "The bridge has not been reached since the start."

    def start(self) -> None:
        """Starts to send."""
        self._thread.start()

    def stop(self) -> None:
        """Stops after the batch in progress; what is not acknowledged is sent after a restart."""
        self._stop.set()
        self._thread.join(STREAM_S)

    def _run(self) -> None:
        pause_s = RETRY_MIN_S
        while not self._stop.is_set():
            try:
                with self._connect() as bridge:
                    while not self._take_health(bridge.health()) and not self._stop.is_set():
                        self._stop.wait(POLL_S)
                    self._set_problem("")
                    pause_s = RETRY_MIN_S
                    self._serve(bridge)
            except BridgeError as error:
                self._set_problem(str(error))
            self._stop.wait(pause_s)
            pause_s = min(2 * pause_s, RETRY_MAX_S)

    def _serve(self, bridge: MeterClient) -> None:
        """Sends what waits until the bridge cannot be reached, or wants a pause."""
        while not self._stop.is_set():
            number = 0
            while batch := self._store.take_waiting(number, BATCH_MAX):
                if not self.send(bridge, batch):
                    return
                number = batch[-1][0]
            self._stop.wait(POLL_S)

    def send(self, bridge: MeterClient, batch: list[tuple[int, Reading]]) -> bool:
        """Pushes a batch and records the results; False if some have to wait.

        Errors: BridgeError, after recording what was answered.
        """
        requests = [PushRequest(reading=PushReadingRequest(reading=one)) for _, one in batch]
        results: dict[int, tuple[int, PushResult]] = {}
        is_done = True
        try:
            for (number, reading), response in zip(
                batch, bridge.stream(requests, STREAM_S), strict=False
            ):
                state = decide(response)
                results[number] = (state, response.result)
                if state == states.WAITING:
                    is_done = False
                if state != states.ACKNOWLEDGED:
                    self._complain(reading, response)
        finally:
            self._store.decide(results)
        return is_done

    def _complain(self, reading: Reading, response: PushResponse) -> None:
        sentence = response.detail or PushResult.Name(response.result)
        problem = f"Meter {reading.meter_id}, slot {reading.slot}: {sentence}"
        if decide(response) == states.WAITING:
            self._set_problem(problem)
        else:
            log.error("given up: %s", problem)

    def _set_problem(self, problem: str) -> None:
        # Who reads the log and asks then is told the same.
        before, self.problem = self.problem, problem
        if problem and problem != before:
            log.warning("readings are waiting: %s", problem)
        elif before and not problem:
            log.info("readings are being sent")


def decide(response: PushResponse) -> int:
    """The state of a reading after an answer of the bridge."""
    if response.result in ACKNOWLEDGED:
        return states.ACKNOWLEDGED
    return states.GIVEN_UP if response.result in FINAL else states.WAITING
