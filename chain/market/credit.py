"""What an account may order: nothing while it owes too much, no more than its connections carry.

What it has bought and bid for in a slot, and what it has sold and asked for, are each within that:
its purchases do not count against its sales, because they may be cancelled. An order that closes a
position is thus possible, and after it one that opens another.
"""

from __future__ import annotations

from chain import bank, metering, registry
from chain.market.keeper import MarketError
from chain.market.open_slot import OpenSlot
from chain.market.state import OFFERS, PARAMS, POSITIONS, RESTING
from chain.runtime.errors import require
from chain.runtime.state.collections import HasStore


def require_credit(state: HasStore, owner: bytes) -> None:
    """Rejects orders of an account that owes more than its credit limit."""
    params = PARAMS.get_shared(state)
    owed = bank.get_arrears(state, owner, params.settlement_denom)
    require(owed <= params.credit_limit, MarketError.IN_ARREARS, f"{owed} is owed")


def require_minimum(slot: OpenSlot, quantity_wh: int) -> None:
    """Rejects an order of less than the minimum."""
    min_wh = slot.params.order_min_wh
    require(quantity_wh >= min_wh, MarketError.QUANTITY_TOO_SMALL, f"min {min_wh} Wh")


def require_within_connections(
    state: HasStore,
    slot: OpenSlot,
    owner: bytes,
    is_buy: bool,
    quantity_wh: int,
    replaced_wh: int = 0,
) -> int:
    """Rejects an order with which a side of the account has more than its connections carry;
    returns the part of it that no energy source of the account backs, which of a purchase is none.

    replaced_wh: of an order on record that the new one replaces.
    """
    connections = registry.get_connections(state, owner)
    taken_wh = _get_taken_wh(state, slot.number, owner, is_buy) - replaced_wh
    left_wh = metering.compute_slot_energy_wh(state, connections.capacity_w) - taken_wh
    fits = quantity_wh <= left_wh
    require(fits, MarketError.BEYOND_CONNECTION, f"{max(0, left_wh)} Wh are left")
    if is_buy:
        return 0
    backed_wh = metering.compute_slot_energy_wh(state, connections.source_capacity_w) - taken_wh
    return quantity_wh - min(quantity_wh, max(0, backed_wh))


def _get_taken_wh(state: HasStore, slot: int, owner: bytes, is_buy: bool) -> int:
    """What an account has bought and bid for, or sold, asked for and offered."""
    key, taken_wh = (slot, owner), 0
    position = POSITIONS.get_shared(state, key)
    if position is not None and is_buy:
        taken_wh += position.bought_wh + position.pending_buy_wh
    elif position is not None:
        taken_wh += position.sold_wh + position.pending_sell_wh
    resting = RESTING.get_shared(state, key)
    if resting is not None:
        taken_wh += resting.bid_wh if is_buy else resting.ask_wh
    if not is_buy and (offer := OFFERS.get_shared(state, key)) is not None:
        taken_wh += offer.available_wh
    return taken_wh
