"""The tables of the chain: blocks, transactions, events, settled slots, and accounts in them.

The columns of a slot and of an account are the fields of the chain's own messages, by the names of
the definitions: quantities in Wh, money in millionths of the settlement token. A row is written
once. The same tables in SQLite and in PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blockenergy.dashboard.v1 import grid_pb2
from blockenergy.settlement.v1 import state_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    insert,
    inspect,
    select,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from chain.runtime.encoding import bech32
from client.errors import ClientError, MissingError

INTEGER_MAX = (1 << 63) - 1
BUSY_TIMEOUT_MS = 5_000
QUERY_TIMEOUT_MS = 5_000
POSTGRESQL = "postgresql://"
STRICT: dict[str, Any] = {"sqlite_with_rowid": False, "sqlite_strict": True}

METADATA = MetaData()
# 64 bits in both: SQLite knows no other, but only one name of it.
NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def _fields(kind: type[Message]) -> list[Column[Any]]:
    return [
        Column(field.name, Text if _is_text(field) else NUMBER, nullable=False)
        for field in kind.DESCRIPTOR.fields
    ]


def _is_text(field: Any) -> bool:
    return bool(field.type == FieldDescriptor.TYPE_STRING)


def key(name: str, kind: Any = NUMBER) -> Column[Any]:
    """A column of a primary key."""
    return Column(name, kind, primary_key=True, autoincrement=False)


def number(name: str, *, nullable: bool = False) -> Column[Any]:
    """A column of whole numbers."""
    return Column(name, NUMBER, nullable=nullable)


def text(name: str) -> Column[Any]:
    """A column of texts."""
    return Column(name, Text, nullable=False)


def blob(name: str) -> Column[Any]:
    """A column of bytes."""
    return Column(name, LargeBinary, nullable=False)


# One row: the chain, and the last block whose rows are here.
CURSOR = Table("cursor", METADATA, key("chain_id", Text), number("height"), blob("hash"), **STRICT)
# Blocks that the node no longer had when they were to be read.
GAP = Table("gap", METADATA, key("first_height"), number("last_height"), **STRICT)
BLOCK = Table(
    "block",
    METADATA,
    key("height"),
    blob("hash"),
    number("time_ns"),
    number("txs"),
    number("failed_txs"),
    **STRICT,
)
# Types and outcome of a transaction; its bytes stay with the node.
TX = Table(
    "tx",
    METADATA,
    key("height"),
    key("number"),
    blob("hash"),
    text("signer"),
    text("types"),
    number("code"),
    text("codespace"),
    text("log"),
    **STRICT,
)
Index("tx_hash", TX.c.hash)
# Events by their place in the block; slot: the one that it names. Readings are in the lines.
EVENT = Table(
    "event",
    METADATA,
    key("height"),
    key("number"),
    number("slot", nullable=True),
    text("type"),
    blob("content"),
    **STRICT,
)
Index("event_slot", EVENT.c.slot, EVENT.c.height, EVENT.c.number)
Index("event_type", EVENT.c.type, EVENT.c.height, EVENT.c.number)
# Whom an event concerns.
EVENT_ACCOUNT = Table(
    "event_account", METADATA, key("account", Text), key("height"), key("number"), **STRICT
)
# The sums of a settled slot, the height of the block that settled it, and whether the lines agree.
SLOT_RESULT = Table(
    "slot_result",
    METADATA,
    key("slot"),
    number("height"),
    text("lines"),
    *_fields(state_pb2.SlotResult),
    **STRICT,
)
# Accounts that have lines, numbered as they come: an address would be half of each line.
ACCOUNT = Table(
    "account", METADATA, key("number"), text("address"), blob("address_bytes"), **STRICT
)
Index("account_address", ACCOUNT.c.address, unique=True)
# Their order is that of the lines below the root of a slot.
Index("account_address_bytes", ACCOUNT.c.address_bytes, unique=True)
ACCOUNT_SLOT = Table(
    "account_slot", METADATA, key("account"), key("slot"), *_fields(state_pb2.Line), **STRICT
)
# Roots over lines of a slot that are next to each other, by the bytes of the first address: with
# them, one of the lines is proven without all the others.
LINE_GROUP = Table(
    "line_group", METADATA, key("slot"), key("first", LargeBinary), blob("root"), **STRICT
)
# Sums over the accounts on a feeder and below it; largest_wh: what of the energy one of them has.
FEEDER_SLOT = Table(
    "feeder_slot",
    METADATA,
    key("slot"),
    key("feeder", Text),
    number("largest_wh"),
    *_fields(grid_pb2.FeederSum),
    **STRICT,
)
Index("feeder_slot_feeder", FEEDER_SLOT.c.feeder, FEEDER_SLOT.c.slot)


def open_tables(place: Path | str, *more: MetaData, any_release: bool = False) -> Engine:
    """Opens the tables in a file or at `postgresql://...`, and makes them if there are none;
    MissingError if it cannot, or if they are of a release with others. more: tables that are not of
    the chain. any_release: they are to be emptied anyway.
    """
    try:
        engine = _make_engine(str(place))
    except (ArgumentError, ValueError) as error:
        raise MissingError(f"{_hide(str(place))} is no address of tables") from error
    try:
        if not any_release:
            _require_same_release(engine)
        for metadata in (METADATA, *more):
            metadata.create_all(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        raise MissingError(
            f"{_hide(str(place))} cannot be used as the dashboard's tables: {_explain(error)}"
        ) from error
    return engine


def _require_same_release(engine: Engine) -> None:
    """Rejects tables whose columns or keys are not those above."""
    found = inspect(engine)
    for table in METADATA.sorted_tables:
        if not found.has_table(table.name):
            continue
        columns = [column["name"] for column in found.get_columns(table.name)]
        keys = found.get_pk_constraint(table.name)["constrained_columns"]
        if columns != table.columns.keys() or keys != table.primary_key.columns.keys():
            raise MissingError(
                f"the tables are of a release with another table {table.name!r}; fill them anew "
                "with blockenergy dashboard rebuild"
            )


def empty_tables(engine: Engine) -> None:
    """Makes the tables of the chain anew, with the columns that they have now."""
    with engine.begin() as connection:
        METADATA.drop_all(connection)
        METADATA.create_all(connection)


def _make_engine(place: str) -> Engine:
    if place.startswith(POSTGRESQL):
        address = place.replace(POSTGRESQL, "postgresql+pg8000://", 1)
        engine = create_engine(address, pool_pre_ping=True)
        event.listen(engine, "connect", _prepare_postgresql)
        return engine
    engine = create_engine(f"sqlite:///{place}")
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _hide(place: str) -> str:
    """A place without its password."""
    beginning, at, end = place.rpartition("@")
    return f"{POSTGRESQL}...@{end}" if at and beginning.startswith(POSTGRESQL) else place


def _explain(error: SQLAlchemyError) -> str:
    """The reason that the database gives, as one line."""
    reason: Any = getattr(error, "orig", None) or type(error).__name__
    details = reason.args[0] if getattr(reason, "args", ()) else reason
    said = details.get("M", details) if isinstance(details, dict) else details
    return str(said).partition("\n")[0]


def make_row(message: Message) -> dict[str, int | str]:
    """The fields of a message as columns; ClientError for a number that no column can hold."""
    row: dict[str, int | str] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        row[field.name] = value if _is_text(field) else int(value)
        if isinstance(value, int) and value > INTEGER_MAX:
            raise ClientError(f"{field.name} is {value}, more than the tables can hold")
    return row


def number_accounts(connection: Connection, addresses: Sequence[str]) -> dict[str, int]:
    """The numbers of accounts by their addresses; those that are new get the next ones."""
    known = {row.address: row.number for row in connection.execute(select(ACCOUNT))}
    new = {one: len(known) + at for at, one in enumerate(sorted(set(addresses) - known.keys()))}
    if new:
        rows = [
            {"number": number, "address": address, "address_bytes": bech32.decode(address)}
            for address, number in new.items()
        ]
        connection.execute(insert(ACCOUNT), rows)
    return known | new


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


def _prepare_postgresql(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET statement_timeout = {QUERY_TIMEOUT_MS}")
    cursor.close()
    connection.commit()
