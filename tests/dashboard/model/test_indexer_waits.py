"""A node that is not as far as its blocks, or does not answer, leaves no slot incomplete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from settled_streets import trade, trade_and_settle
from sqlalchemy import Engine, select
from street_node import StreetNode

from chain import app
from chain.runtime.errors import SdkError
from client.errors import RpcError
from client.node.rpc import Rpc
from dashboard.model.indexer import Indexer
from dashboard.model.tables import SLOT_RESULT, open_tables
from tests.support.world import World, reading

TRADED = [("ben", True, 2_000, 1_000), ("eva", True, 1_000, 500)]
LINES = "/blockenergy.settlement.v1.Query/Lines"


class LateNode(StreetNode):
    """Answers queries from an earlier state while `late` is set, or rejects those of a path."""

    late: StreetNode | None = None
    rejected = ""

    def hold_back(self) -> None:
        """Answers from the present state, whatever happens from now on."""
        self.late = StreetNode(World.from_document(app.export(self.world.store)))
        self.late.world.height, self.late.world.time_s = self.world.height, self.world.time_s
        self.late.blocks = list(self.blocks)

    def _query(self, params: dict[str, Any]) -> dict[str, Any]:
        if params["path"] == self.rejected:
            code = SdkError.INVALID_REQUEST
            said = {
                "code": code.code,
                "codespace": code.codespace,
                "log": "the query reads too much",
            }
            return {"response": said}
        return self.late._query(params) if self.late else super()._query(params)


@pytest.fixture
def node() -> Iterator[LateNode]:
    with LateNode(World({"settlement.params": {"history_slots": 1}})).running() as running:
        assert isinstance(running, LateNode)
        yield running


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_tables(tmp_path / "tables.sqlite")


def read_states(engine: Engine) -> dict[int, str]:
    with engine.connect() as connection:
        rows = connection.execute(select(SLOT_RESULT.c.slot, SLOT_RESULT.c.lines))
        return {row.slot: row.lines for row in rows}


def test_a_block_is_read_when_its_state_is_there(node: LateNode, engine: Engine) -> None:
    """Results of a block can be asked for before the state after it is written."""
    slot, world = trade(node, TRADED), node.world
    node.record(at=world.end_s(slot))
    node.record(world.submit(*(reading(f"meter-{name}", slot, wh) for name, _, _, wh in TRADED)))
    node.hold_back()
    before = len(node.blocks)
    node.record(at=world.deadline_s(slot))
    indexer = Indexer(engine, Rpc(node.url))
    assert indexer.catch_up() == before
    assert slot not in read_states(engine)
    node.late = None
    assert indexer.catch_up() == before + 1
    assert read_states(engine)[slot] == "agree"


def test_a_rejected_query_is_asked_again(node: LateNode, engine: Engine) -> None:
    slot = trade_and_settle(node, TRADED)
    indexer = Indexer(engine, Rpc(node.url))
    node.rejected = LINES
    with pytest.raises(RpcError, match=r"does not give the lines of slot .* reads too much"):
        indexer.catch_up()
    assert not read_states(engine)
    node.rejected = ""
    assert indexer.catch_up() == len(node.blocks)
    assert read_states(engine)[slot] == "agree"


def test_lines_that_the_chain_has_removed_are_not_waited_for(
    node: LateNode, engine: Engine
) -> None:
    slots = [trade_and_settle(node, TRADED) for _ in range(3)]
    assert Indexer(engine, Rpc(node.url)).catch_up() == len(node.blocks)
    states = read_states(engine)
    assert [states[slot] for slot in slots] == ["incomplete", "incomplete", "agree"]
