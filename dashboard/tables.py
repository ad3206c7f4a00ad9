"""The tables: a row for each block, settled slot, and account in a slot, and one for the cursor.

The columns of a slot and of an account are the fields of the chain's own messages, by the names of
the definitions: quantities in Wh, money in millionths of the settlement token. A row is written
once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from blockenergy.settlement.v1 import state_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from sqlalchemy import (
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy.exc import SQLAlchemyError

from client.errors import ClientError, MissingError

INTEGER_MAX = (1 << 63) - 1
BUSY_TIMEOUT_MS = 5_000
_STRICT: dict[str, Any] = {"sqlite_with_rowid": False, "sqlite_strict": True}

METADATA = MetaData()


def _fields(kind: type[Message]) -> list[Column[Any]]:
    return [
        Column(field.name, Text if _is_text(field) else Integer, nullable=False)
        for field in kind.DESCRIPTOR.fields
    ]


def _is_text(field: Any) -> bool:
    return bool(field.type == FieldDescriptor.TYPE_STRING)


def _key(name: str, kind: type[Integer | Text] = Integer) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


# One row: the chain, and the last block whose rows are here.
CURSOR = Table(
    "cursor",
    METADATA,
    _key("chain_id", Text),
    Column("height", Integer, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    **_STRICT,
)
# Blocks that the node no longer had when they were to be read.
GAP = Table(
    "gap", METADATA, _key("first_height"), Column("last_height", Integer, nullable=False), **_STRICT
)
BLOCK = Table(
    "block",
    METADATA,
    _key("height"),
    Column("hash", LargeBinary, nullable=False),
    Column("time_ns", Integer, nullable=False),
    Column("txs", Integer, nullable=False),
    Column("failed_txs", Integer, nullable=False),
    **_STRICT,
)
# The sums of a settled slot, the height of the block that settled it, and whether the lines agree.
SLOT_RESULT = Table(
    "slot_result",
    METADATA,
    _key("slot"),
    Column("height", Integer, nullable=False),
    Column("lines", Text, nullable=False),
    *_fields(state_pb2.SlotResult),
    **_STRICT,
)
ACCOUNT_SLOT = Table(
    "account_slot",
    METADATA,
    _key("account", Text),
    _key("slot"),
    *_fields(state_pb2.Line),
    **_STRICT,
)


def open_tables(path: Path) -> Engine:
    """Opens the tables in a file, and makes them if there are none; MissingError if it cannot."""
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _prepare)
    try:
        METADATA.create_all(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        reason = getattr(error, "orig", None) or type(error).__name__
        raise MissingError(f"{path} cannot be used as the dashboard's tables: {reason}") from error
    return engine


def make_row(message: Message) -> dict[str, int | str]:
    """The fields of a message as columns; ClientError for a number that no column can hold."""
    row: dict[str, int | str] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        row[field.name] = value if _is_text(field) else int(value)
        if isinstance(value, int) and value > INTEGER_MAX:
            raise ClientError(f"{field.name} is {value}, more than the tables can hold")
    return row


def _prepare(connection: Any, _: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
