"""A gateway makes one signed reading per meter and slot, and sends it until it is taken."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from client.signing.keyring import Keyring
from client.signing.keys import TelegramKey
from meter_bridge.formats.telegram import Secrets
from meter_bridge.gateway.collector import Collector, Terms
from meter_bridge.gateway.config import check, check_meter
from meter_bridge.gateway.run import RunningGateway
from meter_bridge.gateway.store import Store, StoreError
from tests.bridge.fakes import CHAIN_ID, NOW_S, SLOT, SLOT_LENGTH_S, FakeChain, make_key
from tests.bridge.service.serving import require_no_failure, running
from tests.bridge.waiting import wait_until
from tests.support.others import meter_telegrams as written
from tests.support.others.meter_telegrams import SECRETS, Shown
from tests.support.others.telegram_writers import WRITERS
from tests.support.others.wireless_telegrams import make_wmbus

METER = "HOME-07"
TERMS = Terms(CHAIN_ID, SLOT_LENGTH_S)
WITH_REGISTERS = ("dsmr", "iec-62056-21", "dlms", "dlms-ciphered", "sml", "wmbus", "cmep", "ocmf")
FORMATS = {"dsmr": "dsmr-p1", "dlms-ciphered": "dlms"}


def make_document(folder: Path, bridge: str, name: str = "dsmr", **meter: Any) -> dict[str, Any]:
    """A gateway with one meter, which is read from files; its keys lie in a keyring."""
    keyring = Keyring(folder / "keys")
    if not keyring.has("home"):
        keyring.add("home", make_key(METER), None)
        keyring.add("open", TelegramKey(written.KEY), None)
        keyring.add("authenticate", TelegramKey(written.AUTHENTICATION_KEY), None)
        (folder / "public.der").write_bytes(SECRETS.public_key)
        (folder / "drop").mkdir()
    keys = {
        "encryption_key": "open",
        "authentication_key": "authenticate",
        "public_key": str(folder / "public.der"),
    }
    return {
        "home": "gateway",
        "bridge": bridge,
        "chain_id": CHAIN_ID,
        "keyring": "keys",
        "slot_length_s": SLOT_LENGTH_S,
        "meter": [
            {
                "id": METER,
                "key": "home",
                "format": FORMATS.get(name, name),
                "source": {"type": "files", "folder": "drop", "every_s": 1},
                **keys,
                **meter,
            }
        ],
    }


@contextmanager
def gateway(
    folder: Path, bridge: str, name: str = "dsmr", **meter: Any
) -> Iterator[RunningGateway]:
    document = make_document(folder, bridge, name, **meter)
    with RunningGateway(check(document, folder), require_no_failure) as started:
        yield started


@contextmanager
def collecting(folder: Path, name: str = "dsmr", **meter: Any) -> Iterator[tuple[Collector, Store]]:
    """A collector without anything around it."""
    document = make_document(folder, "127.0.0.1:1", name, **meter)["meter"][0]
    options, source = check_meter(document, "meter", folder)
    store = Store(folder / "gateway", 1_000)
    secrets = Secrets(SECRETS.encryption_key, SECRETS.authentication_key, SECRETS.public_key)
    yield (
        Collector(
            options, make_key(METER), secrets, store, lambda: TERMS,
            is_protected=source.is_protected,
        ),
        store,
    )  # fmt: skip
    store.close()


def registers(store: Store) -> list[tuple[int, int, int]]:
    return [
        (one.slot, one.import_register_wh, one.export_register_wh)
        for _, one in store.take_waiting(0, 100)
    ]


@pytest.mark.parametrize("name", WITH_REGISTERS)
def test_a_reading_reaches_the_chain_whatever_the_format(
    name: str, tmp_path: Path, chain: FakeChain
) -> None:
    raw = WRITERS[name][1](Shown(NOW_S, 5_000, 700))
    serial = {"serial": "12345678"} if name == "cmep" else {}
    with (
        running(tmp_path, chain) as bridge,
        gateway(tmp_path, f"127.0.0.1:{bridge.port}", name, **serial) as started,
    ):
        collector = started.collectors[0]
        for _ in range(2):
            # A second copy changes nothing.
            collector.deliver(raw, NOW_S)
        wait_until(lambda: (METER, SLOT) in chain.recorded)
        found = chain.recorded[METER, SLOT]
        assert (found.import_register_wh, found.export_register_wh) == (5_000, 700)
        wait_until(lambda: started.store.count_waiting() == 0)
        assert started.sender.problem == ""
    assert len(chain.recorded) == 1


def test_files_in_a_folder_are_read(tmp_path: Path, chain: FakeChain) -> None:
    raw = written.make_dsmr(Shown(NOW_S, 5_000, 700))
    with running(tmp_path, chain) as bridge, gateway(tmp_path, f"127.0.0.1:{bridge.port}"):
        (tmp_path / "drop" / "a.txt").write_bytes(raw)
        (tmp_path / "drop" / "a.txt.sha256").write_text(hashlib.sha256(raw).hexdigest())
        wait_until(lambda: (METER, SLOT) in chain.recorded)


def test_meters_that_share_a_source(tmp_path: Path, chain: FakeChain) -> None:
    """Two meters in the files of one head-end, and a third that is nobody's."""
    document = make_document(tmp_path, "", "cmep", serial="11111111")
    (first,) = document["meter"]
    Keyring(tmp_path / "keys").add("other", make_key("HOME-08"), None)
    document["meter"].append({**first, "id": "HOME-08", "key": "other", "serial": "22222222"})
    chain.add_meter("HOME-08")
    numbers = (11_111_111, 22_222_222, 33_333_333)
    raw = b"".join(
        written.make_cmep(Shown(NOW_S, 5_000 + place, 700, number))
        for place, number in enumerate(numbers)
    )
    with running(tmp_path, chain) as bridge:
        document["bridge"] = f"127.0.0.1:{bridge.port}"
        with RunningGateway(check(document, tmp_path), require_no_failure):
            (tmp_path / "drop" / "day.csv").write_bytes(raw)
            (tmp_path / "drop" / "day.csv.sha256").write_text(hashlib.sha256(raw).hexdigest())
            wait_until(lambda: len(chain.recorded) == 2)
    shown = {meter: one.import_register_wh for (meter, _), one in chain.recorded.items()}
    assert shown == {METER: 5_000, "HOME-08": 5_001}


