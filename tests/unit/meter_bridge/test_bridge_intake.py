"""What the bridge accepts, and its response to everything else."""

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.bridge.v1.bridge_pb2 import (
    TELEGRAM_FORMAT_DSMR_P1,
    PushReadingRequest,
    PushRequest,
    PushResponse,
    PushTelegramRequest,
)
from blockenergy.metering.v1.state_pb2 import Reading

from meter_bridge.chain import (
    METER_FRESH_S,
    RECHECKED_METER_FRESH_S,
    UNKNOWN_METER_FRESH_S,
    ChainView,
    Meter,
)
from meter_bridge.chain.chain import remember
from meter_bridge.client.connection import sign_reading
from meter_bridge.formats.dsmr import format_telegram, parse
from meter_bridge.formats.encoding.local_time import CENTRAL_EUROPE
from meter_bridge.intake import Intake
from meter_bridge.readings import compute_reading
from meter_bridge.spool import Spool, SpoolLimits
from tests.bridge.fakes import (
    CHAIN_ID,
    DEADLINE_S,
    NOW_S,
    SLOT,
    SLOT_LENGTH_S,
    Clock,
    FakeChain,
    make_key,
    make_reading,
)


class Bench:
    """An intake with a spool and a fake chain, which knows the meter HOME-07."""

    def __init__(self, folder: Path, backlog_max: int = 100) -> None:
        self.clock = Clock()
        self.monotonic = Clock(0.0)
        self.chain = FakeChain()
        self.chain.add_meter()
        self.view = ChainView(self.chain, self.monotonic)
        self.spool = Spool(folder, self.clock, SpoolLimits(backlog_max=backlog_max))
        self.intake = Intake(self.view, self.spool, self.clock, CENTRAL_EUROPE)

    def refresh(self) -> None:
        self.view.refresh(lambda _: None)

    def push(self, reading: Reading) -> PushResponse:
        return self.intake.push(PushRequest(reading=PushReadingRequest(reading=reading))).wait()

    def push_telegram(
        self, time_s: int, *, signed_slot: int = SLOT, raw: bytes = b""
    ) -> PushResponse:
        telegram = raw or format_telegram("HOME-07", time_s, (5_000,), (100,))
        reading = Reading(
            meter_id="HOME-07", slot=signed_slot, import_register_wh=5_000, export_register_wh=100
        )
        signature = sign_reading(make_key("HOME-07"), CHAIN_ID, reading).signature
        request = PushTelegramRequest(
            format=TELEGRAM_FORMAT_DSMR_P1, telegram=telegram, signature=signature
        )
        return self.intake.push(PushRequest(telegram=request)).wait()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    bench.refresh()
    yield bench
    bench.spool.close()


def require_rejected(response: PushResponse, result: int, sentence: str) -> None:
    assert response.result == result
    assert sentence in response.detail
    assert response.detail.endswith(".")
    assert "\n" not in response.detail


def test_reading_is_accepted_once(bench: Bench) -> None:
    reading = make_reading()
    accepted = bench.push(reading)
    assert accepted == PushResponse(result=bridge_pb2.PUSH_ACCEPTED, meter_id="HOME-07", slot=SLOT)
    assert bench.push(reading).result == bridge_pb2.PUSH_DUPLICATE
    assert bench.push(make_reading(import_wh=1_001)).result == bridge_pb2.PUSH_CONFLICT
    assert bench.spool.find("HOME-07", SLOT) == reading


def test_telegram_becomes_the_reading_that_the_meter_signed(bench: Bench) -> None:
    response = bench.push_telegram(NOW_S + 3)
    assert (response.result, response.slot) == (bridge_pb2.PUSH_ACCEPTED, SLOT)
    kept = bench.spool.find("HOME-07", SLOT)
    assert kept is not None
    assert (kept.import_register_wh, kept.export_register_wh) == (5_000, 100)
    telegram = format_telegram("HOME-07", NOW_S + 3, (5_000,), (100,))
    unsigned = compute_reading(parse(telegram), SLOT_LENGTH_S)
    assert kept == sign_reading(make_key("HOME-07"), CHAIN_ID, unsigned)


@pytest.mark.parametrize("off_s", [-7, 7, 30])
def test_telegram_far_from_a_slot_end_is_rejected(bench: Bench, off_s: int) -> None:
    require_rejected(
        bench.push_telegram(NOW_S + off_s),
        bridge_pb2.PUSH_NOT_AT_SLOT_END,
        "the tolerance is 6 s",
    )
    assert bench.spool.count().backlog == 0


