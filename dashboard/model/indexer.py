"""The indexer: reads each block of a node once, and writes its rows and the cursor together.

Killed at any point, it continues behind the last block that is wholly there. Lines of accounts are
in no event, so they are asked for when a slot is settled; the chain does not change them after.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from blockenergy.settlement.v1 import events_pb2, query_pb2, state_pb2
from google.protobuf.message import Message
from sqlalchemy import Connection, Engine, insert, select, update

from client.errors import ClientError, RejectedError, RpcError
from client.light.saved import LineGroup, compute_lines_root, group_lines
from client.node.rpc import Rpc
from client.node.rpc_types import Block, BlockResults, Json
from client.queries import get_state_height, query, query_pages
from client.watch import decode_events
from dashboard.model.events import make_event_rows, make_tx_rows, write_rows
from dashboard.model.registry import Registry
from dashboard.model.tables import (
    ACCOUNT_SLOT,
    BLOCK,
    CURSOR,
    FEEDER_SLOT,
    GAP,
    LINE_GROUP,
    SLOT_RESULT,
    make_row,
    number_accounts,
)

# Of larger slots only the result is kept.
LINES_MAX = 10_000
PAGE_LINES = 100

Line = query_pb2.QueryLineResponse
Lines = Literal["agree", "differ", "incomplete"]

# What a line and a result both have is, in the result, the sum over the lines.
SUMMED = sorted(
    {field.name for field in state_pb2.Line.DESCRIPTOR.fields}
    & {field.name for field in state_pb2.SlotResult.DESCRIPTOR.fields}
)


@dataclass(frozen=True, slots=True)
class _Settled:
    """A settled slot, and its lines as far as there are."""

    event: events_pb2.EventSlotSettled
    lines: list[Line]


class Indexer:
    """Fills the tables from a node.

    Raises ClientError where the tables are of another chain than the node's.
    """

    def __init__(self, engine: Engine, rpc: Rpc) -> None:
        self._engine = engine
        self._rpc = rpc
        self._registry = Registry(rpc)
        self._chain_id = rpc.status().chain_id
        with engine.begin() as connection:
            cursor = connection.execute(select(CURSOR)).one_or_none()
            if cursor is None:
                row = {"chain_id": self._chain_id, "height": 0, "hash": b""}
                connection.execute(insert(CURSOR).values(row))
        self._height = cursor.height if cursor else 0
        if cursor:
            self._require_same_chain(cursor.chain_id, cursor.hash)

    def catch_up(self, stop: threading.Event | None = None) -> int:
        """Reads the blocks up to the node's latest, or until `stop` is set; returns the height
        reached.

        Raises RpcError if the node fails; what was read until then is kept.
        """
        earliest, latest = self._rpc.read(_parse_range, "status", {})
        # The lines of a slot are not there before the block that settles it is in the state.
        latest = min(latest, get_state_height(self._rpc))
        if self._height + 1 < earliest:
            self._skip_to(earliest)
        while self._height < latest and not (stop and stop.is_set()):
            self._read(self._height + 1)
        return self._height

    def _require_same_chain(self, chain_id: str, block_hash: bytes) -> None:
        if chain_id != self._chain_id:
            raise ClientError(
                f"the tables are of chain {chain_id}, and the node is on {self._chain_id}; "
                "choose another file with --tables"
            )
        earliest, latest = self._rpc.read(_parse_range, "status", {})
        if self._height > latest:
            raise ClientError(
                f"the tables reach block {self._height}, and the node only {latest}; wait until it "
                "has caught up, or choose another file with --tables if its chain began anew"
            )
        # A block that the node no longer has cannot be compared.
        if self._height >= max(earliest, 1) and self._rpc.block(self._height).hash != block_hash:
            raise ClientError(
                f"block {self._height} of the node is another than the one in the tables, so its "
                "chain is another too; choose another file with --tables"
            )

    def _skip_to(self, earliest: int) -> None:
        """Notes the blocks that the node no longer has."""
        with self._engine.begin() as connection:
            gap = {"first_height": self._height + 1, "last_height": earliest - 1}
            connection.execute(insert(GAP).values(gap))
            self._move(connection, earliest - 1, b"")
        self._height = earliest - 1

    def _read(self, height: int) -> None:
        """One block: asked for first, then written in one transaction."""
        block, results = self._rpc.block(height), self._rpc.block_results(height)
        if (block.height, results.height, block.chain_id) != (height, height, self._chain_id):
            raise RpcError(f"the node at {self._rpc.node} returned another block than {height}")
        events = _decode(results)
        self._registry.hear(events)
        tx_rows = make_tx_rows(block, results.tx_results)
        event_rows, concerned = make_event_rows(height, events, self._registry)
        settled = [
            _Settled(event, self._ask_for_lines(event))
            for event in events
            if isinstance(event, events_pb2.EventSlotSettled)
        ]
        with self._engine.begin() as connection:
            self._move(connection, height, block.hash)
            _write_block(connection, block, results)
            write_rows(connection, tx_rows, event_rows, concerned)
            for slot in settled:
                _write_slot(connection, height, slot)
            _write_feeders(connection, events)
        self._height = height

    def _ask_for_lines(self, event: events_pb2.EventSlotSettled) -> list[Line]:
        """All lines of a slot, as far as the chain still has them.

        Raises RpcError where the node has them and does not give them.
        """
        lines: list[Line] = []
        if event.result.parties > LINES_MAX:
            return lines
        request = query_pb2.QueryLinesRequest(slot=event.slot)
        request.pagination.limit = PAGE_LINES
        try:
            for page in query_pages(self._rpc, request, query_pb2.QueryLinesResponse):
                lines += page.lines
                if len(lines) > event.result.parties:
                    break
            if len(lines) >= event.result.parties or self._is_removed(event.slot):
                return lines
        except RejectedError as error:
            raise RpcError(
                f"the node at {self._rpc.node} does not give the lines of slot {event.slot}: "
                f"{error.sentence}"
            ) from error
        raise RpcError(f"the node at {self._rpc.node} has not all lines of slot {event.slot} yet")

    def _is_removed(self, slot: int) -> bool:
        """Whether the chain removes, or has removed, the lines of a slot."""
        asked = query_pb2.QueryProgressRequest()
        found = query(self._rpc, asked, query_pb2.QueryProgressResponse)
        return slot < found.progress.history_from

    def _move(self, connection: Connection, height: int, block_hash: bytes) -> None:
        """Moves the cursor, unless another process has done so."""
        moved = connection.execute(
            update(CURSOR)
            .where(CURSOR.c.height == self._height)
            .values(height=height, hash=block_hash)
        )
        if moved.rowcount != 1:
            raise ClientError("another process writes to the same tables; end one of the two")


def compare_lines(
    event: events_pb2.EventSlotSettled, lines: Sequence[Line], groups: Sequence[LineGroup]
) -> Lines:
    """Whether the lines of a slot are all there, and add up to its result and to its root.

    Slots that were settled before there were roots have none.
    """
    result = event.result
    if len(lines) != result.parties:
        return "incomplete"
    is_equal = all(
        sum(getattr(one.line, name) for one in lines) == getattr(result, name) for name in SUMMED
    )
    if is_equal and event.lines_root:
        is_equal = compute_lines_root(groups) == event.lines_root
    return "agree" if is_equal else "differ"


def _decode(results: BlockResults) -> list[Message]:
    """The typed events of a block in the order of execution."""
    of_txs = [event for result in results.tx_results for event in decode_events(result.events)]
    return [*of_txs, *decode_events(results.block_events)]


def _write_block(connection: Connection, block: Block, results: BlockResults) -> None:
    row = {
        "height": block.height,
        "hash": block.hash,
        "time_ns": block.time_ns,
        "txs": len(block.txs),
        "failed_txs": sum(result.code != 0 for result in results.tx_results),
    }
    connection.execute(insert(BLOCK).values(row))


def _write_slot(connection: Connection, height: int, settled: _Settled) -> None:
    event, lines = settled.event, settled.lines
    groups = group_lines(event.slot, [(one.owner, one.line) for one in lines])
    head = {"slot": event.slot, "height": height, "lines": compare_lines(event, lines, groups)}
    connection.execute(insert(SLOT_RESULT).values(head | make_row(event.result)))
    numbers = number_accounts(connection, [one.owner for one in lines])
    rows = [
        {"account": numbers[one.owner], "slot": event.slot, **make_row(one.line)} for one in lines
    ]
    if rows:
        connection.execute(insert(ACCOUNT_SLOT), rows)
        group_rows = [{"slot": event.slot, **group._asdict()} for group in groups]
        connection.execute(insert(LINE_GROUP), group_rows)


def _write_feeders(connection: Connection, events: Sequence[Message]) -> None:
    rows = [
        {"feeder": one.feeder, "slot": event.slot, **make_row(one.sum)}
        for event in events
        if isinstance(event, events_pb2.EventFeedersSettled)
        for one in event.feeders
    ]
    if rows:
        connection.execute(insert(FEEDER_SLOT), rows)


def _parse_range(result: Json) -> tuple[int, int]:
    """The first and the last block that a node has."""
    sync = result["sync_info"]
    return int(sync["earliest_block_height"]), int(sync["latest_block_height"])
