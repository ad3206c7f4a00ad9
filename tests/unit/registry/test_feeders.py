"""The tree of feeders, and where in it an account stands."""

from __future__ import annotations

from typing import Any

from blockenergy.registry.v1 import query_pb2, tx_pb2
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER

from chain import registry
from chain.registry.rules import FEEDER_DEPTH_MAX
from tests.support.streets import people
from tests.support.world import World

REGISTRAR = people.address_text("registrar")
TOO_MANY = registry.RegistryError.TOO_MANY_FEEDERS.code


def act(world: World, kind: str, **fields: Any) -> int:
    message = getattr(tx_pb2, f"Msg{kind}")
    world.block(world.sign("registrar", message(registrar=REGISTRAR, **fields)))
    return world.results[0].code


def place_of(world: World, name: str) -> str:
    return registry.get_feeder_of(world.state, people.wallet(name).address)


def meter(meter_id: str, feeder: str = "south", **fields: Any) -> dict[str, Any]:
    return {
        "meter_id": meter_id,
        "owner": people.address_text("eva"),
        "bridge": people.address_text("bridge"),
        "feeder": feeder,
        "capacity_w": 1_000,
        "pub_key": people.meter_key_bytes(meter_id),
        **fields,
    }


class TestTheTree:
    def test_the_path_leads_up_to_the_head_of_the_grid(self) -> None:
        world = World()
        act(
            world, "AddFeeder", feeder="lane", parent="north", capacity_w=50_000, grid_fee_per_kwh=7
        )
        act(world, "AddFeeder", feeder="yard", parent="lane", capacity_w=20_000)
        path = registry.get_path(world.state, "yard")
        assert [(name, info.capacity_w, info.grid_fee_per_kwh) for name, info in path] == [
            ("yard", 20_000, 0),
            ("lane", 50_000, 7),
            ("north", 10_000_000, 0),
        ]
        assert registry.get_path(world.state, "") == []

    def test_a_change_reaches_everything_below_and_nothing_else(self) -> None:
        world = World()
        act(world, "AddFeeder", feeder="lane", parent="north", capacity_w=50_000)
        before = registry.get_path(world.state, "south")
        act(world, "ChangeFeeder", feeder="north", capacity_w=70_000, grid_fee_per_kwh=9)
        above = registry.get_path(world.state, "lane")[1]
        assert (above[0], above[1].capacity_w, above[1].grid_fee_per_kwh) == ("north", 70_000, 9)
        assert registry.get_path(world.state, "south") == before

    def test_as_deep_as_may_be_and_no_deeper(self) -> None:
        world = World({"registry.params": {"feeders_max": 100}})
        parent, codes = "north", []
        for number in range(2, FEEDER_DEPTH_MAX + 2):
            codes.append(act(world, "AddFeeder", feeder=f"n{number}", parent=parent, capacity_w=1))
            parent = f"n{number}"
        assert codes == [0] * (FEEDER_DEPTH_MAX - 1) + [TOO_MANY]
        # At the head there is still room.
        assert act(world, "AddFeeder", feeder="west", capacity_w=1) == 0

    def test_as_many_as_may_be_and_no_more(self) -> None:
        world = World({"registry.params": {"feeders_max": 4}})
        codes = [act(world, "AddFeeder", feeder=f"f{number}", capacity_w=1) for number in range(3)]
        assert codes == [0, 0, TOO_MANY]
        assert world.short()["registry.feeder_count"] == "4"

    def test_all_are_found_page_by_page(self) -> None:
        world = World()
        for name in ("west", "east", "lane"):
            act(world, "AddFeeder", feeder=name, capacity_w=1)
        found, key = [], b""
        while not found or key:
            request = query_pb2.QueryFeedersRequest()
            request.pagination.limit, request.pagination.key = 2, key
            path = "/blockenergy.registry.v1.Query/Feeders"
            answer = world.query(path, request, query_pb2.QueryFeedersResponse)
            found += [entry.feeder for entry in answer.feeders]
            key = answer.pagination.next_key
        assert found == ["east", "lane", "north", "south", "west"]
        assert found == [name for name, _ in registry.get_feeders(world.state)]


class TestWhereAnAccountStands:
    def test_who_has_no_meter_stands_at_the_head_of_the_grid(self) -> None:
        world = World()
        assert place_of(world, "eva") == "south"
        assert place_of(world, "auditor") == ""
        assert place_of(world, "fred") == ""

    def test_the_last_meter_takes_the_place_with_it(self) -> None:
        world = World()
        act(world, "AddMeter", **meter("eva-2"))
        world.block(world.remove_meter("meter-eva"))
        assert place_of(world, "eva") == "south"
        world.block(world.remove_meter("eva-2"))
        assert place_of(world, "eva") == ""
        assert act(world, "AddMeter", **meter("eva-3", feeder="north")) == 0
        assert place_of(world, "eva") == "north"

    def test_a_suspended_meter_holds_the_place(self) -> None:
        world = World()
        act(world, "SuspendMeter", meter_id="meter-eva")
        code = act(world, "AddMeter", **meter("eva-2", feeder="north"))
        assert code == registry.RegistryError.OTHER_FEEDER.code
        assert place_of(world, "eva") == "south"

    def test_who_was_removed_and_comes_back_stands_nowhere(self) -> None:
        world, eva = World(), people.address_text("eva")
        world.block(world.remove_meter("meter-eva"))
        act(world, "RemoveParticipant", address=eva)
        act(world, "AddParticipant", address=eva, roles=[ROLE_CONSUMER])
        assert place_of(world, "eva") == ""

    def test_two_meters_of_one_account_cannot_be_added_to_two_feeders_in_one_block(self) -> None:
        world = World()
        world.block(world.remove_meter("meter-eva"))
        messages = [
            tx_pb2.MsgAddMeter(registrar=REGISTRAR, **meter(f"eva-{feeder}", feeder=feeder))
            for feeder in ("north", "south")
        ]
        world.block(*(world.sign("registrar", message) for message in messages))
        codes = [result.code for result in world.results]
        assert codes == [0, registry.RegistryError.OTHER_FEEDER.code]
