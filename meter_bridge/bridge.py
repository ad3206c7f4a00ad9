"""Assembles a meter bridge, and starts and stops its parts in the right order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from blockenergy.bridge.v1.bridge_pb2 import HealthResponse

from meter_bridge.chain import Chain, ChainView
from meter_bridge.chain.submit import POLL_S, Submitter
from meter_bridge.formats.encoding.local_time import CENTRAL_EUROPE, LocalTime
from meter_bridge.insights import Insights
from meter_bridge.intake import Intake
from meter_bridge.server import ServerLimits, Service, make_server
from meter_bridge.spool import Spool, SpoolLimits
from meter_bridge.tls import TlsFiles, require_server_credentials

log = logging.getLogger(__name__)

DEFAULT_LISTEN = "127.0.0.1:26690"
# Streams never end by themselves, so a stop takes this long if there are any.
GRACE_S = 2.0
STOP_S = 8.0
REJECTIONS_SHOWN = 10


@dataclass(frozen=True)
class Settings:
    """The settings of a bridge."""

    # Holds the spool; created if missing.
    home: Path
    listen: str = DEFAULT_LISTEN
    # None for plain text, on loopback only.
    tls: TlsFiles | None = None
    local_time: LocalTime = CENTRAL_EUROPE
    # Max distance of a telegram from the end of its slot; None for the default in readings.
    tolerance_s: int | None = None
    poll_s: float = POLL_S
    spool_limits: SpoolLimits = field(default_factory=SpoolLimits)
    server_limits: ServerLimits = field(default_factory=ServerLimits)
    # Ed25519 public keys of those who may push insights, by name.
    analysts: Mapping[str, bytes] = field(default_factory=dict)


class Bridge:
    """A meter bridge that submits to `chain`.

    `on_failure` is called when it cannot continue: the process should stop. `clock` returns
    seconds since 1970.

        with Bridge(settings, chain, stop_process) as bridge:
            stop_requested.wait()

    Errors: SpoolBrokenError, TlsError, ListenError.
    """

    def __init__(
        self,
        settings: Settings,
        chain: Chain,
        on_failure: Callable[[Exception], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        credentials = require_server_credentials(settings.listen, settings.tls)
        self._clock = clock
        self._chain = chain
        self._backlog_max = settings.spool_limits.backlog_max
        self._spool = Spool(settings.home, clock, settings.spool_limits, on_failure)
        try:
            self._view = ChainView(chain)
            intake = Intake(
                self._view, self._spool, clock, settings.local_time, settings.tolerance_s
            )
            limits = settings.server_limits
            self._insights = Insights(settings.home, self._view, settings.analysts)
            self._service = Service(intake, self._spool, self._insights, self.get_health, limits)
            self._server, self.port = make_server(
                self._service, settings.listen, credentials, limits
            )
        except BaseException:
            self._spool.close()
            raise
        self._submitter = Submitter(chain, self._view, self._spool, on_failure, settings.poll_s)

    def start(self) -> None:
        """Starts to accept readings and to submit them."""
        self._submitter.start()
        self._server.start()

    def stop(self) -> None:
        """Accepts nothing more, finishes pushes in progress, and leaves the rest on disk."""
        self._submitter.ask_to_stop()
        self._server.stop(GRACE_S).wait(GRACE_S + STOP_S)
        self._service.close()
        self._insights.close()
        if not self._submitter.stop(STOP_S):
            log.warning("a submission has no result yet; it is submitted again at the next start")
        self._spool.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def get_health(self) -> HealthResponse:
        """Whether the bridge works, and its backlog."""
        counts = self._spool.count()
        params, head = self._view.params, self._view.head
        problem = self._submitter.problem
        if counts.backlog >= self._backlog_max:
            problem = f"The backlog has reached its limit of {counts.backlog} readings. {problem}"
        since_s = counts.backlog_since_s or int(self._clock())
        return HealthResponse(
            healthy=not problem,
            detail=problem.strip(),
            backlog=counts.backlog,
            backlog_age_s=max(0, int(self._clock()) - since_s),
            done=counts.done,
            rejected=counts.rejected,
            chain_height=head.height if head else 0,
            chain_time_s=head.time_s if head else 0,
            chain_id=params.chain_id if params else "",
            slot_length_s=params.slot_length_s if params else 0,
            bridge=self._chain.bridge,
            conflicts=counts.conflicts,
            recent_rejections=self._spool.list_rejections(REJECTIONS_SHOWN),
        )
