"""The targets by name, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.fuzz.abci_streams import AbciStreams
from tests.fuzz.bridge_calls import BridgeCalls
from tests.fuzz.genesis import Genesis
from tests.fuzz.queries import Queries
from tests.fuzz.relaying import Relaying
from tests.fuzz.target import Target
from tests.fuzz.telegrams import TELEGRAMS
from tests.fuzz.transactions import Messages, Transactions

TARGETS: Mapping[str, Callable[[], Target]] = {
    **{
        kind.name: kind
        for kind in (
            *(Transactions, Messages, Relaying, Queries, AbciStreams, BridgeCalls, Genesis),
        )
    },
    **TELEGRAMS,
}
