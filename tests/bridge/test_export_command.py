"""`blockenergy meter export` writes what the chain has, on the real rules."""

from __future__ import annotations

import pytest

from client.cli.__main__ import main
from meter_bridge.formats import cmep, espi
from meter_bridge.formats.telegram import Context
from tests.bridge.world_node import WorldNode
from tests.support.world import FIRST_SLOT, World

METER = "meter-anna"
READINGS = {
    f"metering.readings[{FIRST_SLOT + place}, {METER}]": {"import_wh": str(wh), "export_wh": "0"}
    for place, wh in ((0, 1_000), (1, 1_250), (3, 1_751))
}


def export(node: WorldNode, *arguments: str) -> int:
    return main(["meter", "export", *arguments, "--node", node.url])


@pytest.mark.parametrize(("name", "read"), [("espi", espi.read), ("cmep", cmep.read)])
def test_a_meter_with_a_gap(
    name: str, read: type, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with WorldNode(World(READINGS)).running() as node:
        slots = (str(FIRST_SLOT + 1), str(FIRST_SLOT + 3))
        assert export(node, METER, *slots, "--format", name) == 0
    (content,) = read(capfdbinary.readouterr().out, Context())
    imported = [one.energy_wh for one in content.intervals if not one.is_export]
    assert (content.meter_id, imported) == (METER, [250, 251, 250])


def test_nothing_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    with WorldNode(World()).running() as node:
        assert export(node, METER, "5", "9") == 1
        assert "no two readings" in capsys.readouterr().err
        assert export(node, METER, "9", "5") == 2
