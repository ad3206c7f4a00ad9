"""What other modules read of settled slots, and what they have paid for them."""

from __future__ import annotations

from blockenergy.settlement.v1 import state_pb2

from chain import carbon, market
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError
from chain.runtime.state.collections import HasStore
from chain.settlement import default_fund
from chain.settlement.keeper import SettlementError
from chain.settlement.slot import emissions
from chain.settlement.state import LINE_ROOTS, LINES, PARAMS, PROGRESS


def get_next_slot(state: HasStore) -> int:
    """The first slot that is not settled; those before it are."""
    return PROGRESS.get_shared(state).slot


def get_history_from(state: HasStore) -> int:
    """The lines of slots before this one are being removed or gone."""
    return PROGRESS.get_shared(state).history_from


def get_line(state: HasStore, slot: int, owner: bytes) -> state_pb2.Line | None:
    """How an account's slot was settled, or None; to be read only."""
    return LINES.get_shared(state, (slot, owner))


def make_line_key(slot: int, owner: bytes) -> bytes:
    """The key of a line in the tree of this module."""
    return LINES.make_tree_key((slot, owner))


def read_line_key(key: bytes) -> tuple[int, bytes]:
    """The slot and the owner of the line with a key; ValueError if it is of no line."""
    slot, owner = LINES.read_tree_key(key)
    if len(owner) != bech32.ADDRESS_BYTES:
        raise ValueError("the owner of a line is an address")
    return slot, owner


def write_line(line: state_pb2.Line) -> bytes:
    """What the tree of this module has under the key of a line."""
    return LINES.value.encode(line)


def make_root_key(slot: int) -> bytes:
    """The key, in the tree of this module, of the root over the lines of a slot."""
    return LINE_ROOTS.make_tree_key(slot)


def require_line(state: HasStore, slot: int, owner: bytes) -> state_pb2.Line:
    """As `get_line`; rejects an account without a line."""
    line = LINES.get_shared(state, (slot, owner))
    if line is None:
        raise ChainError(SettlementError.LINE_UNKNOWN, f"slot {slot}")
    return line


def get_claimable(state: HasStore, slot: int, line: state_pb2.Line) -> carbon.Claimable:
    """A line as certificates and offsets see it; the sums of its slot are there."""
    carbon_slot = carbon.get_carbon_slot(state, slot, line.zone)
    assert carbon_slot is not None, "a line has outlived the factors of its slot"
    return emissions.get_claimable(line, carbon_slot, is_battery=bool(line.exempt_wh))


def get_matched_claim_wh(state: HasStore, slot: int, line: state_pb2.Line) -> int:
    """What is matched of the renewable energy that an account bought and used."""
    return carbon.get_matched_claim_wh(state, slot, line.claim_feeder, line.claim_wh)


def pay_refund(ctx: Context, slot: int, owner: bytes, amount: int) -> None:
    """Refunds part of a carbon charge from the fund of its slot; the default fund owes what is
    missing there.
    """
    denom = market.get_slot_params(ctx, slot).settlement_denom
    payment = carbon.refund(ctx, slot, owner, denom, amount)
    default_fund.owe_for(ctx, slot, owner, payment.owed)


def close_window(ctx: Context, slot: int, beneficiary: bytes) -> int:
    """Pays what a slot has in the carbon fund to the beneficiary; the default fund owes it what is
    missing there. Returns what was paid.
    """
    denom = market.get_slot_params(ctx, slot).settlement_denom
    payment = carbon.close_slot(ctx, slot, beneficiary, denom)
    default_fund.owe_for(ctx, slot, beneficiary, payment.owed)
    return payment.paid


def get_history_slots(state: HasStore) -> int:
    """For how many slots lines are kept."""
    return PARAMS.get_shared(state).history_slots
