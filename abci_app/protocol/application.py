"""What an application promises to CometBFT: one method for each ABCI 2.0 call.

Subclass `Application` and pass an instance to `abci_app.protocol.server.Server`. A method takes the
request message of its call and returns the reply message, or the bytes of it. Echo and Flush never
reach the application.

CometBFT opens four connections and the server answers each on a thread of its own:

- consensus: init_chain, prepare_proposal, process_proposal, extend_vote,
  verify_vote_extension, finalize_block, commit;
- mempool: check_tx;
- query: info, query;
- snapshot: list_snapshots, offer_snapshot, load_snapshot_chunk, apply_snapshot_chunk.

Calls on one connection come one after the other. Calls on different connections may run at
the same time, so the application guards what they share.

A user's mistake (a bad transaction, an unknown query path) is answered with a code in the
reply. A method raises only when a promise of the application is broken; the server then tells
CometBFT, which stops.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from tendermint.abci import types_pb2 as abci


class OperatorError(Exception):
    """The application cannot continue until its operator has fixed something, such as a full disk.
    The text is a sentence that says what; no traceback is logged.
    """


@dataclass(frozen=True)
class EncodedReply:
    """A reply as the bytes of its message, where to make the message would take too long."""

    kind: type[Message]
    content: bytes

    def decode(self) -> Any:
        """The message."""
        return self.kind.FromString(self.content)


class Application(ABC):
    """The base of every application. What no application can do without is abstract; snapshots
    and vote extensions have the answers of an application that does not use them.
    """

    @abstractmethod
    def info(self, request: abci.RequestInfo) -> abci.ResponseInfo:
        """Says which height was committed last, and its app hash; CometBFT replays the rest."""

    @abstractmethod
    def query(self, request: abci.RequestQuery) -> abci.ResponseQuery:
        """Answers from the committed state; never changes anything."""

    @abstractmethod
    def check_tx(self, request: abci.RequestCheckTx) -> abci.ResponseCheckTx:
        """Says whether a transaction may wait for a block; leaves the committed state as it is."""

    def on_check_tx_batch(self, requests: Sequence[abci.RequestCheckTx]) -> None:
        """Is told of transactions that have arrived together, before check_tx is called for each:
        for work that is better done for all of them at once. Changes nothing about the answers.
        """
        return

    @abstractmethod
    def init_chain(self, request: abci.RequestInitChain) -> abci.ResponseInitChain:
        """Sets up the state of the genesis. Comes again when a crash precedes the first commit."""

    @abstractmethod
    def prepare_proposal(
        self, request: abci.RequestPrepareProposal
    ) -> abci.ResponsePrepareProposal:
        """Chooses the transactions of this node's proposal, within `max_tx_bytes`."""

    @abstractmethod
    def process_proposal(
        self, request: abci.RequestProcessProposal
    ) -> abci.ResponseProcessProposal:
        """Accepts or rejects a proposal; must accept whatever prepare_proposal makes."""

    @abstractmethod
    def finalize_block(
        self, request: abci.RequestFinalizeBlock
    ) -> abci.ResponseFinalizeBlock | EncodedReply:
        """Executes a decided block and gives the new app hash; writes nothing to disk."""

    @abstractmethod
    def commit(self, request: abci.RequestCommit) -> abci.ResponseCommit:
        """Puts the result of the last finalize_block on disk before it returns."""

    def extend_vote(self, request: abci.RequestExtendVote) -> abci.ResponseExtendVote:
        """Attaches nothing to the vote."""
        return abci.ResponseExtendVote()

    def verify_vote_extension(
        self, request: abci.RequestVerifyVoteExtension
    ) -> abci.ResponseVerifyVoteExtension:
        """Accepts the empty attachment, which is the only one that extend_vote makes."""
        status = abci.ResponseVerifyVoteExtension.VerifyStatus
        accepted = not request.vote_extension
        return abci.ResponseVerifyVoteExtension(status=status.ACCEPT if accepted else status.REJECT)

    def list_snapshots(self, request: abci.RequestListSnapshots) -> abci.ResponseListSnapshots:
        """Has no snapshot to give."""
        return abci.ResponseListSnapshots()

    def offer_snapshot(self, request: abci.RequestOfferSnapshot) -> abci.ResponseOfferSnapshot:
        """Ends state sync, because no snapshot can be restored."""
        return abci.ResponseOfferSnapshot(result=abci.ResponseOfferSnapshot.Result.ABORT)

    def load_snapshot_chunk(
        self, request: abci.RequestLoadSnapshotChunk
    ) -> abci.ResponseLoadSnapshotChunk:
        """Gives an empty piece, which CometBFT takes for a piece that is not there."""
        return abci.ResponseLoadSnapshotChunk()

    def apply_snapshot_chunk(
        self, request: abci.RequestApplySnapshotChunk
    ) -> abci.ResponseApplySnapshotChunk:
        """Ends state sync, because no snapshot was accepted."""
        return abci.ResponseApplySnapshotChunk(result=abci.ResponseApplySnapshotChunk.Result.ABORT)