def test_a_neighbour_on_the_radio_is_not_heard(tmp_path: Path) -> None:
    """Whose telegrams are encrypted with another key."""
    with collecting(tmp_path, "wmbus", serial="12345678") as (collector, store):
        assert collector.deliver(make_wmbus(Shown(NOW_S, number=7)), NOW_S)
        assert registers(store) == [] and collector.problem == ""
        assert collector.deliver(make_wmbus(Shown(NOW_S)), NOW_S)
        assert len(registers(store)) == 1


def test_what_waits_outlives_a_restart_and_a_bridge_that_is_away(
    tmp_path: Path, chain: FakeChain
) -> None:
    with gateway(tmp_path, "127.0.0.1:1") as alone:
        for place in range(2):
            shown = Shown(NOW_S + SLOT_LENGTH_S * place, 5_000 + place, 0)
            alone.collectors[0].deliver(written.make_dsmr(shown), NOW_S)
        wait_until(lambda: "cannot be reached" in alone.sender.problem)
        assert alone.store.count_waiting() == 2
    chain.pass_time(SLOT_LENGTH_S)
    with running(tmp_path, chain) as bridge, gateway(tmp_path, f"127.0.0.1:{bridge.port}") as again:
        wait_until(lambda: len(chain.recorded) == 2)
        wait_until(lambda: again.store.count_waiting() == 0)


def test_a_reading_of_an_unknown_meter_waits(tmp_path: Path, chain: FakeChain) -> None:
    known = chain.meters.pop(METER)
    with (
        running(tmp_path, chain) as bridge,
        gateway(tmp_path, f"127.0.0.1:{bridge.port}") as started,
    ):
        started.collectors[0].deliver(written.make_dsmr(Shown(NOW_S, 1, 0)), NOW_S)
        wait_until(lambda: "not an active meter" in started.sender.problem)
        assert started.store.count_waiting() == 1
        chain.meters[METER] = known


def test_a_reading_that_is_too_late_is_given_up(tmp_path: Path, chain: FakeChain) -> None:
    chain.pass_time(10 * SLOT_LENGTH_S)
    with (
        running(tmp_path, chain) as bridge,
        gateway(tmp_path, f"127.0.0.1:{bridge.port}") as started,
    ):
        started.collectors[0].deliver(written.make_dsmr(Shown(NOW_S, 1, 0)), NOW_S)
        wait_until(lambda: started.store.count_waiting() == 0)
    assert not chain.recorded


