"""Our readers against GPL libraries, which live in an environment of their own (`make oracles`)."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Mapping
from decimal import Decimal

import pytest
from blockenergy.bridge.v1 import bridge_pb2

from meter_bridge.formats import FORMATS
from meter_bridge.formats.encoding.registers import format_obis
from meter_bridge.formats.telegram import Context
from tests.support.others import meter_telegrams as written
from tests.support.others.meter_telegrams import Shown
from tests.support.source import ROOT

PYTHON = ROOT / ".oracles" / "bin" / "python"
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="`make oracles` installs them")
TELEGRAMS = 50


def ask(name: str, telegrams: list[bytes]) -> list[dict[str, str]]:
    """What the other library reads."""
    lines = "".join(json.dumps({"format": name, "hex": raw.hex()}) + "\n" for raw in telegrams)
    command = [str(PYTHON), str(ROOT / "tests" / "support" / "others" / "other_readers.py")]
    done = subprocess.run(
        command, input=lines, capture_output=True, text=True, check=True, timeout=120
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def by_obis(values: Mapping[str, str]) -> dict[str, Decimal]:
    return {format_obis(bytes.fromhex(code)): Decimal(text) for code, text in values.items()}


def draw() -> list[Shown]:
    chance = random.Random(7)
    sizes = (0, 1, 255, 256, 65_535, 65_536, 2**31, 2**32 - 1)
    return [
        Shown(
            1_800_014_400 + 900 * place,
            chance.choice((*sizes, chance.randrange(2**32))),
            chance.randrange(2**24),
            place,
        )
        for place in range(TELEGRAMS)
    ]


def test_sml() -> None:
    telegrams = [written.make_sml(shown) for shown in draw()]
    read = FORMATS[bridge_pb2.TELEGRAM_FORMAT_SML].read
    for raw, other in zip(telegrams, ask("sml", telegrams), strict=True):
        (ours,) = read(raw, Context())
        theirs = by_obis(other)
        assert theirs and theirs == {code: ours.values[code].amount for code in theirs}


def test_dlms() -> None:
    notifications = [written.make_notification(shown) for shown in draw()]
    read = FORMATS[bridge_pb2.TELEGRAM_FORMAT_DLMS].read
    for raw, other in zip(notifications, ask("dlms", notifications), strict=True):
        (ours,) = read(written.make_hdlc(raw), Context())
        theirs = by_obis(other)
        assert len(theirs) == 2
        assert theirs == {code: ours.values[code].amount for code in theirs}
