"""The tables hold what the chain says, each block once, whatever happens to the indexer."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blockenergy.settlement.v1.events_pb2 import EventSlotSettled
from blockenergy.settlement.v1.query_pb2 import QueryLineResponse
from blockenergy.settlement.v1.state_pb2 import Line, SlotResult
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from settled_streets import Traded, trade_and_settle
from sqlalchemy import Engine, delete, event, func, insert, select, text, update
from street_node import StreetNode

from client.cli import main
from client.errors import ClientError
from client.light.saved import group_lines
from client.node.rpc import Rpc
from dashboard.answers.rows import select_lines
from dashboard.model.accounts import SERVER_METADATA, USED_NONCE
from dashboard.model.indexer import SUMMED, Indexer, compare_lines
from dashboard.model.tables import (
    ACCOUNT_SLOT,
    BLOCK,
    CURSOR,
    METADATA,
    SLOT_RESULT,
    make_row,
    open_tables,
)
from dashboard.report import make_report
from tests.support.streets import people
from tests.support.streets.settling import has_line, line_of, result_of
from tests.support.world import World

DEADLINE_S = 60


@pytest.fixture
def node() -> Iterator[StreetNode]:
    with StreetNode(World()).running() as running:
        assert isinstance(running, StreetNode)
        yield running


def dump(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {
            table.name: [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in METADATA.sorted_tables
        }


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ben", "clara", "eva"]),
            st.booleans(),
            st.integers(1, 5).map(lambda kwh: kwh * 1_000),
            st.integers(0, 6_000),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_rows_are_what_the_chain_answers(tmp_path_factory: Any, traded: Traded) -> None:
    engine = open_tables(tmp_path_factory.mktemp("tables") / "tables.sqlite")
    with StreetNode(World()).running() as node:
        assert isinstance(node, StreetNode)
        slot = trade_and_settle(node, traded)
        assert Indexer(engine, Rpc(node.url)).catch_up() == len(node.blocks)
        world = node.world
    with engine.connect() as connection:
        result = connection.execute(select(SLOT_RESULT).where(SLOT_RESULT.c.slot == slot)).one()
        lines = connection.execute(select_lines(slot)).all()
        blocks = connection.execute(
            select(func.count(), func.sum(BLOCK.c.txs)).select_from(BLOCK)
        ).one()
    assert result.lines == "agree"
    expected = make_row(result_of(world, slot))
    assert {name: result._mapping[name] for name in expected} == expected
    assert len(lines) == result.parties
    names = {people.address_text(name): name for name in (*people.GRID, *people.HOUSEHOLDS)}
    for line in lines:
        told = make_row(line_of(world, slot, names[line.address]))
        assert {name: line._mapping[name] for name in told} == told
    for name in SUMMED:
        assert sum(line._mapping[name] for line in lines) == result._mapping[name], name
    assert tuple(blocks) == (len(node.blocks), sum(len(txs) for _, txs, _ in node.blocks))


def test_killed_anywhere_it_loses_and_doubles_nothing(
    node: StreetNode, make_place: Callable[[], str]
) -> None:
    for _ in range(4):
        trade_and_settle(node, [("ben", True, 2_000, 1_000), ("eva", True, 1_000, 500)])
    killed, whole = make_place(), make_place()
    Indexer(open_tables(whole), Rpc(node.url)).catch_up()
    command = [sys.executable, "-m", "client.cli", "dashboard", "index", "--once"]
    command += ["--node", node.url, "--tables", killed]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    kills = 0
    for extra in (2, 9, 16, 23):
        before, deadline = len(node.requests), time.monotonic() + DEADLINE_S
        process = subprocess.Popen(command, env=paths)
        while process.poll() is None and len(node.requests) < before + extra:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills
    assert subprocess.run(command, env=paths, timeout=DEADLINE_S, check=False).returncode == 0
    assert dump(open_tables(killed)) == dump(open_tables(whole))


def index_and_die(place: str, url: str, steps: int) -> None:
    """Fills tables, and kills its own process after a number of statements and commits."""
    engine, left = open_tables(place), iter(range(steps))

    def count(*_: object) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "commit"):
        event.listen(engine, name, count)
    Indexer(engine, Rpc(url)).catch_up()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_killed_at_each_step_it_loses_and_doubles_nothing(
    node: StreetNode, make_place: Callable[[], str]
) -> None:
    trade_and_settle(node, [("ben", True, 2_000, 1_000), ("eva", True, 1_000, 500)])
    whole = open_tables(make_place())
    Indexer(whole, Rpc(node.url)).catch_up()
    fork = multiprocessing.get_context("fork")
    for steps in itertools.count():
        place = make_place()
        process = fork.Process(target=index_and_die, args=(place, node.url, steps))
        process.start()
        process.join(DEADLINE_S)
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        killed = open_tables(place)
        Indexer(killed, Rpc(node.url)).catch_up()
        assert dump(killed) == dump(whole), steps
        killed.dispose()
    assert steps > 4 * len(node.blocks)


def test_filled_anew_the_tables_are_the_same_and_sessions_stay(
    node: StreetNode, make_place: Callable[[], str]
) -> None:
    trade_and_settle(node, [("ben", True, 2_000, 1_000)])
    place = make_place()
    engine = open_tables(place, SERVER_METADATA)
    Indexer(engine, Rpc(node.url)).catch_up()
    whole = dump(engine)
    with engine.begin() as connection:
        connection.execute(delete(ACCOUNT_SLOT))
        connection.execute(update(CURSOR).values(height=1))
        connection.execute(insert(USED_NONCE).values(nonce="n", expires_at_s=1))
    assert main(["dashboard", "rebuild", "--node", node.url, "--tables", place]) == 0
    assert dump(engine) == whole
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(USED_NONCE)).scalar_one() == 1
    # Without a node nothing is emptied.
    assert main(["dashboard", "rebuild", "--node", "http://127.0.0.1:1", "--tables", place]) == 3
    assert dump(engine) == whole


def test_tables_of_another_release_are_filled_anew_or_not_at_all(
    node: StreetNode, make_place: Callable[[], str]
) -> None:
    trade_and_settle(node, [("ben", True, 2_000, 1_000)])
    place = make_place()
    engine = open_tables(place)
    Indexer(engine, Rpc(node.url)).catch_up()
    whole = dump(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE feeder_slot RENAME COLUMN meters TO homes"))
    with pytest.raises(ClientError, match="'feeder_slot'; fill them anew"):
        open_tables(place)
    assert main(["dashboard", "rebuild", "--node", node.url, "--tables", place]) == 0
    assert dump(open_tables(place)) == whole


def test_blocks_that_the_node_no_longer_has_are_noted(node: StreetNode, tmp_path: Path) -> None:
    trade_and_settle(node, [("ben", True, 2_000, 1_000)])
    node.first = 4
    engine = open_tables(tmp_path / "tables.sqlite")
    Indexer(engine, Rpc(node.url)).catch_up()
    assert dump(engine)["gap"] == [(1, 3)]
    assert make_report(engine)["missing_blocks"] == "3"
    assert [row[0] for row in dump(engine)["block"]] == list(range(4, len(node.blocks) + 1))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"chain_id": "other-1"}, "are of chain street-1, and the node is on other-1"),
        ({"salt": "other"}, "is another than the one in the tables"),
        ({"blocks": []}, "and the node only 0"),
    ],
)
def test_another_chain_is_not_mixed_in(
    node: StreetNode, tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    node.record()
    engine = open_tables(tmp_path / "tables.sqlite")
    Indexer(engine, Rpc(node.url)).catch_up()
    before = dump(engine)
    for name, value in change.items():
        setattr(node, name, value)
    with pytest.raises(ClientError, match=sentence):
        Indexer(engine, Rpc(node.url)).catch_up()
    assert dump(engine) == before


def test_of_two_indexers_one_stops_and_no_row_is_doubled(
    node: StreetNode, make_place: Callable[[], str]
) -> None:
    engine = open_tables(make_place())
    first, second = Indexer(engine, Rpc(node.url)), Indexer(engine, Rpc(node.url))
    node.record()
    first.catch_up()
    with pytest.raises(ClientError, match="another process writes"):
        second.catch_up()
    with engine.connect() as connection:
        assert connection.execute(select(CURSOR.c.height)).scalar_one() == 1


@pytest.mark.parametrize("name", SUMMED)
def test_a_sum_that_differs_is_found(name: str) -> None:
    lines = [QueryLineResponse(line=Line(**{name: 2})), QueryLineResponse(line=Line(**{name: 3}))]
    results = [
        SlotResult(parties=parties, **{name: total}) for parties, total in ((2, 5), (2, 6), (3, 5))
    ]
    found = [compare_lines(EventSlotSettled(result=result), lines, []) for result in results]
    assert found == ["agree", "differ", "incomplete"]


def test_a_line_that_is_not_below_the_root_is_found(node: StreetNode) -> None:
    """Two lines of the same sums, at the other owner each."""
    trade_and_settle(node, [("ben", True, 2_000, 1_000), ("eva", True, 1_000, 500)])
    [settled] = [
        one
        for _, _, result in node.blocks
        for one in result.events
        if isinstance(one, EventSlotSettled) and one.result.parties > 1
    ]
    slot, names = settled.slot, ("ben", "eva")
    owners = {name: people.address_text(name) for name in names}
    lines = {name: line_of(node.world, slot, name) for name in names}
    rest = [
        QueryLineResponse(owner=owner, line=line_of(node.world, slot, name))
        for name, owner in people_with_lines(node.world, slot).items()
        if name not in names
    ]

    def make(first: str, second: str) -> list[QueryLineResponse]:
        swapped = [
            QueryLineResponse(owner=owners["ben"], line=lines[first]),
            QueryLineResponse(owner=owners["eva"], line=lines[second]),
        ]
        return rest + swapped

    found = [
        compare_lines(settled, made, group_lines(slot, [(one.owner, one.line) for one in made]))
        for made in (make("ben", "eva"), make("eva", "ben"))
    ]
    assert found == ["agree", "differ"]


def people_with_lines(world: World, slot: int) -> dict[str, str]:
    everybody = (*people.GRID, *people.HOUSEHOLDS)
    return {name: people.address_text(name) for name in everybody if has_line(world, slot, name)}


def test_a_number_that_no_column_holds_stops_the_indexer() -> None:
    with pytest.raises(ClientError, match=r"cash is 9223372036854775808"):
        make_row(EventSlotSettled(result=SlotResult(cash=1 << 63)).result)
