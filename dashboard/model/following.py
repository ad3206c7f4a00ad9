"""Fills the tables as long as a program runs."""

from __future__ import annotations

import logging
import threading

from client.errors import RpcError
from dashboard.model.indexer import Indexer
from dashboard.model.moment import POLL_INTERVAL_S, RETRY_INTERVAL_S

log = logging.getLogger(__name__)


def follow(indexer: Indexer, stop: threading.Event) -> None:
    """Polls the node; while it cannot be reached, tries again.

    A node that knows of a block may not have its results yet: the first failure is none.
    """
    failures = 0
    while not stop.is_set():
        try:
            indexer.catch_up(stop)
            failures = 0
        except RpcError as error:
            failures += 1
            if failures > 1:
                log.warning("%s; trying again", error.sentence)
        stop.wait(RETRY_INTERVAL_S if failures > 1 else POLL_INTERVAL_S)
