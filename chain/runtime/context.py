"""What a rule may see and change: the state, the block it runs in, and the list of events."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import Message

from chain.runtime.consensus import Evidence, Vote
from chain.runtime.state.store import CacheStore


class CosmosEvent:
    """An event in the form that Cosmos wallets and explorers look for: a name, keys and values."""

    __slots__ = ("attributes", "type")

    # Written out, because every transaction has several and a generated one is not compiled.
    def __init__(self, type: str, attributes: tuple[tuple[str, str], ...]) -> None:  # noqa: A002
        self.type = type
        self.attributes = attributes


Event = Message | CosmosEvent


@dataclass(frozen=True, slots=True)
class BlockInfo:
    """The block in which a rule runs. Its time is the only time there is.

    proposer: its consensus address. last_commit: who signed the previous block. evidence:
    misbehaviour that the block records.
    """

    chain_id: str
    height: int
    time_s: int
    proposer: bytes = b""
    last_commit: tuple[Vote, ...] = ()
    evidence: tuple[Evidence, ...] = ()


class Context:
    """Handed to every rule.

    `store` takes the changes, `block` says when, `events` collects what happened. `signer` is the
    20-byte address that signed the transaction, empty outside transactions.
    """

    __slots__ = ("block", "events", "signer", "store")

    def __init__(self, store: CacheStore, block: BlockInfo, signer: bytes = b"") -> None:
        self.store = store
        self.block = block
        self.signer = signer
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Records that something happened."""
        self.events.append(event)

    def begin_attempt(self) -> Context:
        """A context on top of this one: what is done in it counts once `accept` is called, and has
        never been if it is not.
        """
        return Context(CacheStore(self.store), self.block, self.signer)

    def accept(self, attempt: Context) -> None:
        """Takes over what was done in an attempt, with its events."""
        attempt.store.merge_into(self.store)
        self.events += attempt.events
