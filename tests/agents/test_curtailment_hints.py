"""A feeder's operator curtails what is too much by the forecast, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import pytest
from blockenergy.registry.v1.tx_pb2 import MsgChangeFeeder
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from agents.commands.grid import propose_in_words
from agents.grid.curtailment import Feeder, propose
from agents.grid.live import LineAhead, find_fullest, look_at_lines
from chain.runtime.errors import ChainError
from client.catalog import get_query_by_request
from client.cli import main
from client.errors import RejectedError
from tests.support.streets import people
from tests.support.world import World

R = TypeVar("R", bound=Message)
FEEDER = Feeder(10_000, 8_000, 80_000, 300_000)


def test_what_is_beyond_the_capacity_is_shared_by_all_who_use() -> None:
    found = propose(FEEDER, (9_000, 12_000, 15_000), [6_000, 8_000, -2_000], 1_000)
    assert found is not None
    assert found.is_use
    # 2,000 of 14,000 Wh, rounded up to whole permille.
    assert found.share_permille == 143
    assert found.quantity_wh == 6_000 * 143 // 1000 + 8_000 * 143 // 1000
    assert found.compensation == -(-found.quantity_wh * 220_000 // 1000)
    assert "12000 Wh import" in found.reason


def test_nothing_is_curtailed_while_the_forecast_says_no() -> None:
    assert propose(FEEDER, (9_000, 10_000, 90_000), [10_000], 1_000) is None
    assert propose(FEEDER, (-90_000, -8_000, 0), [-8_000], 1_000) is None
    assert propose(FEEDER, (9_000, 12_000, 15_000), [-5_000], 1_000) is None


def test_production_is_curtailed_when_it_flows_back() -> None:
    found = propose(FEEDER, (-12_000, -10_000, -9_000), [-12_000, 2_000], 100)
    assert found is not None
    assert not found.is_use
    assert found.share_permille == 100
    assert "16.7% would be needed" in found.reason


@given(
    st.integers(-50_000, 50_000),
    st.lists(st.integers(-20_000, 20_000), max_size=8),
    st.integers(1, 1_000),
)
def test_never_more_than_allowed_and_never_less_than_needed(
    middle_wh: int, net_wh: list[int], most: int
) -> None:
    found = propose(FEEDER, (middle_wh, middle_wh, middle_wh), net_wh, most)
    if found is None:
        return
    capacity_wh = 10_000 if middle_wh > 0 else 8_000
    excess_wh = abs(middle_wh) - capacity_wh
    assert excess_wh > 0
    assert 1 <= found.share_permille <= most
    # Each position is rounded down by less than one Wh.
    assert found.share_permille == most or found.quantity_wh > excess_wh - len(net_wh) - 1


class Asking:
    """A chain in memory as a node would answer for it."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __call__(self, request: Message, response_type: type[R]) -> R:
        path = get_query_by_request()[request.DESCRIPTOR.full_name].path
        try:
            return self.world.query(path, request, response_type)
        except ChainError as error:
            raise RejectedError("chain", error.code, str(error)) from error


def find_line(lines: list[LineAhead], feeder: str, slot: int) -> LineAhead:
    return next(line for line in lines if (line.feeder, line.slot) == (feeder, slot))


def test_a_network_is_seen_line_by_line() -> None:
    """A line that lost capacity after its energy was traded is seen, and what is too much named."""
    world = World()
    slot = world.slot_ahead(2)
    world.block(world.buy("clara", slot, 5_000, 300_000), world.buy("ben", slot, 900, 300_000))
    ask = Asking(world)
    before = find_line(look_at_lines(ask, slot - 2, 500), "south", slot)
    assert before.agreed_wh == 5_000
    assert before.proposal is None
    watts = before.capacity_wh and 10_000_000 * 3_000 // before.capacity_wh
    registrar = people.wallet("registrar").text
    change = MsgChangeFeeder(registrar=registrar, feeder="south", capacity_w=watts)
    world.block(world.sign("registrar", change))
    lines = look_at_lines(ask, slot - 2, 500)
    line = find_line(lines, "south", slot)
    assert line.capacity_wh <= 3_000
    assert not line.is_forecast
    assert line.proposal is not None
    assert line.proposal.is_use
    # 2,000 of 5,000 Wh, by whole permille.
    assert 2_000 <= line.proposal.quantity_wh <= 2_010
    assert find_line(lines, "north", slot).proposal is None
    fullest = {one.feeder: one for one in find_fullest(lines)}
    assert fullest.keys() == {"north", "south"}
    assert fullest["south"] == line
    said = "\n".join(propose_in_words(line))
    assert "blockenergy tx market curtail" in said
    assert "once its gate has closed" in said


def test_the_command_counts_hours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for library in ("numpy", "highspy", "lightgbm"):
        pytest.importorskip(library, reason="the extra agents is not installed")
    from streets import make_street, write_street

    write_street(tmp_path, make_street(3, 30))
    arguments = ["agent", "grid", str(tmp_path), "--capacity-w", "2200", "-o", "json"]
    assert main(arguments) == 0
    said = json.loads(capsys.readouterr().out)
    assert 0 < said["hours_over_with_curtailment"] < said["hours_over_capacity"]
    assert said["compensation_eur"] == pytest.approx(0.22 * said["curtailed_kwh"], abs=0.01)
    assert main([*arguments[:4], "0"]) == 2
    assert "--capacity-w 0 is not between" in capsys.readouterr().err
