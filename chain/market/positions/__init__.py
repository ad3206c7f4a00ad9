"""Positions: what an account has bought and sold for a slot, and the one hold that secures it.

Promises that an account has either bought or sold, and that between blocks the hold has exactly
the cost and the collateral; while orders wait for the end of the block, it has what they reserve as
well.
"""

from chain.market.positions.charges import Charges, get_charges
from chain.market.positions.closing import close_both_sides
from chain.market.positions.influence import Traded, add_traded, get_traded
from chain.market.positions.keeper import (
    Share,
    Trade,
    add_to_position,
    add_to_slot,
    book_trade,
    compute_share,
    get_grid_node,
    is_empty,
    lock_collateral,
    lock_from_hold,
    note_order,
    remove_if_empty,
    require_position,
    take_share,
    unlock_collateral,
)

__all__ = [
    "Charges",
    "Share",
    "Trade",
    "Traded",
    "add_to_position",
    "add_to_slot",
    "add_traded",
    "book_trade",
    "close_both_sides",
    "compute_share",
    "get_charges",
    "get_grid_node",
    "get_traded",
    "is_empty",
    "lock_collateral",
    "lock_from_hold",
    "note_order",
    "remove_if_empty",
    "require_position",
    "take_share",
    "unlock_collateral",
]