def test_tampered_telegram_is_rejected(bench: Bench) -> None:
    raw = format_telegram("HOME-07", NOW_S, (5_000,), (100,)).replace(b"005.0", b"004.0")
    response = bench.push_telegram(NOW_S, raw=raw)
    require_rejected(response, bridge_pb2.PUSH_MALFORMED, "was altered or damaged")


def test_telegram_signed_for_another_slot_is_rejected(bench: Bench) -> None:
    response = bench.push_telegram(NOW_S, signed_slot=SLOT - 1)
    require_rejected(response, bridge_pb2.PUSH_WRONG_SIGNATURE, "sign the reading again")


def test_empty_request_is_rejected(bench: Bench) -> None:
    response = bench.intake.push(PushRequest()).wait()
    require_rejected(response, bridge_pb2.PUSH_MALFORMED, "no reading or telegram")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"meter_id": ""}, "meter id"),
        ({"meter_id": "a" * 65}, "meter id"),
        ({"meter_id": "HOME 07"}, "meter id"),
        ({"slot": 1 << 63}, "2^63"),
        ({"import_register_wh": 1 << 63}, "2^63"),
        ({"export_register_wh": (1 << 64) - 1}, "2^63"),
        ({"signature": b""}, "0 bytes"),
        ({"signature": bytes(65)}, "65 bytes"),
    ],
)
def test_impossible_reading_is_malformed(
    bench: Bench, change: dict[str, str | int | bytes], sentence: str
) -> None:
    reading = make_reading()
    for name, value in change.items():
        setattr(reading, name, value)
    require_rejected(bench.push(reading), bridge_pb2.PUSH_MALFORMED, sentence)


def test_any_changed_field_needs_a_new_signature(bench: Bench) -> None:
    changes = {"slot": SLOT - 1, "import_register_wh": 999, "export_register_wh": 1}
    for name, value in changes.items():
        reading = make_reading()
        setattr(reading, name, value)
        require_rejected(bench.push(reading), bridge_pb2.PUSH_WRONG_SIGNATURE, "HOME-07")
    other_chain = sign_reading(make_key("HOME-07"), "street-2", make_reading())
    require_rejected(bench.push(other_chain), bridge_pb2.PUSH_WRONG_SIGNATURE, CHAIN_ID)
    other_key = sign_reading(make_key("HOME-08"), CHAIN_ID, make_reading())
    require_rejected(bench.push(other_key), bridge_pb2.PUSH_WRONG_SIGNATURE, "HOME-07")


@pytest.mark.parametrize(
    "meter",
    [
        None,
        Meter("energy1otherbridge", make_key("HOME-09").pub_key, is_active=True),
        Meter("energy1bridge", make_key("HOME-09").pub_key, is_active=False),
    ],
)
def test_meter_is_rejected_until_it_is_ours(bench: Bench, meter: Meter | None) -> None:
    if meter is not None:
        bench.chain.meters["HOME-09"] = meter
    reading = make_reading("HOME-09")
    require_rejected(bench.push(reading), bridge_pb2.PUSH_METER_UNKNOWN, "ask the registrar")
    bench.chain.add_meter("HOME-09")
    require_rejected(bench.push(reading), bridge_pb2.PUSH_METER_UNKNOWN, "ask the registrar")
    bench.monotonic.now_s += UNKNOWN_METER_FRESH_S
    assert bench.push(reading).result == bridge_pb2.PUSH_ACCEPTED


def test_slot_must_have_ended(bench: Bench) -> None:
    reading = make_reading(slot=SLOT + 1)
    response = bench.push(reading)
    require_rejected(response, bridge_pb2.PUSH_TOO_EARLY, f"in {SLOT_LENGTH_S - 6} s")
    # The meter's clock may be a tenth of a slot ahead of ours.
    bench.clock.now_s += SLOT_LENGTH_S - 6
    assert bench.push(reading).result == bridge_pb2.PUSH_ACCEPTED


def test_chain_time_is_used_if_our_clock_is_behind(bench: Bench) -> None:
    bench.clock.now_s -= 3_600
    assert bench.push(make_reading()).result == bridge_pb2.PUSH_ACCEPTED


