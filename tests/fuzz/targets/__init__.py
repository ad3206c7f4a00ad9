"""The targets by name, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.fuzz.target import Target
from tests.fuzz.targets.abci_streams import AbciStreams
from tests.fuzz.targets.bridge_calls import BridgeCalls
from tests.fuzz.targets.genesis import Genesis
from tests.fuzz.targets.queries import Queries
from tests.fuzz.targets.relaying import Relaying
from tests.fuzz.targets.telegrams import TELEGRAMS
from tests.fuzz.targets.transactions import Messages, Transactions

TARGETS: Mapping[str, Callable[[], Target]] = {
    **{
        kind.name: kind
        for kind in (
            *(Transactions, Messages, Relaying, Queries, AbciStreams, BridgeCalls, Genesis),
        )
    },
    **TELEGRAMS,
}
