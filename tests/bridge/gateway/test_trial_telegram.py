"""`blockenergy meter telegram` writes what a meter would send at the end of a slot."""

from __future__ import annotations

from pathlib import Path

import pytest

from client.cli.__main__ import main
from meter_bridge.formats import dsmr
from tests.bridge.fakes import FakeChain
from tests.bridge.service.serving import running

SLOT = 30_000_000


def test_the_bridge_says_how_long_a_slot_is(
    tmp_path: Path, chain: FakeChain, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with running(tmp_path, chain) as bridge:
        slot_length_s = bridge.get_health().slot_length_s
        command = ["meter", "telegram", "M-1", str(SLOT), "--bridge", f"127.0.0.1:{bridge.port}"]
        assert main([*command, "--import", "1.5kWh", "--export", "30Wh"]) == 0
    written = capfdbinary.readouterr().out
    found = dsmr.parse(written)
    assert (found.meter_id, found.time_s) == ("M-1", (SLOT + 1) * slot_length_s)
    assert (found.import_register_wh, found.export_register_wh) == (1_500, 30)
