"""`blockenergy meter parse` says what a file holds, or why it is rejected."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from blockenergy.bridge.v1 import bridge_pb2

from client.cli.__main__ import main
from tests.support.others import meter_telegrams as written
from tests.support.others.meter_telegrams import Shown
from tests.support.others.telegram_writers import WRITERS

SHOWN = Shown()


def parse(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, Any, str]:
    code = main(["meter", "parse", str(path), "-o", "json", *options])
    printed = capsys.readouterr()
    return code, json.loads(printed.out or "null"), printed.err


@pytest.fixture
def keys(tmp_path: Path) -> list[str]:
    """Keys in hexadecimal, and one as a file."""
    public = tmp_path / "public.der"
    public.write_bytes(written.SECRETS.public_key)
    return [
        *("--encryption-key", written.KEY.hex()),
        *("--authentication-key", written.AUTHENTICATION_KEY.hex()),
        *("--master-key", written.SECRETS.master_key.hex()),
        *("--public-key", str(public)),
    ]


@pytest.mark.parametrize("name", WRITERS)
def test_any_format(
    name: str, keys: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "telegram"
    format_id, write = WRITERS[name]
    path.write_bytes(write(SHOWN))
    code, (row,), errors = parse(path, capsys, *keys)
    assert (code, errors) == (0, "")
    shown = {
        bridge_pb2.TELEGRAM_FORMAT_DSMR_P1: "dsmr-p1", bridge_pb2.TELEGRAM_FORMAT_DLMS: "dlms",
        bridge_pb2.TELEGRAM_FORMAT_SML: "sml", bridge_pb2.TELEGRAM_FORMAT_WMBUS: "wmbus",
    }  # fmt: skip
    assert row["format"] == shown.get(format_id, name)
    is_wireless = format_id == bridge_pb2.TELEGRAM_FORMAT_WMBUS
    assert row["time"] == (None if is_wireless else "2027-01-15T12:00:00Z")
    if name not in {"espi", "sense", "n3rgy"}:
        assert (row["import_register_wh"], row["export_register_wh"]) == (1_234_567, 89_000)


def test_a_damaged_telegram_among_good_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = written.make_sml(SHOWN)
    path = tmp_path / "capture"
    path.write_text((b"\x55" + good + good.replace(b"BEN", b"BEM") + good).hex())
    code, rows, errors = parse(path, capsys)
    assert code == 1
    assert [row.get("import_register_wh") for row in rows] == [1_234_567, None, 1_234_567]
    assert "altered or damaged" in rows[1]["rejected"]
    assert rows[1]["rejected"] in errors and "1 bytes outside telegrams" in errors


def test_a_push_in_several_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "capture"
    path.write_bytes(written.make_dlms(SHOWN) * 3)
    assert [row["meter_id"] for row in parse(path, capsys)[1]] == ["12345678"] * 3


def test_a_file_is_compared_with_its_digest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "day.xml"
    path.write_bytes(written.make_espi(SHOWN))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / "day.xml.sha256").write_text(f"{digest}  day.xml\n")
    _, (row,), _ = parse(path, capsys)
    assert row["checks"] == ["SHA-256 of the file"]
    assert [one["energy_wh"] for one in row["intervals"]] == [282, 323, 294, 331]
    path.write_bytes(path.read_bytes().replace(b"282", b"283"))
    code, _, errors = parse(path, capsys)
    assert code == 2 and "it was altered" in errors


def test_text_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "telegram"
    path.write_bytes(written.make_iec_62056_21(SHOWN, with_check=False))
    assert main(["meter", "parse", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["format", "iec-62056-21"]
    assert "checks              none" in lines


@pytest.mark.parametrize(
    ("content", "options", "problem"),
    [
        (b"hello", [], "no known format"),
        (b"", [], "no known format"),
        (b"", ["--format", "sml"], "is damaged|does not start|contains no telegram"),
        (b"x", ["--encryption-key", "xyz"], "neither hexadecimal nor a file"),
    ],
)
def test_what_is_no_telegram(
    content: bytes,
    options: list[str],
    problem: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "telegram"
    path.write_bytes(content)
    try:
        code = main(["meter", "parse", str(path), *options])
    except SystemExit as ended:
        code = int(str(ended.code))
    printed = capsys.readouterr()
    assert code in (1, 2)
    assert "Traceback" not in printed.err
    assert any(part in printed.err for part in problem.split("|"))
