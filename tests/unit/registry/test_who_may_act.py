"""The whitelist at work: roles, suspensions, and what the registrar cannot do by accident."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.metering.v1 import tx_pb2 as metering_tx_pb2
from blockenergy.registry.v1 import query_pb2, tx_pb2
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER, Role

from chain import app
from chain.registry import require_active, require_role
from chain.runtime.context import BlockInfo, Context
from chain.runtime.errors import ChainError
from chain.runtime.state.store import CacheStore
from tests.support.streets import people
from tests.support.world import CHAIN_ID, START_S, World

REGISTRAR = people.address_text("registrar")


def act(world: World, kind: str, **fields: Any) -> None:
    message = getattr(tx_pb2, f"Msg{kind}")
    world.block(world.sign("registrar", message(registrar=REGISTRAR, **fields)))
    assert world.results[0].code == 0, world.results[0].log


def is_let_in(world: World, name: str) -> bool:
    world.block(world.send(name, name, 1))
    return world.results[0].code == 0


class TestLifeOfAParticipant:
    def test_between_unregistered_addresses(self) -> None:
        world = World()
        fred = people.address_text("fred")
        assert not is_let_in(world, "fred")
        act(world, "AddParticipant", address=fred, roles=[ROLE_CONSUMER])
        world.block(world.send("ben", "fred", 5))
        assert is_let_in(world, "fred")
        act(world, "SuspendParticipant", address=fred)
        assert not is_let_in(world, "fred")
        act(world, "ReinstateParticipant", address=fred)
        assert is_let_in(world, "fred")
        act(world, "RemoveParticipant", address=fred)
        assert not is_let_in(world, "fred")
        assert world.balance("fred") == 5

    def test_who_comes_back_goes_on_with_the_old_sequence(self) -> None:
        """A transaction from before the removal can never be replayed."""
        world = World()
        fred = people.address_text("fred")
        act(world, "AddParticipant", address=fred, roles=[ROLE_CONSUMER])
        world.block(world.send("ben", "fred", 5))
        first = world.send("fred", "ben", 1)
        world.block(first)
        act(world, "RemoveParticipant", address=fred)
        act(world, "AddParticipant", address=fred, roles=[ROLE_CONSUMER])
        world.block(first)
        assert world.results[0].code == 32
        assert is_let_in(world, "fred")

    def test_a_suspension_acts_within_its_block(self) -> None:
        world = World()
        suspend = tx_pb2.MsgSuspendParticipant(
            registrar=REGISTRAR, address=people.address_text("ben")
        )
        world.block(world.sign("registrar", suspend), world.send("ben", "anna", 1))
        assert [result.code for result in world.results] == [0, 5]


class TestWhoWasRemoved:
    def test_takes_its_money_along_and_does_nothing_else(self) -> None:
        """What still comes to it from a settlement included."""
        world = World()
        world.block()
        slot = world.slot_ahead(1)
        world.block(world.buy("ben", slot, 1_000, 300_000))
        held = 100_000_000 - world.balance("ben")
        remove = [
            metering_tx_pb2.MsgRemoveMeter(registrar=REGISTRAR, meter_id="meter-ben"),
            tx_pb2.MsgRemoveParticipant(registrar=REGISTRAR, address=people.address_text("ben")),
        ]
        world.block(world.sign("registrar", *remove))
        world.block(world.send("ben", "anna", world.balance("ben")), world.buy("ben", slot, 1, 1))
        assert [result.code for result in world.results] == [0, 5]
        world.block(world.send("anna", "ben", 1))
        assert world.results[0].code == 5
        world.block(at=world.deadline_s(slot))
        rest = world.balance("ben")
        assert 0 < rest < held
        world.block(world.send("ben", "anna", rest))
        assert world.results[0].code == 0
        assert world.balance("ben") == 0

    def test_who_is_suspended_keeps_it_until_reinstated(self) -> None:
        world = World()
        suspend = tx_pb2.MsgSuspendParticipant(
            registrar=REGISTRAR, address=people.address_text("ben")
        )
        world.block(world.sign("registrar", suspend))
        world.block(world.send("ben", "anna", 1))
        assert world.results[0].code == 5


class TestRoles:
    @pytest.mark.parametrize("role", sorted(set(Role.values()) - {0}))
    def test_each_message_is_open_to_its_roles_only(self, role: int) -> None:
        world = World({
            "registry.meters[meter-ben]": None,
            "registry.participants[ben]": {"roles": [Role.Name(role)]},
        })  # fmt: skip
        ctx = Context(CacheStore(world.store), BlockInfo(CHAIN_ID, 1, START_S))
        participant = require_active(ctx, people.wallet("ben").address)
        for handler in app.RULES.handlers.values():
            if not handler.roles or role in handler.roles:
                require_role(participant, handler.roles)
            else:
                with pytest.raises(ChainError, match="lacks the role"):
                    require_role(participant, handler.roles)

    def test_who_may_do_what(self) -> None:
        """The table of roles, written out: a change of it is a change of the rules."""
        roles = {
            url.rpartition(".Msg")[2]: sorted(Role.Name(role)[5:] for role in handler.roles)
            for url, handler in app.RULES.handlers.items()
            if handler.roles
        }
        assert roles == {
            "CreateDenom": ["ISSUER"],
            "CreateClient": ["RELAYER"],
            "UpdateClient": ["RELAYER"],
            "RegisterCounterparty": ["RELAYER"],
            "RecvPacket": ["RELAYER"],
            "Acknowledgement": ["RELAYER"],
            "Timeout": ["RELAYER"],
            "Mint": ["ISSUER"],
            "Burn": ["ISSUER"],
            "SubmitReadings": ["BRIDGE"],
            "Buy": ["CONSUMER", "PROSUMER"],
            "Sell": ["PRODUCER", "PROSUMER"],
            "CancelPosition": ["CONSUMER", "PRODUCER", "PROSUMER"],
            "PlaceLimitOrder": ["CONSUMER", "PRODUCER", "PROSUMER"],
            "PlaceStandingOrder": ["CONSUMER", "PRODUCER", "PROSUMER"],
            "AmendLimitOrder": ["CONSUMER", "PRODUCER", "PROSUMER"],
            "SetOffer": ["PRODUCER", "PROSUMER"],
            "BuyOffer": ["CONSUMER", "PROSUMER"],
            "Curtail": ["DISTRIBUTOR"],
            "Charge": ["STORAGE"],
            "Discharge": ["STORAGE"],
            "Shift": ["STORAGE"],
            "OrderForecasts": ["DISTRIBUTOR"],
            "CommitForecast": ["FORECASTER"],
            "RevealForecast": ["FORECASTER"],
            "SubmitForecast": ["FORECASTER"],
            "RegisterModel": ["FORECASTER"],
            "CreateMarket": ["DISTRIBUTOR", "ISSUER"],
            "CreateClass": ["ISSUER"],
            "CertifyDevice": ["CERTIFIER"],
            "SuspendDevice": ["CERTIFIER"],
            "ReinstateDevice": ["CERTIFIER"],
            "WithdrawCertificates": ["CERTIFIER"],
        }


class TestMeters:
    def test_meters_are_found_by_owner_page_by_page(self) -> None:
        world = World({"registry.params": {"meters_per_owner_max": 20}})
        for number in range(7):
            act(world, "AddMeter", **_meter(f"eva-{number}"))
        path = "/blockenergy.registry.v1.Query/Meters"
        found: list[str] = []
        key = b""
        for _ in range(5):
            request = query_pb2.QueryMetersRequest(owner=people.address_text("eva"))
            request.pagination.limit = 3
            request.pagination.key = key
            answer = world.query(path, request, query_pb2.QueryMetersResponse)
            found += [entry.meter_id for entry in answer.meters]
            key = answer.pagination.next_key
            if not key:
                break
        assert found == [*(f"eva-{number}" for number in range(7)), "meter-eva"]

    def test_a_removed_meter_makes_room_for_another(self) -> None:
        world = World({"registry.params": {"meters_per_owner_max": 1}})
        world.block(world.remove_meter("meter-eva"))
        act(world, "AddMeter", **_meter("eva-2"))
        assert world.short()["registry.participants[eva]"]["meters"] == "1"


def _meter(meter_id: str) -> dict[str, Any]:
    return {
        "meter_id": meter_id,
        "owner": people.address_text("eva"),
        "bridge": people.address_text("bridge"),
        "feeder": "south",
        "capacity_w": 1_000,
        "pub_key": people.meter_key_bytes(meter_id),
    }