def test_late_reading_is_rejected_by_chain_time_only(bench: Bench) -> None:
    before, after = make_reading(import_wh=1), make_reading("HOME-08")
    bench.chain.add_meter("HOME-08")
    bench.clock.now_s += DEADLINE_S
    assert bench.push(before).result == bridge_pb2.PUSH_ACCEPTED
    bench.chain.pass_time(DEADLINE_S)
    bench.refresh()
    require_rejected(
        bench.push(after), bridge_pb2.PUSH_TOO_LATE, f"accepted from slot {SLOT + 1} on"
    )
    # A sender that lost the acknowledgement gets it now.
    assert bench.push(before).result == bridge_pb2.PUSH_DUPLICATE


def test_only_known_meters_are_accepted_while_the_chain_is_unreachable(bench: Bench) -> None:
    bench.chain.add_meter("HOME-08")
    bench.push(make_reading())
    bench.chain.is_reachable = False
    bench.monotonic.now_s += METER_FRESH_S
    bench.clock.now_s += SLOT_LENGTH_S
    assert bench.push(make_reading(slot=SLOT + 1)).result == bridge_pb2.PUSH_ACCEPTED
    look_ups = bench.chain.look_ups
    for _ in range(3):
        response = bench.push(make_reading("HOME-08"))
        require_rejected(response, bridge_pb2.PUSH_CHAIN_UNREACHABLE, "Push again later.")
    assert bench.chain.look_ups == look_ups, "every push waited for an unreachable chain"
    bench.chain.is_reachable = True
    bench.monotonic.now_s += 10
    assert bench.push(make_reading("HOME-08")).result == bridge_pb2.PUSH_ACCEPTED


def test_meter_is_looked_up_once_while_it_is_fresh(bench: Bench) -> None:
    for slot in range(SLOT - 1, SLOT + 1):
        assert bench.push(make_reading(slot=slot)).result == bridge_pb2.PUSH_ACCEPTED
    assert bench.chain.look_ups == 1
    bench.monotonic.now_s += METER_FRESH_S
    bench.push(make_reading())
    assert bench.chain.look_ups == 2


def test_meter_that_was_exchanged_is_known_by_its_new_key(bench: Bench) -> None:
    assert bench.push(make_reading()).result == bridge_pb2.PUSH_ACCEPTED
    bench.chain.meters["HOME-07"] = Meter("energy1bridge", make_key("NEW").pub_key, is_active=True)
    unsigned = make_reading(slot=SLOT - 1)
    reading = sign_reading(make_key("NEW"), CHAIN_ID, unsigned)
    require_rejected(bench.push(reading), bridge_pb2.PUSH_WRONG_SIGNATURE, "sign the reading again")
    bench.monotonic.now_s += RECHECKED_METER_FRESH_S
    assert bench.push(reading).result == bridge_pb2.PUSH_ACCEPTED
    require_rejected(
        bench.push(unsigned), bridge_pb2.PUSH_WRONG_SIGNATURE, "sign the reading again"
    )


def test_wrong_signatures_do_not_make_the_bridge_ask_again_and_again(bench: Bench) -> None:
    wrong = sign_reading(make_key("HOME-08"), CHAIN_ID, make_reading())
    for _ in range(20):
        require_rejected(bench.push(wrong), bridge_pb2.PUSH_WRONG_SIGNATURE, "HOME-07")
    assert bench.chain.look_ups == 1


def test_memory_of_meters_that_are_not_ours_is_bounded() -> None:
    memory: OrderedDict[str, int] = OrderedDict()
    for number in range(10):
        remember(memory, f"meter-{number}", number, 4)
    assert list(memory.values()) == [6, 7, 8, 9]


def test_bridge_that_never_reached_the_chain_accepts_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    try:
        response = bench.push(make_reading())
        require_rejected(response, bridge_pb2.PUSH_CHAIN_UNREACHABLE, "has not reached the chain")
    finally:
        bench.spool.close()


def test_full_spool_is_a_push_result(tmp_path: Path) -> None:
    bench = Bench(tmp_path, backlog_max=1)
    try:
        bench.refresh()
        bench.push(make_reading())
        response = bench.push(make_reading(slot=SLOT - 1))
        require_rejected(response, bridge_pb2.PUSH_SPOOL_FULL, "limit of 1 readings")
    finally:
        bench.spool.close()
