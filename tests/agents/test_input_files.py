"""Files of meters, good and bad: used, marked, or rejected in one sentence."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from client.cli import main
from client.errors import ClientError

np = pytest.importorskip("numpy", reason="the extra agents is not installed")

from agents.input.folder import read_street  # noqa: E402
from agents.observation import Street  # noqa: E402
from tests.support.shared import SHARED  # noqa: E402

DATA = SHARED / "data"
needs_shared = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there")
HEADER = "time,meter,import_wh,export_wh\n"
BEGIN = datetime(2026, 3, 2)  # noqa: DTZ001
USE = [200 + (hour * 37) % 90 for hour in range(24)]


def write(path: Path, rows: list[str]) -> Path:
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def make_rows(days: int, meter: str = "anna", minutes: int = 60) -> list[str]:
    """A meter whose use follows the hour and grows by a Wh a day."""
    count = days * 24 * 60 // minutes
    times = [BEGIN + timedelta(minutes=minutes * number) for number in range(count)]
    return [f"{one.isoformat()},{meter},{USE[one.hour] + one.day},0" for one in times]


def read_rows(path: Path, rows: list[str], zone: str = "") -> Street:
    return read_street(write(path / "meter.csv", rows), zone)


def marks_of(street: Street) -> str:
    return "; ".join(mark for home in street.homes for mark in home.marks)


def test_a_file_of_two_meters(tmp_path: Path) -> None:
    street = read_rows(tmp_path, make_rows(9) + make_rows(9, "ben"))
    assert [home.name for home in street.homes] == ["anna", "ben"]
    assert (street.grid.begin, street.grid.slot_s, street.grid.slots) == (BEGIN, 3600, 216)
    assert street.homes[0].net_wh[25] == USE[1] + 3
    assert not marks_of(street)


def test_a_compressed_folder_and_finer_meters_are_added_up(tmp_path: Path) -> None:
    text = HEADER + "\n".join(make_rows(9, "anna", 15)) + "\n"
    (tmp_path / "anna.csv.gz").write_bytes(gzip.compress(text.encode()))
    write(tmp_path / "ben.csv", make_rows(9, "ben"))
    street = read_street(tmp_path)
    assert street.grid.slot_s == 3600
    assert street.homes[0].net_wh[30] == 4 * street.homes[1].net_wh[30]


def test_with_export_the_load_is_not_known(tmp_path: Path) -> None:
    rows = [row[:-1] + ("300" if "T12" in row else "0") for row in make_rows(9)]
    home = read_rows(tmp_path, rows).homes[0]
    assert home.load_wh is None
    assert home.net_wh[12] == USE[12] + 2 - 300


Change = Callable[[list[str]], list[str]]


def replaced(number: int, value: str) -> Change:
    def change(rows: list[str]) -> list[str]:
        time, meter, _, export = rows[number].split(",")
        return [*rows[:number], f"{time},{meter},{value},{export}", *rows[number + 1 :]]

    return change


def held(rows: list[str]) -> list[str]:
    """Two days at one value."""
    fixed = [",".join([*row.split(",")[:2], "231", "0"]) for row in rows[48:96]]
    return rows[:48] + fixed + rows[96:]


@pytest.mark.parametrize(
    ("change", "missing", "sentence"),
    [
        (lambda rows: rows[:50] + rows[60:], 10, "10 hours missing"),
        (replaced(70, "NaN"), 1, "1 hours missing"),
        (replaced(70, ""), 1, "1 hours missing"),
        (replaced(70, "inf"), 1, "1 hours missing"),
        (replaced(70, "much"), 1, "1 hours missing"),
        (replaced(70, "-5"), 1, "negative import"),
        (replaced(70, "9000000"), 1, "far beyond all others"),
        (held, 48, "stuck at one value"),
        (lambda rows: rows + rows[30:40], 0, "10 rows stand twice"),
        (lambda rows: [*rows, rows[40].replace(",0", ",7")], 0, "several values"),
        (lambda rows: [*rows, "yesterday,anna,3,0"], 0, "without a time"),
        (lambda rows: rows[::-1], 0, ""),
        (lambda rows: [row.rsplit(",", 1)[0] for row in rows], 0, ""),
    ],
)
def test_bad_rows_are_marked(tmp_path: Path, change: Change, missing: int, sentence: str) -> None:
    street = read_rows(tmp_path, change(make_rows(14)))
    assert int(np.isnan(street.homes[0].net_wh).sum()) == missing
    assert sentence in marks_of(street)
    assert bool(sentence) == bool(marks_of(street))


def test_what_is_never_used_is_kept(tmp_path: Path) -> None:
    rows = make_rows(30)
    empty = [",".join([*row.split(",")[:2], "0", "0"]) for row in rows[:240]]
    street = read_rows(tmp_path, empty + rows[240:])
    assert "without any use" in marks_of(street)
    assert not street.homes[0].net_wh[:240].any()


def test_registers_become_differences(tmp_path: Path) -> None:
    total, rows = 5_000_000, []
    for row in make_rows(9):
        time, meter, value, _ = row.split(",")
        rows.append(f"{time},{meter},{total},0")
        total += int(value)
    street = read_rows(tmp_path, rows)
    assert street.homes[0].net_wh[25] == USE[1] + 3
    assert "registers" in marks_of(street)


def test_net_energy_in_one_column_is_split(tmp_path: Path) -> None:
    rows = [row.replace(f",{USE[12]}", ",-") if "T12" in row else row for row in make_rows(9)]
    rows = [",".join([*row.split(",")[:2], "-400", "0"]) if "T12" in row else row for row in rows]
    street = read_rows(tmp_path, rows)
    assert street.homes[0].net_wh[12] == -400
    assert "net of export" in marks_of(street)


@pytest.mark.parametrize(
    ("day", "slots", "missing", "double"),
    [(datetime(2026, 3, 29), 24, 1, False), (datetime(2026, 10, 25), 24, 0, True)],  # noqa: DTZ001
)
def test_days_of_23_and_25_hours(
    tmp_path: Path, day: datetime, slots: int, missing: int, double: bool
) -> None:
    """Times in UTC, on the wall clock of Berlin: each day has 24 slots, all in their place."""
    begin = int(day.timestamp()) - int(datetime.fromtimestamp(0).timestamp())  # noqa: DTZ006
    utc = [f"{begin + 3600 * hour}" for hour in range(-72, 96)]
    rows = [f"{time},anna,{100 + number % 7},0" for number, time in enumerate(utc)]
    street = read_rows(tmp_path, rows, "Europe/Berlin")
    at = int((day - street.grid.begin).total_seconds() // 3600)
    assert int(np.isnan(street.homes[0].net_wh[at : at + slots]).sum()) == missing
    assert ("several values" in marks_of(street)) == double


def test_times_with_an_offset_are_the_wall_clock(tmp_path: Path) -> None:
    rows = [row.replace(",anna", "+02:00,anna") for row in make_rows(9)]
    assert read_rows(tmp_path, rows).grid.begin == BEGIN
    assert read_rows(tmp_path, rows, "UTC").grid.begin == BEGIN - timedelta(hours=2)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "no header"),
        ("time,meter,import_wh\n", "no rows"),
        ("when,what\n1,2\n", "needs the columns"),
        (HEADER + "soon,anna,1,0\n", "no time such as"),
        (HEADER + "2026-03-01T00:00,anna,1,0\n", "no meter has two readings"),
        (HEADER + "\n".join(f"{n * 7},anna,1,0" for n in range(99)), "equal distances"),
        (HEADER + "\n".join(make_rows(2)) + "\n9026-01-01T00:00:00,anna,1,0\n", "wrong year"),
        (HEADER + "\n".join(row.replace(",0", ",x") for row in make_rows(2)), ""),
    ],
)
def test_what_cannot_be_read_is_a_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "meter.csv"
    path.write_text(content)
    if not sentence:
        read_street(path)
        return
    with pytest.raises(ClientError, match=sentence):
        read_street(path)


def test_other_files_are_a_sentence(tmp_path: Path) -> None:
    for name, raw, sentence in (
        ("broken.csv.gz", b"\x1f\x8b\x08", "gzip"),
        ("spoilt.csv.gz", gzip.compress(b"")[:10] + b"\xff" * 40, "gzip"),
        ("latin.csv", b"time,import_wh\n\xff,1\n", "UTF-8"),
        ("bomb.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><feed>&b;</feed>', "document type"),
        ("half.xml", b"<feed><entry>", "not XML"),
        ("empty.xml", b"<feed/>", "no interval readings"),
    ):
        path = tmp_path / name
        path.write_bytes(raw)
        with pytest.raises(ClientError, match=sentence):
            read_street(path)
    with pytest.raises(ClientError, match="does not exist"):
        read_street(tmp_path / "nowhere")
    with pytest.raises(ClientError, match="time zone"):
        read_street(write(tmp_path / "good.csv", make_rows(2)), "Europe/Nowhere")


def test_the_command_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "meter.csv", make_rows(9))
    assert main(["agent", "data", str(path), "-o", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["slot_minutes"], shown["days"], len(shown["homes"])) == (60, 9, 1)
    assert main(["agent", "data", str(path)]) == 0
    assert "anna" in capsys.readouterr().out
    assert main(["agent", "data", str(tmp_path / "nowhere")]) == 4
    assert "does not exist" in capsys.readouterr().err


@needs_shared
def test_homes_of_citylearn() -> None:
    street = read_street(DATA / "homes_fontana_2022")
    assert [home.name for home in street.homes] == [f"Building_{n}" for n in range(1, 11)]
    # The first row is the last hour of a Sunday in July.
    assert street.grid.begin.strftime("%a %d.%m. %H") == "Sun 31.07. 23"
    first = street.homes[0]
    assert first.load_wh is not None
    assert first.load_wh[0] == pytest.approx(2275.8)
    assert first.battery is not None
    assert first.battery.capacity_kwh == 6.4
    assert street.price is not None


@needs_shared
def test_green_button() -> None:
    street = read_street(DATA / "greenbutton" / "electric_containerized.xml.gz")
    assert list(street.homes[0].net_wh[:4]) == [450, 430, 418, 410]
    assert street.grid.begin.isoformat() == "2011-01-01T00:00:00"
    berlin = read_street(DATA / "greenbutton" / "electric_containerized.xml.gz", "Europe/Berlin")
    assert berlin.grid.begin.isoformat() == "2011-01-01T09:00:00"
