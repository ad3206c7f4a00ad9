"""The proof of a line that only the tables have, up to the root over the lines of its slot."""

from __future__ import annotations

from blockenergy.settlement.v1.state_pb2 import Line
from sqlalchemy import Connection, select

from chain.runtime.trees.proofs import ProofOp
from client.light.saved import LineGroup, find_group, prove_in_group
from dashboard.answers.rows import read_message, select_lines
from dashboard.model.tables import LINE_GROUP, SLOT_RESULT


def prove_in_tables(
    connection: Connection, slot: int, address: str
) -> tuple[bytes, ProofOp] | None:
    """A line that is in the tables, and the operation that proves it up to the root of its slot;
    None without all lines of the slot, or without this one.
    """
    complete = select(SLOT_RESULT.c.lines).where(SLOT_RESULT.c.slot == slot)
    if connection.scalar(complete) != "agree":
        return None
    kept = select(LINE_GROUP.c.first, LINE_GROUP.c.root).where(LINE_GROUP.c.slot == slot)
    found = connection.execute(kept.order_by(LINE_GROUP.c.first)).all()
    groups = [LineGroup(row.first, row.root) for row in found]
    index = find_group(groups, address)
    if index is None:
        return None
    behind = groups[index + 1].first if index + 1 < len(groups) else b""
    rows = connection.execute(select_lines(slot, groups[index].first, behind)).all()
    lines = [(row.address, read_message(Line, row)) for row in rows]
    return prove_in_group(slot, groups, index, lines, address)
