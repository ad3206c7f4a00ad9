"""Tie lines as messages and packets use them: their accounts, and what they can still carry."""

from __future__ import annotations

import re
from typing import Final

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.tielines.v1 import errors_pb2, state_pb2

from chain import bank
from chain.runtime.calendar import SECONDS_PER_DAY
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, ErrorCodes, require
from chain.runtime.state.collections import HasStore
from chain.tielines.state import SCHEDULES, TIE_LINES

TieLinesError = ErrorCodes("tielines", errors_pb2.Error.DESCRIPTOR)
TIE_LINES_MAX = 64
_NAME: Final = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)
_TEXT_CHARACTERS_MAX = 80
OPPOSITE: Final[dict[market_pb2.Side, market_pb2.Side]] = {
    market_pb2.SIDE_BUY: market_pb2.SIDE_SELL,
    market_pb2.SIDE_SELL: market_pb2.SIDE_BUY,
}


def is_name(name: str) -> bool:
    """Whether a tie line can have this name."""
    return bool(_NAME.fullmatch(name))


def get_account(name: str) -> bytes:
    """The account that trades for a tie line."""
    return bank.module_account(f"tie line {name}")


def require_tie_line(state: HasStore, name: str) -> state_pb2.TieLine:
    """A tie line; rejects an unknown one."""
    found = TIE_LINES.get(state, name) if is_name(name) else None
    if found is None:
        raise ChainError(TieLinesError.TIE_LINE_UNKNOWN, name[:_TEXT_CHARACTERS_MAX])
    return found


def require_operator(state: HasStore, name: str, operator: str) -> state_pb2.TieLine:
    """A tie line; rejects who does not operate it."""
    line = require_tie_line(state, name)
    require(line.operator == operator, TieLinesError.NOT_OPERATOR)
    return line


def get_schedule(state: HasStore, slot: int, name: str) -> state_pb2.Schedule:
    """What a tie line has agreed in a slot."""
    return SCHEDULES.get(state, (slot, name)) or state_pb2.Schedule()


def list_exports(state: HasStore, slot: int) -> dict[bytes, int]:
    """What each tie line takes out of the region in a slot by what both have agreed, in Wh net,
    whatever becomes of what is pending, by its account; 0 where it may bring more than it takes.
    """
    exports = {}
    for name, _ in TIE_LINES.items(state):
        found = get_schedule(state, slot, name)
        brought_wh = found.imported_wh + found.pending_import_wh
        exports[get_account(name)] = max(0, found.exported_wh - brought_wh)
    return exports


def compute_left_wh(line: state_pb2.TieLine, schedule: state_pb2.Schedule) -> tuple[int, int]:
    """What the line can still carry from here to there, and from there to here, in Wh: whatever
    becomes of what is pending, neither direction exceeds the capacity.
    """
    net_wh = schedule.exported_wh - schedule.imported_wh
    export_wh = line.capacity_wh - net_wh - schedule.pending_export_wh
    import_wh = line.capacity_wh + net_wh - schedule.pending_import_wh
    return max(0, export_wh), max(0, import_wh)


def add_pending(
    ctx: Context,
    line: state_pb2.TieLine,
    schedule: state_pb2.Schedule,
    side: market_pb2.Side,
    quantity_wh: int,
) -> None:
    """Counts what is to be traded here against all limits of the line; rejects it before it changes
    anything. The caller writes both.
    """
    is_export = side == market_pb2.SIDE_BUY
    left_wh = compute_left_wh(line, schedule)[not is_export]
    require(quantity_wh <= left_wh, TieLinesError.LINE_FULL, f"{left_wh} Wh are left")
    packets_left = schedule.packets < line.packets_per_slot_max
    require(packets_left, TieLinesError.LIMIT_REACHED, "packets of the slot")
    today = ctx.block.time_s // SECONDS_PER_DAY
    traded_wh = line.traded_wh if line.day == today else 0
    left_wh = max(0, line.traded_per_day_max_wh - traded_wh)
    require(quantity_wh <= left_wh, TieLinesError.LIMIT_REACHED, f"{left_wh} Wh are left today")
    line.day, line.traded_wh = today, traded_wh + quantity_wh
    schedule.packets += 1
    if is_export:
        schedule.pending_export_wh += quantity_wh
    else:
        schedule.pending_import_wh += quantity_wh


def end_pending(
    schedule: state_pb2.Schedule, side: market_pb2.Side, quantity_wh: int, agreed_wh: int
) -> None:
    """Takes a quantity out of what is pending, of which a part was agreed."""
    if side == market_pb2.SIDE_BUY:
        schedule.pending_export_wh -= quantity_wh
        schedule.exported_wh += agreed_wh
    else:
        schedule.pending_import_wh -= quantity_wh
        schedule.imported_wh += agreed_wh


def add_back(schedule: state_pb2.Schedule, side: market_pb2.Side, quantity_wh: int) -> None:
    """Notes what was traded here on a side for nothing there."""
    if side == market_pb2.SIDE_BUY:
        schedule.back_export_wh += quantity_wh
    else:
        schedule.back_import_wh += quantity_wh


def set_schedule(ctx: Context, slot: int, name: str, schedule: state_pb2.Schedule) -> None:
    """Writes what a tie line has agreed in a slot."""
    SCHEDULES.set(ctx, (slot, name), schedule)
