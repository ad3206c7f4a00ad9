"""Credits of this chain on others, and of others here.

A batch of another chain has the name of the client before its own: 07-tendermint-0/C1-moor-...
"""

from __future__ import annotations

from blockenergy.carbontransfer.v1 import packet_pb2, state_pb2
from blockenergy.credits.v1 import state_pb2 as credits_pb2

from chain import bank, credits
from chain.carbontransfer.keeper import CarbonTransferError
from chain.carbontransfer.state import CREDIT_ESCROWS
from chain.runtime.context import Context
from chain.runtime.errors import require
from chain.runtime.state.collections import HasStore
from chain.runtime.units import AMOUNT_MAX


def get_escrow_account(client_id: str) -> bytes:
    """The account that has the credits which have left over a client."""
    return bank.module_account(f"carbon transfer {client_id}")


def get_foreign_name(client_id: str, batch: str) -> str:
    """The name here of a batch of another chain."""
    return f"{client_id}/{batch}"


def make_content(
    state: HasStore, client_id: str, batch_id: str, grams: int
) -> packet_pb2.CarbonPacket:
    """What a packet with credits says, without sender and receiver; rejects credits that do not go
    over this client.
    """
    require(grams, CarbonTransferError.GRAMS_INVALID)
    foreign = credits.get_foreign(state, batch_id)
    if foreign is not None:
        same = foreign.client_id == client_id
        require(same, CarbonTransferError.ORIGIN_DIFFERS, f"they came over {foreign.client_id}")
        home = packet_pb2.CreditsHome(batch=foreign.batch, grams=grams)
        return packet_pb2.CarbonPacket(credits_home=home)
    batch, entry, project = credits.require_native(state, batch_id)
    lot = packet_pb2.CreditLot(
        batch=batch_id,
        grams=grams,
        class_id=batch.class_id,
        methodology=entry.methodology,
        project=batch.project,
        jurisdiction=project.jurisdiction,
        vintage_start_s=batch.vintage_start_s,
        vintage_end_s=batch.vintage_end_s,
    )
    return packet_pb2.CarbonPacket(credits=lot)


def lock(ctx: Context, client_id: str, owner: bytes, batch_id: str, grams: int) -> None:
    """Locks credits that leave over a client; rejects what the balance does not cover."""
    credits.send_abroad(ctx, owner, get_escrow_account(client_id), batch_id, grams)
    key = (client_id, batch_id)
    CREDIT_ESCROWS.set(ctx, key, (CREDIT_ESCROWS.get(ctx, key) or 0) + grams)


def come_home(ctx: Context, client_id: str, home: packet_pb2.CreditsHome, receiver: bytes) -> None:
    """Unlocks credits for their receiver; rejects more than has left over the client."""
    left_g = _get_left_g(ctx, client_id, home.batch)
    require(0 < home.grams <= left_g, CarbonTransferError.MORE_THAN_LEFT, f"{left_g} g")
    _unlock(ctx, client_id, home.batch, receiver, home.grams)


def take_back(ctx: Context, client_id: str, lot: packet_pb2.CreditLot, sender: bytes) -> int:
    """Unlocks for their sender what the other chain has not taken, and returns how much it was: no
    more than is counted.
    """
    grams = min(lot.grams, _get_left_g(ctx, client_id, lot.batch))
    if grams:
        _unlock(ctx, client_id, lot.batch, sender, grams)
    return grams


def receive(
    ctx: Context,
    client_id: str,
    route: state_pb2.Route,
    lot: packet_pb2.CreditLot,
    receiver: bytes,
) -> None:
    """Gives a receiver credits of another chain; rejects a batch too many, and what cannot be.

    route: counts a batch that is new; the caller writes it.
    """
    name, batch = get_foreign_name(client_id, lot.batch), _make_batch(client_id, lot)
    found = credits.find_foreign_batch(ctx, name)
    if found is None:
        most = route.batches_max
        require(route.batches < most, CarbonTransferError.TOO_MANY_BATCHES, f"{most}")
        route.batches += 1
        found = batch
    sound = credits.is_sound(batch) and batch.vintage_end_s <= ctx.block.time_s
    fits = sound and 0 < lot.grams <= AMOUNT_MAX - found.minted_g
    require(fits, CarbonTransferError.PACKET_INVALID, "the batch")
    known = (found.foreign, found.vintage_start_s, found.vintage_end_s)
    same = known == (batch.foreign, batch.vintage_start_s, batch.vintage_end_s)
    require(same, CarbonTransferError.BATCH_DIFFERS)
    credits.bring_in(ctx, name, found, receiver, lot.grams)


def take_home_back(
    ctx: Context, client_id: str, home: packet_pb2.CreditsHome, sender: bytes
) -> None:
    """Gives their sender again what has not come home."""
    credits.take_back(ctx, sender, get_foreign_name(client_id, home.batch), home.grams)


def _make_batch(client_id: str, lot: packet_pb2.CreditLot) -> credits_pb2.Batch:
    return credits_pb2.Batch(
        vintage_start_s=lot.vintage_start_s,
        vintage_end_s=lot.vintage_end_s,
        foreign=credits_pb2.ForeignBatch(
            client_id=client_id,
            batch=lot.batch,
            class_id=lot.class_id,
            methodology=lot.methodology,
            project=lot.project,
            jurisdiction=lot.jurisdiction,
        ),
    )


def _get_left_g(state: HasStore, client_id: str, batch_id: str) -> int:
    return CREDIT_ESCROWS.get(state, (client_id, batch_id)) or 0


def _unlock(ctx: Context, client_id: str, batch_id: str, recipient: bytes, grams: int) -> None:
    key = (client_id, batch_id)
    left_g = _get_left_g(ctx, client_id, batch_id) - grams
    if left_g:
        CREDIT_ESCROWS.set(ctx, key, left_g)
    else:
        CREDIT_ESCROWS.delete(ctx, key)
    credits.bring_home(ctx, get_escrow_account(client_id), recipient, batch_id, grams)
