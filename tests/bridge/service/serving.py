"""A bridge that serves in this process, for the tests of its service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blockenergy.bridge.v1.bridge_pb2 import (
    PushReadingRequest,
    PushRequest,
)
from blockenergy.metering.v1.state_pb2 import (
    Reading,
)

from meter_bridge.bridge import Bridge, Settings
from meter_bridge.client import (
    MeterClient,
    TlsFiles,
)
from tests.bridge.fakes import (
    Clock,
    FakeChain,
)
from tests.bridge.waiting import wait_until

WAIT_S = 20


def require_no_failure(error: Exception) -> None:
    raise AssertionError("the bridge has failed") from error


@contextmanager
def running(
    folder: Path, chain: FakeChain, clock: Clock | None = None, **settings: object
) -> Iterator[Bridge]:
    """A bridge that has reached the chain, on a free port."""
    chosen = {"listen": "127.0.0.1:0", "poll_s": 0.01, **settings}
    bridge = Bridge(
        Settings(folder / "home", **chosen),  # type: ignore[arg-type]
        chain,
        require_no_failure,
        clock or Clock(),
    )
    with bridge:
        if chain.is_reachable:
            rejects = chain.rejection or chain.account_problem
            wait_until(lambda: bridge.get_health().healthy or rejects != "")
        yield bridge


def connect(bridge: Bridge, tls: TlsFiles | None = None) -> MeterClient:
    return MeterClient(f"127.0.0.1:{bridge.port}", tls, timeout_s=WAIT_S)


def as_request(reading: Reading) -> PushRequest:
    return PushRequest(reading=PushReadingRequest(reading=reading))
