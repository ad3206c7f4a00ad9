"""Keys of meters: of two kinds, replaced while the meter goes on, and revoked."""

from __future__ import annotations

import pytest
from blockenergy.metering.v1 import state_pb2, tx_pb2

from chain.metering import is_signed, reading_sign_bytes
from client.signing.keys import MeterKey, P256MeterKey
from tests.support.streets import people
from tests.support.streets.settling import line_of, opened, settle
from tests.support.world import CHAIN_ID, World, reading, response

RECORDED = state_pb2.READING_RECORDED
WRONG_SIGNATURE = state_pb2.READING_WRONG_SIGNATURE
BEN = "meter-ben"
ELEMENT = P256MeterKey(bytes(range(1, 33)))


def submit(world: World, *readings: state_pb2.Reading) -> list[int]:
    world.block(world.submit(*readings))
    return list(response(world.results[0], tx_pb2.MsgSubmitReadingsResponse).results)


def signed(
    key: MeterKey, slot: int, import_wh: int, telegram_hash: bytes = b""
) -> state_pb2.Reading:
    content = state_pb2.Reading(
        meter_id=BEN, slot=slot, import_register_wh=import_wh, telegram_hash=telegram_hash
    )
    content.signature = key.sign(reading_sign_bytes(CHAIN_ID, content))
    return content


def replace(world: World, key: bytes, *, revoked: bool = False) -> int:
    message = tx_pb2.MsgReplaceMeterKey(
        registrar=people.address_text("registrar"), meter_id=BEN, pub_key=key, revoked=revoked
    )
    world.block(world.sign("registrar", message))
    return world.results[0].code


def test_the_new_key_signs_from_now_on_and_the_old_one_what_has_ended() -> None:
    world, slot = opened({"metering.params": {"reading_deadline_s": 300}})
    world.block(at=world.end_s(slot) + 1)
    assert replace(world, ELEMENT.pub_key) == 0
    assert submit(world, signed(ELEMENT, slot, 1_000)) == [WRONG_SIGNATURE]
    assert submit(world, reading(BEN, slot, 1_000)) == [RECORDED]
    world.block(at=world.end_s(slot + 1))
    assert submit(world, reading(BEN, slot + 1, 1_300)) == [WRONG_SIGNATURE]
    assert submit(world, signed(ELEMENT, slot + 1, 1_300)) == [RECORDED]
    settle(world, slot + 1)
    assert [line_of(world, number, "ben").import_wh for number in (slot, slot + 1)] == [1_000, 300]


def test_a_revoked_key_signs_nothing_any_more() -> None:
    world, slot = opened()
    world.block(at=world.end_s(slot) + 1)
    assert replace(world, ELEMENT.pub_key, revoked=True) == 0
    assert submit(world, reading(BEN, slot, 9_000)) == [WRONG_SIGNATURE]
    assert submit(world, signed(ELEMENT, slot, 1_000)) == [RECORDED]
    # Readings from before the last change are still due.
    assert replace(world, people.meter_key_bytes("meter-new")) == 7
    settle(world, slot)
    assert replace(world, people.meter_key_bytes("meter-new")) == 0
    assert replace(world, people.meter_key_bytes("meter-anna")) == 21


def test_a_key_continues_the_registers_of_an_exchanged_meter() -> None:
    world, slot = opened()
    message = tx_pb2.MsgExchangeMeter(
        registrar=people.address_text("registrar"),
        meter_id=BEN,
        pub_key=people.meter_key_bytes("meter-new"),
        final_import_wh=500,
        initial_import_wh=20,
    )
    world.block(world.sign("registrar", message))
    world.block(at=world.end_s(slot))
    assert submit(world, reading(BEN, slot, 120, signed_by="meter-new")) == [RECORDED]
    settle(world, slot)
    world.block(at=max(world.time_s, world.end_s(slot + 1) + 1))
    assert replace(world, ELEMENT.pub_key) == 0
    assert submit(world, reading(BEN, slot + 1, 150, signed_by="meter-new")) == [RECORDED]
    settle(world, slot + 1)
    later = slot + 2
    world.block(at=max(world.time_s, world.end_s(later)))
    assert submit(world, signed(ELEMENT, later, 190)) == [RECORDED]
    settle(world, later)
    used = [line_of(world, number, "ben").import_wh for number in (slot, slot + 1, later)]
    assert used == [600, 30, 40]


@pytest.mark.parametrize("key", [MeterKey(bytes(32)), ELEMENT], ids=["ed25519", "p256"])
def test_the_hash_of_the_telegram_is_signed_too(key: MeterKey) -> None:
    content = signed(key, 5, 100, bytes(32))
    assert is_signed(key.pub_key, CHAIN_ID, content)
    assert not is_signed(key.pub_key, "another", content)
    content.telegram_hash = bytes(31) + b"\1"
    assert not is_signed(key.pub_key, CHAIN_ID, content)
    content.telegram_hash = b""
    assert not is_signed(key.pub_key, CHAIN_ID, content)
    # There is no room for anything but a hash.
    assert not is_signed(key.pub_key, CHAIN_ID, signed(key, 5, 100, bytes(33)))


def test_a_reading_with_the_hash_of_its_telegram_is_recorded() -> None:
    world, slot = opened()
    world.block(at=world.end_s(slot))
    assert replace(world, ELEMENT.pub_key, revoked=True) == 0
    assert submit(world, signed(ELEMENT, slot, 70, bytes(range(32)))) == [RECORDED]
