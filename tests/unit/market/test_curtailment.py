"""Curtailment: a distributor stands in for a share of positions, and nobody else pays for it."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.market.v1 import query_pb2
from blockenergy.market.v1.state_pb2 import SIDE_BUY, SIDE_SELL, Position, Side

from tests.support.rejections import rejections
from tests.support.streets import people, settling
from tests.support.streets.grid_market import GridMarket
from tests.support.world import reading

HIGH, LOW = 300_000, 80_000
DISTRIBUTOR = {
    "registry.participants[auditor]": {"roles": ["ROLE_DISTRIBUTOR"], "status": "STATUS_ACTIVE"},
    "bank.balances[auditor, ueur]": 100_000_000,
}


def agreed(changes: dict[str, Any] | None = None) -> tuple[GridMarket, int]:
    """A slot whose gate has closed, in which everybody has agreed on something."""
    grid = GridMarket(changes)
    world, slot = grid.world, grid.world.slot_ahead(1)
    world.block(
        world.buy("anna", slot, 3_001, HIGH),
        world.buy("ben", slot, 2_000, HIGH),
        world.buy("clara", slot, 4_000, HIGH),
        world.sell("dirk", slot, 5_003, LOW),
        world.buy("eva", slot, 1_000, HIGH),
        world.sell("eva", slot, 3_000, LOW),
    )
    world.block(at=grid.gate_s(slot))
    return grid, slot


def everything(grid: GridMarket, slot: int, names: tuple[str, ...]) -> tuple[int, ...]:
    """What positions of some add up to: Wh, money, fees, securities."""
    found = [grid.position(slot, name) for name in names]
    fields = [field.name for field in Position.DESCRIPTOR.fields]
    counted = [
        name for name in fields if name not in ("hold_id", "feeder", "opposite_start_half_wh")
    ]
    return tuple(sum(getattr(position, name) for position in found) for name in counted)


class TestTakingOver:
    def test_a_share_of_the_use_on_a_feeder_and_those_below_it_goes_over(self) -> None:
        grid, slot = agreed()
        names = ("anna", "ben", "clara", "distributor")
        before, info = everything(grid, slot, names), grid.slot_info(slot)
        balances = {name: grid.world.balance(name) for name in names}
        costs = {name: grid.position(slot, name).cost for name in names}
        free = {name: balances[name] + grid.held(name) for name in names}
        grid.world.block(grid.curtail(slot, "north", SIDE_BUY, 500))
        assert rejections(grid.world) == [""]
        wh = {name: grid.position(slot, name).bought_wh for name in names}
        taken_wh = {"anna": 1_500, "ben": 1_000}
        cost = {name: costs[name] - grid.position(slot, name).cost for name in taken_wh}
        # Half of 3001 Wh is rounded down; Clara is on another feeder.
        assert wh == {"anna": 1_501, "ben": 1_000, "clara": 4_000, "distributor": 2_500}
        assert everything(grid, slot, names) == before
        assert grid.slot_info(slot) == info
        gained = {name: grid.world.balance(name) + grid.held(name) - free[name] for name in names}
        # What they lose if they use it all the same: the highest price instead of the agreed one.
        lost = {name: HIGH * wh // 1_000 - cost[name] for name, wh in taken_wh.items()}
        assert gained == lost | {"clara": 0, "distributor": -sum(lost.values())}

    def test_the_lines_are_relieved(self) -> None:
        grid, slot = agreed()
        assert {name: grid.flow(slot, name) for name in ("north", "yard", "south")} == {
            "north": 5_001, "yard": 2_000, "south": -3_003,
        }  # fmt: skip
        grid.world.block(grid.curtail(slot, "north", SIDE_BUY, 500))
        assert grid.flow(slot, "yard") == 1_000
        assert grid.flow(slot, "north") == 2_501
        assert grid.flow(slot, "south") == -3_003

    def test_only_sellers_are_curtailed_in_production(self) -> None:
        grid, slot = agreed()
        names = ("clara", "dirk", "eva", "distributor")
        before = everything(grid, slot, names)
        bond = grid.position(slot, "dirk").sell_collateral
        grid.world.block(grid.curtail(slot, "south", SIDE_SELL, 300))
        wh = {name: grid.position(slot, name).sold_wh for name in names}
        assert wh == {"clara": 0, "dirk": 3_503, "eva": 1_400, "distributor": 2_100}
        assert everything(grid, slot, names) == before
        assert grid.position(slot, "dirk").sell_collateral == bond - bond * 1_500 // 5_003
        assert grid.flow(slot, "south") == -903

    def test_what_is_taken_over_on_both_sides_is_closed(self) -> None:
        """Else a distributor could buy early and take over sales to sell what it has bought."""
        grid, slot = agreed()
        grid.world.block(grid.curtail(slot, "yard", SIDE_BUY, 1_000))
        grid.world.block(grid.curtail(slot, "south", SIDE_SELL, 300))
        taken = grid.position(slot, "distributor")
        assert (taken.bought_wh, taken.sold_wh) == (0, 100)

    def test_a_whole_position_ends_and_its_hold_with_it(self) -> None:
        grid, slot = agreed()
        grid.world.block(grid.curtail(slot, "yard", SIDE_BUY, 1_000))
        assert f"market.positions[{slot}, ben]" not in grid.world.short()
        assert grid.held("ben") == 0
        assert grid.position(slot, "distributor").bought_wh == 2_000

    def test_a_second_curtailment_takes_its_share_of_what_is_left(self) -> None:
        grid, slot = agreed()
        for left_wh in (1_000, 500, 250):
            grid.world.block(grid.curtail(slot, "yard", SIDE_BUY, 500))
            assert grid.position(slot, "ben").bought_wh == left_wh

    def test_only_the_operator_of_a_feeder_curtails_there_and_below(self) -> None:
        other = {"registry.feeders[yard]": {"operator": "auditor"}}
        grid, slot = agreed(DISTRIBUTOR | other)
        grid.world.block(
            grid.curtail(slot, "yard", SIDE_BUY),
            grid.curtail(slot, "north", SIDE_BUY, distributor="auditor"),
            grid.curtail(slot, "yard", SIDE_BUY, distributor="auditor"),
            # Ben's energy crosses the line of the north as well.
            grid.curtail(slot, "north", SIDE_BUY),
        )
        assert rejections(grid.world) == ["NOT_OPERATOR", "NOT_OPERATOR", "", ""]
        assert grid.position(slot, "ben").bought_wh == 500

    @pytest.mark.parametrize("delivers", [True, False])
    def test_taking_over_a_sale_brings_nothing_to_who_has_a_plant_of_its_own(
        self, delivers: bool
    ) -> None:
        """A friend of the distributor has a plant; its energy is not settled with what was taken,
        and the owner has no less than if nothing had been taken.
        """
        plant = {"registry.meters[meter-auditor]": {
            "owner": "auditor", "bridge": "bridge", "feeder": "south", "capacity_w": 10_000,
            "pub_key": "meter-fred", "status": "STATUS_ACTIVE", "added_at_s": 1_800_000_000,
        }}  # fmt: skip
        money = {}
        for curtails in (True, False):
            grid, slot = agreed(plant)
            world = grid.world
            if curtails:
                world.block(grid.curtail(slot, "south", SIDE_SELL, 1_000))
                assert rejections(world) == [""]
            readings = [reading("meter-dirk", slot, 0, 5_003 if delivers else 0)]
            readings.append(reading("meter-auditor", slot, 0, 5_003, signed_by="meter-fred"))
            readings += [reading("meter-eva", slot, 0, 2_000)]
            world.block(world.submit(*readings), at=world.end_s(slot))
            settling.settle(world, slot)
            sides = {"own": ("distributor", "auditor"), "owners": ("dirk", "eva")}
            money[curtails] = {
                side: sum(world.balance(name) for name in names) for side, names in sides.items()
            }
        assert money[True]["own"] < money[False]["own"]
        assert money[True]["owners"] >= money[False]["owners"]

    def test_it_is_on_record_with_its_reason(self) -> None:
        grid, slot = agreed()
        grid.world.block(grid.curtail(slot, "north", SIDE_BUY, 500))
        grid.world.block(grid.curtail(slot, "south", SIDE_SELL, 300))
        request = query_pb2.QueryCurtailmentsRequest(slot=slot)
        path = "/blockenergy.market.v1.Query/Curtailments"
        answer = grid.world.query(path, request, query_pb2.QueryCurtailmentsResponse)
        first, second = (entry.curtailment for entry in answer.curtailments)
        assert (first.feeder, first.side, first.share_permille) == ("north", SIDE_BUY, 500)
        assert (first.positions, first.quantity_wh) == (2, 2_500)
        assert first.reason == second.reason == "The line is being repaired."
        assert people.name_of(first.distributor) == "distributor"
        assert (second.positions, second.quantity_wh) == (2, 2_100)

    def test_the_energy_is_still_due_but_from_the_distributor(self) -> None:
        grid, slot = agreed()
        world = grid.world
        world.block(grid.curtail(slot, "yard", SIDE_BUY, 1_000))
        cost = grid.position(slot, "distributor").cost
        world.block(world.submit(reading("meter-ben", slot, 700, 0)), at=world.end_s(slot))
        settling.settle(world, slot)
        # Ben uses 700 Wh all the same, at the highest price; the distributor gets the lowest for
        # the 2 kWh that it bought and did not use.
        assert settling.line_of(world, slot, "ben").charged == 210_000
        line = settling.line_of(world, slot, "distributor")
        assert (line.cost, line.imbalance_credit) == (cost, 160_000)


class TestRejections:
    def test_it_takes_place_between_gate_closure_and_the_end_of_the_slot(self) -> None:
        grid = GridMarket()
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(world.buy("ben", slot, 2_000, HIGH))
        world.block(grid.curtail(slot, "yard", SIDE_BUY), at=grid.gate_s(slot) - 1)
        assert rejections(world) == ["GATE_OPEN"]
        world.block(grid.curtail(slot, "yard", SIDE_BUY), at=grid.gate_s(slot))
        assert rejections(world) == [""]
        world.block(grid.curtail(slot, "yard", SIDE_BUY), at=world.end_s(slot) - 1)
        assert rejections(world) == [""]
        world.block(grid.curtail(slot, "yard", SIDE_BUY), at=world.end_s(slot))
        assert rejections(world) == ["SLOT_OVER"]

    @pytest.mark.parametrize(
        ("feeder", "side", "share", "code"),
        [
            ("nowhere", SIDE_BUY, 500, "FEEDER_UNKNOWN"),
            ("", SIDE_BUY, 500, "FEEDER_UNKNOWN"),
            ("yard", 0, 500, "SIDE_INVALID"),
            ("yard", 7, 500, "SIDE_INVALID"),
            ("yard", SIDE_BUY, 0, "SHARE_INVALID"),
            ("yard", SIDE_BUY, 1_001, "SHARE_INVALID"),
            ("yard", SIDE_SELL, 500, "NOTHING_TO_CURTAIL"),
        ],
    )
    def test_what_makes_no_sense_changes_nothing(
        self, feeder: str, side: Side, share: int, code: str
    ) -> None:
        grid, slot = agreed()
        positions = [path for path in grid.world.short() if "positions" in path]
        grid.world.block(grid.curtail(slot, feeder, side, share))
        assert rejections(grid.world) == [code]
        assert [path for path in grid.world.short() if "positions" in path] == positions

    def test_it_has_to_be_covered(self) -> None:
        grid, slot = agreed({"bank.balances[distributor, ueur]": 1_000})
        grid.world.block(grid.curtail(slot, "yard", SIDE_BUY))
        assert rejections(grid.world) == ["INSUFFICIENT_FUNDS"]

    def test_no_more_positions_than_the_parameter_allows(self) -> None:
        grid, slot = agreed({"market.params": {"curtailed_positions_max": 1}})
        grid.world.block(grid.curtail(slot, "north", SIDE_BUY))
        assert rejections(grid.world) == ["TOO_MANY_POSITIONS"]
        grid.world.block(grid.curtail(slot, "yard", SIDE_BUY))
        assert rejections(grid.world) == [""]

    def test_positions_that_it_only_looks_at_count_as_well(self) -> None:
        # Clara buys on the feeder where Dirk and Eva sell.
        grid, slot = agreed({"market.params": {"curtailed_positions_max": 2}})
        grid.world.block(grid.curtail(slot, "south", SIDE_SELL))
        assert rejections(grid.world) == ["TOO_MANY_POSITIONS"]
        grid, slot = agreed({"market.params": {"curtailed_positions_max": 3}})
        grid.world.block(grid.curtail(slot, "south", SIDE_SELL))
        assert rejections(grid.world) == [""]

    def test_feeders_on_which_nobody_trades_count_as_well(self) -> None:
        empty = {f"registry.feeders[yard-{number}]": {"parent": "yard"} for number in range(3)}
        limit: dict[str, Any] = {"market.params": {"curtailed_positions_max": 3}}
        grid, slot = agreed({**empty, **limit})
        grid.world.block(grid.curtail(slot, "yard", SIDE_BUY))
        assert rejections(grid.world) == ["TOO_MANY_POSITIONS"]
        grid.world.block(grid.curtail(slot, "yard-0", SIDE_BUY))
        assert rejections(grid.world) == ["NOTHING_TO_CURTAIL"]
