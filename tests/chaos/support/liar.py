"""An application whose proposals are lies, and that accepts the lies of others.

It is started as abci_app is:

python -m tests.chaos.support.liar --home DIR --address ADDRESS
"""

from __future__ import annotations

import sys

from tendermint.abci import types_pb2 as abci

from abci_app import __main__ as abci_app
from abci_app.node import EnergyApplication
from tests.chaos.support.processes import Rewrite

# How every transaction begins that only a liar proposes.
GARBAGE = b"\xffgarbage"
# Larger than the chain takes one transaction, small enough for a block.
LARGE_BYTES = 300_000


class Liar(EnergyApplication):
    """Like the real one, but for its proposals."""

    def prepare_proposal(
        self, request: abci.RequestPrepareProposal
    ) -> abci.ResponsePrepareProposal:
        good = list(super().prepare_proposal(request).txs)
        lies = [
            [GARBAGE, *good],
            [*good, *good, GARBAGE],
            [*good[::-1], GARBAGE + bytes(LARGE_BYTES)],
            [*good[1:], GARBAGE, *good[:1]],
            [GARBAGE] * 1_000,
        ]
        return abci.ResponsePrepareProposal(txs=lies[request.height % len(lies)])

    def process_proposal(
        self, request: abci.RequestProcessProposal
    ) -> abci.ResponseProcessProposal:
        status = abci.ResponseProcessProposal.ProposalStatus
        return abci.ResponseProcessProposal(status=status.ACCEPT)


def lie() -> Rewrite:
    """Has a node's application be a liar."""
    return lambda command: [__name__ if part == "abci_app" else part for part in command]


if __name__ == "__main__":
    vars(abci_app)["EnergyApplication"] = Liar
    sys.exit(abci_app.main())
