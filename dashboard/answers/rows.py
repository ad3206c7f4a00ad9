"""Rows of tables as the messages whose fields they have, and sums of them."""

from __future__ import annotations

from typing import Any, TypeVar

from blockenergy.metering.v1.state_pb2 import QUALITY_MEASURED
from blockenergy.options.v1 import options_pb2 as options
from blockenergy.settlement.v1.state_pb2 import Line
from google.protobuf.message import Message
from sqlalchemy import ColumnElement, FromClause, Select, and_, func, select

from client.definitions import get_fields, get_unit
from dashboard.model.tables import ACCOUNT, ACCOUNT_SLOT

M = TypeVar("M", bound=Message)

# What of a line can be added up: energy and money.
ADDED = [
    name
    for name, field in get_fields(Line).items()
    if get_unit(field) in (options.UNIT_WH, options.UNIT_MONEY)
]


def read_message(kind: type[M], row: Any) -> M:
    """The message that `tables.make_row` made a row of."""
    return kind(**{name: getattr(row, name) for name in get_fields(kind)})


def select_lines(slot: int, first: bytes = b"", behind: bytes = b"") -> Select[Any]:
    """The lines of a slot, with the address of each account: all, or those of addresses, in bytes,
    from `first` on to before `behind`. Rows are in the order of accounts, so that each account is
    looked up. As a sum its number is not looked up by that of each line, which
    a database that knows no better would do with the lines of all slots.
    """
    is_own = ACCOUNT_SLOT.c.account == ACCOUNT.c.number + 0
    query = select(ACCOUNT.c.address, ACCOUNT_SLOT).join_from(ACCOUNT, ACCOUNT_SLOT, is_own)
    query = query.where(ACCOUNT_SLOT.c.slot == slot)
    if first:
        query = query.where(ACCOUNT.c.address_bytes >= first)
    return query.where(ACCOUNT.c.address_bytes < behind) if behind else query


def is_line_of(account: str, slots: range) -> ColumnElement[bool]:
    """Whether a row of lines is of an account, by its address, and of one of the slots."""
    number = select(ACCOUNT.c.number).where(ACCOUNT.c.address == account).scalar_subquery()
    within = ACCOUNT_SLOT.c.slot.between(slots.start, slots.stop - 1)
    return and_(ACCOUNT_SLOT.c.account == number, within)


def add_columns(table: FromClause) -> list[Any]:
    """The sums of the columns of lines, by their names, and the worst of their qualities."""
    columns = [func.coalesce(func.sum(table.c[name]), 0).label(name) for name in ADDED]
    return [*columns, *_worst(table)]


def read_sum(row: Any) -> Line:
    """A line with the sums of `add_columns`; what is not energy or money of it is left out."""
    return _make_line({name: int(getattr(row, name)) for name in ADDED}, row.quality, row.inexact)


def add_lines(lines: list[Line]) -> Line:
    """The same of lines that are at hand."""
    total = {name: sum(getattr(line, name) for line in lines) for name in ADDED}
    worst = max((line.quality for line in lines), default=QUALITY_MEASURED)
    return _make_line(total, worst, any(line.inexact for line in lines))


def _make_line(values: dict[str, Any], quality: int, inexact: bool) -> Line:
    values |= {"quality": quality, "inexact": bool(inexact)}
    return Line(**values)


def _worst(table: FromClause) -> list[Any]:
    return [
        func.coalesce(func.max(table.c[name]), 0).label(name) for name in ("quality", "inexact")
    ]