class TestWhichTelegram:
    """Of many telegrams around the end of a slot, one becomes the reading."""

    @pytest.mark.parametrize("seed", range(5))
    def test_the_nearest_in_any_order(self, seed: int, tmp_path: Path) -> None:
        telegrams = [
            written.make_dsmr(Shown(NOW_S + off_s, 150_010 + off_s, 0)) for off_s in range(-8, 0)
        ]
        random.Random(seed).shuffle(telegrams)
        with collecting(tmp_path) as (collector, store):
            for raw in telegrams:
                collector.deliver(raw, NOW_S)
            assert registers(store) == []
            collector.tick(NOW_S + 7)
            assert registers(store) == [(SLOT, 150_009, 0)]
            # Later copies and others of the slot change nothing.
            for raw in [*telegrams, written.make_dsmr(Shown(NOW_S, 150_010, 0))]:
                collector.deliver(raw, NOW_S)
            collector.tick(NOW_S + 7)
            assert registers(store) == [(SLOT, 150_009, 0)]

    def test_the_first_at_the_end_is_taken_at_once(self, tmp_path: Path) -> None:
        with collecting(tmp_path) as (collector, store):
            for off_s in range(-3, 4):
                collector.deliver(written.make_dsmr(Shown(NOW_S + off_s, 1_000 + off_s, 0)), NOW_S)
            assert registers(store) == [(SLOT, 1_000, 0)]

    def test_none_far_from_the_end(self, tmp_path: Path) -> None:
        with collecting(tmp_path) as (collector, store):
            collector.deliver(written.make_dsmr(Shown(NOW_S + 20, 1_000, 0)), NOW_S)
            collector.tick(NOW_S + 100)
            assert registers(store) == []

    def test_only_that_of_the_meter(self, tmp_path: Path) -> None:
        with collecting(tmp_path, serial="other") as (collector, store):
            assert collector.deliver(written.make_dsmr(Shown(NOW_S)), NOW_S)
            assert registers(store) == []


class TestWhatIsNotTaken:
    def test_a_telegram_that_was_sent_before(self, tmp_path: Path) -> None:
        def make(counter: int, time_s: int) -> bytes:
            return written.make_dlms_ciphered(Shown(time_s), counter=counter)

        with collecting(tmp_path, "dlms-ciphered") as (collector, store):
            assert collector.deliver(make(7, NOW_S), NOW_S)
            assert not collector.deliver(make(7, NOW_S + SLOT_LENGTH_S), NOW_S)
            assert "sent before" in collector.problem
        with collecting(tmp_path, "dlms-ciphered") as (collector, store):
            # Also after a restart.
            assert not collector.deliver(make(6, NOW_S + SLOT_LENGTH_S), NOW_S)
            assert collector.deliver(make(8, NOW_S + SLOT_LENGTH_S), NOW_S)
            assert [slot for slot, _, _ in registers(store)] == [SLOT, SLOT + 1]

    def test_a_damaged_one(self, tmp_path: Path) -> None:
        with collecting(tmp_path) as (collector, store):
            raw = written.make_dsmr(Shown(NOW_S)).replace(b"kWh", b"kwH", 1)
            assert not collector.deliver(raw, NOW_S)
            assert "altered" in collector.problem and registers(store) == []

    @pytest.mark.parametrize("accept", [False, True])
    def test_one_that_nothing_protects(self, accept: bool, tmp_path: Path) -> None:
        source = {"type": "tcp", "address": "127.0.0.1:1"}
        raw = written.make_iec_62056_21(Shown(NOW_S), with_check=False)
        options = {"source": source, "accept_unprotected": accept}
        with collecting(tmp_path, "iec-62056-21", **options) as (collector, store):
            assert collector.deliver(raw, NOW_S) is accept
            assert len(registers(store)) == accept
        assert accept or "accept_unprotected" in collector.problem


