"""Credits of this chain on others, and of others here.

What leaves is moved to an account of the client that it leaves over. What comes is a batch of its
own, a denomination as any other: held, sold and retired in the same ways, but never an offset.
"""

from __future__ import annotations

from collections.abc import Iterator

from blockenergy.credits.v1 import events_pb2, state_pb2

from chain import bank
from chain.credits import keeper, rules
from chain.credits.keeper import CreditsError
from chain.credits.state import BATCHES, PROJECTS
from chain.runtime.context import Context
from chain.runtime.errors import require
from chain.runtime.state.collections import HasStore


def get_foreign(state: HasStore, batch_id: str) -> state_pb2.ForeignBatch | None:
    """Where a batch of another chain comes from, None for one of this chain; rejects an unknown
    one.
    """
    batch = keeper.require_batch(state, batch_id)
    return batch.foreign if batch.HasField("foreign") else None


def require_native(
    state: HasStore, batch_id: str
) -> tuple[state_pb2.Batch, state_pb2.Class, state_pb2.Project]:
    """A batch that this chain has made, with its class and project; rejects one of a registry."""
    batch = keeper.require_batch(state, batch_id)
    entry = keeper.require_class(state, batch.class_id)
    require(not entry.origin, CreditsError.ORIGIN_DIFFERS)
    project = PROJECTS.get(state, (batch.class_id, batch.project))
    assert project is not None
    return batch, entry, project


def send_abroad(ctx: Context, owner: bytes, escrow: bytes, batch_id: str, grams: int) -> None:
    """Moves credits that leave to an escrow account; rejects what the balance does not cover."""
    bank.transfer(ctx, owner, escrow, keeper.get_denom(batch_id), grams)
    batch = keeper.require_batch(ctx, batch_id)
    batch.abroad_g += grams
    BATCHES.set(ctx, batch_id, batch)


def bring_home(ctx: Context, escrow: bytes, recipient: bytes, batch_id: str, grams: int) -> None:
    """Pays credits out of an escrow account, which has as many."""
    bank.transfer(ctx, escrow, recipient, keeper.get_denom(batch_id), grams)
    batch = keeper.require_batch(ctx, batch_id)
    batch.abroad_g -= grams
    BATCHES.set(ctx, batch_id, batch)


def find_foreign_batch(state: HasStore, batch_id: str) -> state_pb2.Batch | None:
    """A batch of another chain by its name here, None if nothing of it has come."""
    return BATCHES.get(state, batch_id)


def is_sound(batch: state_pb2.Batch) -> bool:
    """Whether a batch of another chain has names, a place and times such as those made here."""
    foreign = batch.foreign
    return (
        rules.is_batch(foreign.batch)
        and rules.is_class(foreign.class_id)
        and all(rules.is_name(name) for name in (foreign.methodology, foreign.project))
        and rules.is_jurisdiction(foreign.jurisdiction)
        and batch.vintage_start_s < batch.vintage_end_s
    )


def bring_in(
    ctx: Context, batch_id: str, batch: state_pb2.Batch, recipient: bytes, grams: int
) -> None:
    """Mints credits of another chain in a batch, which becomes one if it is new."""
    if not BATCHES.has(ctx, batch_id):
        denom = keeper.get_denom(batch_id)
        bank.create_denom(ctx, denom, "", keeper.SYMBOL, keeper.DECIMALS)
        ctx.emit(events_pb2.EventBatchCreated(batch_id=batch_id, batch=batch))
    bank.mint(ctx, recipient, keeper.get_denom(batch_id), grams)
    batch.minted_g += grams
    BATCHES.set(ctx, batch_id, batch)


def send_home(ctx: Context, owner: bytes, batch_id: str, grams: int) -> None:
    """Burns credits of another chain that go home; rejects what the balance does not cover."""
    bank.burn(ctx, owner, keeper.get_denom(batch_id), grams)
    batch = keeper.require_batch(ctx, batch_id)
    batch.exported_g += grams
    BATCHES.set(ctx, batch_id, batch)


def take_back(ctx: Context, owner: bytes, batch_id: str, grams: int) -> None:
    """Mints again what has not come home."""
    batch = keeper.require_batch(ctx, batch_id)
    batch.exported_g -= grams
    BATCHES.set(ctx, batch_id, batch)
    bank.mint(ctx, owner, keeper.get_denom(batch_id), grams)


def list_abroad(state: HasStore) -> Iterator[tuple[str, int]]:
    """The batches, and what each has abroad in g."""
    return ((batch_id, batch.abroad_g) for batch_id, batch in BATCHES.items(state))


def count_foreign_batches(state: HasStore, client_id: str) -> int:
    """How many batches have come over a client."""
    return sum(batch.foreign.client_id == client_id for _, batch in BATCHES.items(state))
