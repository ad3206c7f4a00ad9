"""How far the tables reach, what they lack, and which slots do not add up."""

from __future__ import annotations

from sqlalchemy import Engine, func, select

from client.errors import NotFoundError
from dashboard.model.tables import CURSOR, GAP, SLOT_RESULT

SLOTS_LISTED_MAX = 100


def make_report(engine: Engine) -> dict[str, object]:
    """Values by name, those of 64 bits as texts. NotFoundError if nothing was read yet."""
    with engine.connect() as connection:
        cursor = connection.execute(select(CURSOR)).one_or_none()
        if cursor is None:
            raise NotFoundError("the tables are empty: no node was read yet")
        missing = select(func.coalesce(func.sum(GAP.c.last_height - GAP.c.first_height + 1), 0))
        count = select(SLOT_RESULT.c.lines, func.count().label("slots")).group_by(
            SLOT_RESULT.c.lines
        )
        slots: dict[str, int] = {row.lines: row.slots for row in connection.execute(count)}
        differing = (
            select(SLOT_RESULT.c.slot)
            .where(SLOT_RESULT.c.lines == "differ")
            .order_by(SLOT_RESULT.c.slot)
            .limit(SLOTS_LISTED_MAX)
        )
        return {
            "chain_id": cursor.chain_id,
            "height": str(cursor.height),
            "missing_blocks": str(connection.execute(missing).scalar_one()),
            "slots_that_agree": slots.get("agree", 0),
            "slots_without_all_lines": slots.get("incomplete", 0),
            "slots_that_differ": [str(slot) for slot in connection.scalars(differing)],
        }