def test_intervals_become_registers(tmp_path: Path) -> None:
    """Half hours, of which one is late and one is corrected."""

    def make(values: list[tuple[int, str]]) -> bytes:
        from datetime import UTC, datetime

        rows = [
            {
                "primaryValue": float(kwh),
                "timestamp": f"{datetime.fromtimestamp(end_s, UTC):%Y-%m-%d %H:%M}",
            }
            for end_s, kwh in values
        ]
        resource = "/mpxn/1234567891002/utility/electricity/readingtype/consumption"
        head = {"resource": resource, "granularity": "halfhour", "unit": "kWh"}
        return json.dumps({**head, "devices": [{"values": rows}]}).encode()

    half_hour, end_s = 1_800, NOW_S // 1_800 * 1_800
    ends = [end_s + half_hour * place for place in range(4)]
    with collecting(tmp_path, "n3rgy", initial_import_wh=10_000) as (collector, store):
        collector.deliver(make([(ends[0], "0.25"), (ends[2], "1")]), NOW_S)
        assert "are missing" in collector.problem
        assert [wh for _, wh, _ in registers(store)] == [10_250]
        collector.deliver(make([(ends[0], "0.35"), (ends[1], "0.5"), (ends[2], "1")]), NOW_S)
        collector.deliver(make([(ends[3], "2")]), NOW_S)
        # The correction of the first half hour is in the second.
        assert [wh for _, wh, _ in registers(store)] == [10_250, 10_850, 11_850, 13_850]


def test_power_becomes_registers(tmp_path: Path) -> None:
    """1,200 W for a minute are 20 Wh; a slot with a long silence has no reading."""

    def make(time_s: int, watts: float) -> bytes:

        payload = {"w": watts, "devices": [{"w": watts}], "epoch": time_s}
        return json.dumps({"type": "realtime_update", "payload": payload}).encode()

    start_s = NOW_S - SLOT_LENGTH_S
    with collecting(tmp_path, "sense") as (collector, store):
        for time_s in range(start_s, NOW_S + 31, 5):
            collector.deliver(make(time_s, 1_200), time_s)
        assert registers(store) == [(SLOT, 20, 0)]
        for time_s in range(NOW_S + 100, NOW_S + 181, 5):
            collector.deliver(make(time_s, -2_400), time_s)
        # The slot after the silence counts again; what was not heard is in none.
        assert registers(store) == [(SLOT, 20, 0), (SLOT + 3, 30, 53)]
    with collecting(tmp_path, "sense") as (collector, store):
        for time_s in range(NOW_S + 181, NOW_S + 300, 5):
            collector.deliver(make(time_s, -2_400), time_s)
        assert registers(store)[2] == (SLOT + 4, 30, 93)


def test_a_full_store_takes_nothing_and_says_so(tmp_path: Path) -> None:
    with collecting(tmp_path) as (collector, store):
        store._waiting_max = 0
        assert not collector.deliver(written.make_dsmr(Shown(NOW_S)), NOW_S)
        assert "the most allowed" in collector.problem


def test_one_gateway_per_folder(tmp_path: Path) -> None:
    with collecting(tmp_path), pytest.raises(StoreError, match="another gateway"):
        Store(tmp_path / "gateway", 10)


def test_not_more_sources_than_threads(tmp_path: Path) -> None:
    from client.errors import UsageError

    document = make_document(tmp_path, "127.0.0.1:1")
    (meter,) = document["meter"]
    document["meter"] = [
        {**meter, "id": f"M-{number}", "source": {**meter["source"], "folder": str(number)}}
        for number in range(501)
    ]
    with pytest.raises(UsageError, match="run several gateways"):
        check(document, tmp_path)


Changes = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda one: one.pop("home"), "home is missing"),
        (lambda one: one.update(hme="x"), "hme is unknown"),
        (lambda one: one.update(meter=[]), "0 meters"),
        (lambda one: one.update(meter=one["meter"] * 2), "several tables"),
        (lambda one: one.update(waiting_max="many"), "waiting_max is not a whole number"),
        (lambda one: one.update(waiting_max=True), "waiting_max is not true or false"),
        (lambda one: one["meter"][0].update(id="a b"), "not a meter id"),
        (lambda one: one["meter"][0].update(format="morse"), "format is one of"),
        (lambda one: one["meter"][0].update(utc_offsets=[1]), "two offsets"),
        (lambda one: one["meter"][0].update(source={}), "type of its source"),
        (lambda one: one["meter"][0]["source"].update(every_s=0), "every_s is 1 to"),
        (lambda one: one["meter"][0]["source"].update(every=5), "every is unknown; there are"),
        (lambda one: one.update(bridge={"home": "x"}), "bridge: key is missing"),
        (lambda one: one.update(tls=3), "tls is not a table"),
    ],
)
def test_a_configuration_that_is_wrong(change: Changes, problem: str, tmp_path: Path) -> None:
    from client.errors import UsageError

    document = make_document(tmp_path, "127.0.0.1:1")
    change(document)
    with pytest.raises(UsageError, match=problem):
        check(document, tmp_path)
