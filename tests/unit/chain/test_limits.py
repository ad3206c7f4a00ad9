"""Every limit is the last value that is taken: at the limit all is well, one more is rejected."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.bank.v1 import tx_pb2 as bank_tx_pb2
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2
from blockenergy.registry.v1.energy_source_pb2 import EnergySource
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin

from tests.support.streets import people
from tests.support.world import START_S, World, reading

REGISTRAR = people.address_text("registrar")


def outcomes(world: World, *txs: bytes) -> list[tuple[str, int]]:
    world.block(*txs)
    return [(result.codespace, result.code) for result in world.results]


def _send() -> MsgSend:
    return MsgSend(
        from_address=people.address_text("ben"),
        to_address=people.address_text("anna"),
        amount=[Coin(denom="ueur", amount="1")],
    )


class TestTransactions:
    def test_memo(self) -> None:
        world = World()
        # Two bytes each: bytes count, not letters.
        assert outcomes(world, world.sign("ben", _send(), memo="ä" * 128)) == [("", 0)]
        assert outcomes(world, world.sign("ben", _send(), memo="ä" * 128 + "x")) == [("sdk", 12)]

    def test_messages(self) -> None:
        world = World()
        assert outcomes(world, world.sign("ben", *[_send()] * 16)) == [("", 0)]
        assert outcomes(world, world.sign("ben", *[_send()] * 17)) == [("sdk", 18)]

    def test_bytes(self) -> None:
        size = len(World().sign("ben", _send(), memo="x" * 900))
        limits = {"auth.params": {"tx_bytes_max": size, "memo_bytes_max": 901}}
        world = World(limits)
        assert outcomes(world, world.spoil("ben", _send(), memo="x" * 901)) == [("sdk", 21)]
        assert outcomes(world, world.sign("ben", _send(), memo="x" * 900)) == [("", 0)]

    def test_gas_limit(self) -> None:
        world = World()
        assert outcomes(world, world.spoil("ben", _send(), gas_limit=25_000_001)) == [("sdk", 18)]
        assert outcomes(world, world.sign("ben", _send(), gas_limit=25_000_000)) == [("", 0)]


class TestRegistry:
    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"meter_id": "m" * 64}, 0),
            ({"meter_id": "m" * 65}, 13),
            ({"meter_id": "a.b_c-D9"}, 0),
            ({"meter_id": "a/b"}, 13),
            ({"meter_id": "ä"}, 13),
            ({"meter_id": "a\n"}, 13),
            ({"capacity_w": 1_000_000}, 0),
            ({"capacity_w": 1}, 0),
            ({"initial_export_wh": 2**62 - 1}, 0),
            ({"initial_export_wh": 2**62}, 13),
            ({"pub_key": people.meter_key_bytes("m")[:31]}, 13),
            ({"pub_key": people.meter_key_bytes("m") + bytes(1)}, 13),
            ({"pub_key": bytes(32)}, 13),
            ({"pub_key": b"\xff" * 32}, 13),
            ({"pub_key": people.meter_key_bytes("meter-ben")}, 21),
            ({"energy_source": max(EnergySource.values())}, 0),
            ({"energy_source": max(EnergySource.values()) + 1}, 13),
            ({"energy_source": -1}, 13),
        ],
    )
    def test_meter(self, fields: dict[str, Any], code: int) -> None:
        good: dict[str, Any] = {
            "meter_id": "m", "owner": people.address_text("eva"), "feeder": "south",
            "capacity_w": 5, "bridge": people.address_text("bridge"),
            "pub_key": people.meter_key_bytes("m"),
        }  # fmt: skip
        world = World()
        message = registry_tx_pb2.MsgAddMeter(registrar=REGISTRAR, **{**good, **fields})
        world.block(world.sign("registrar", message))
        assert world.results[0].code == code

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"feeder": "f" * 64}, 0),
            ({"feeder": "f" * 65}, 18),
            ({"feeder": "a.b_c-D9"}, 0),
            ({"feeder": "a/b"}, 18),
            ({"feeder": "ä"}, 18),
            ({"feeder": "a\n"}, 18),
            ({"capacity_w": 0}, 0),
            ({"capacity_w": 10**12}, 0),
            ({"capacity_w": 10**12 + 1}, 18),
            ({"grid_fee_per_kwh": 10**12}, 0),
            ({"grid_fee_per_kwh": 10**12 + 1}, 18),
        ],
    )
    def test_feeder(self, fields: dict[str, Any], code: int) -> None:
        world = World()
        good = {"feeder": "west", "parent": "north", "capacity_w": 5}
        message = registry_tx_pb2.MsgAddFeeder(registrar=REGISTRAR, **{**good, **fields})
        world.block(world.sign("registrar", message))
        assert world.results[0].code == code


class TestBank:
    @pytest.mark.parametrize(
        ("denom", "symbol", "decimals", "code"),
        [
            ("abc", "T", 0, 0),
            ("ab", "T", 0, 2),
            ("a" * 128, "T", 18, 0),
            ("a" * 129, "T", 18, 2),
            ("x/A-1.b_c:d", "T", 6, 0),
            # What comes from other chains is called so.
            ("ibc/A-1.b_c:d", "T", 6, 2),
            ("a b", "T", 6, 2),
            ("abc\n", "T", 6, 2),
            ("äbc", "T", 6, 2),
            ("abc", "T" * 16, 6, 0),
            ("abc", "T" * 17, 6, 2),
            ("abc", "A B", 6, 2),
            ("abc", "€", 6, 2),
            ("abc", "T", 19, 2),
        ],
    )
    def test_denomination(self, denom: str, symbol: str, decimals: int, code: int) -> None:
        world = World()
        message = bank_tx_pb2.MsgCreateDenom(
            issuer=people.address_text("issuer"), denom=denom, symbol=symbol, decimals=decimals
        )
        world.block(world.sign("issuer", message))
        assert world.results[0].code == code


class TestMarketAndMetering:
    @pytest.mark.parametrize(("quantity_wh", "code"), [(1, 0), (100_000, 0), (100_001, 3)])
    def test_order(self, quantity_wh: int, code: int) -> None:
        world = World({"registry.meters[meter-ben]": {"capacity_w": 1_000_000}})
        world.block()
        world.block(world.buy("ben", world.slot_ahead(1), quantity_wh, 300_000))
        assert world.results[0].code == code

    @pytest.mark.parametrize(
        ("limit", "code"), [(79_999, 4), (80_000, 0), (300_000, 0), (300_001, 4)]
    )
    def test_price_limit(self, limit: int, code: int) -> None:
        world = World()
        world.block()
        world.block(world.sell("anna", world.slot_ahead(1), 1_000, limit))
        assert world.results[0].code == code

    @pytest.mark.parametrize(("ahead", "code"), [(0, 5), (1, 0), (5, 0), (6, 6)])
    def test_slot(self, ahead: int, code: int) -> None:
        world = World()
        world.block()
        world.block(world.buy("ben", world.slot_ahead(ahead), 1_000, 300_000))
        assert world.results[0].code == code

    @pytest.mark.parametrize(("count", "code"), [(0, 2), (1, 0), (10, 0), (11, 3)])
    def test_readings_of_a_message(self, count: int, code: int) -> None:
        world = World()
        world.block()
        readings = [reading("meter-ben", START_S // 60, number) for number in range(count)]
        world.block(world.submit(*readings))
        assert world.results[0].code == code
