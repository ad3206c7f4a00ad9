"""Readings become intervals without gaps, and files that others, and we, can read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meter_bridge.formats import cmep, espi
from meter_bridge.formats.telegram import Context
from meter_bridge.vee.export import write_cmep, write_espi
from meter_bridge.vee.intervals import make_intervals
from meter_bridge.vee.slots import Quality, Registers
from meter_bridge.vee.validate import Limits

LIMITS = Limits()
FIRST = 2_000_000
# Energy of slots, of which some have no reading.
ENERGIES = st.lists(
    st.tuples(st.integers(0, 4_000), st.integers(0, 300), st.booleans()), max_size=120
)


def accumulate(energies: list[tuple[int, int, bool]]) -> dict[int, Registers]:
    """The readings of a meter; the first and the last slot have one."""
    import_wh, export_wh = 7_000, 100
    readings = {FIRST: Registers(import_wh, export_wh)}
    for place, (imported, exported, is_there) in enumerate(energies, start=1):
        import_wh, export_wh = import_wh + imported, export_wh + exported
        if is_there or place == len(energies):
            readings[FIRST + place] = Registers(import_wh, export_wh)
    return readings


@given(ENERGIES)
def test_the_sum_is_that_of_the_registers(energies: list[tuple[int, int, bool]]) -> None:
    intervals = make_intervals(accumulate(energies), LIMITS)
    for slots, place in ((intervals.imported, 0), (intervals.exported, 1)):
        assert [slot.number for slot in slots] == list(range(FIRST + 1, FIRST + 1 + len(energies)))
        assert sum(slot.energy_wh or 0 for slot in slots) == sum(one[place] for one in energies)
    for slot, (imported, _, is_there) in zip(intervals.imported, energies, strict=True):
        if slot.quality is not Quality.ESTIMATED:
            assert is_there or slot.number == FIRST + len(energies)
            assert slot.energy_wh == imported


def test_a_register_that_went_back_is_not_made_up() -> None:
    readings = {FIRST: Registers(500, 0), FIRST + 2: Registers(400, 10)}
    intervals = make_intervals(readings, LIMITS)
    assert [slot.energy_wh for slot in intervals.imported] == [None, None]
    assert [slot.energy_wh for slot in intervals.exported] == [5, 5]


@given(ENERGIES.filter(bool))
def test_files_are_read_as_they_were_written(energies: list[tuple[int, int, bool]]) -> None:
    intervals = make_intervals(accumulate(energies), LIMITS)
    expected = sorted(
        (slot.number * 900, is_export, slot.energy_wh)
        for slots, is_export in ((intervals.imported, False), (intervals.exported, True))
        for slot in slots
    )
    for read, raw in (
        (espi.read, write_espi("HOME-07", intervals, 900)),
        (cmep.read, write_cmep("HOME-07", intervals, 900)),
    ):
        (content,) = read(raw, Context())
        assert content.meter_id == "HOME-07"
        found = [(one.start_s, one.is_export, one.energy_wh) for one in content.intervals]
        assert sorted(found) == expected


def test_qualities_are_told() -> None:
    readings = {
        FIRST: Registers(0, 0),
        FIRST + 1: Registers(9_000, 0),
        FIRST + 3: Registers(9_500, 0),
    }
    intervals = make_intervals(readings, LIMITS)
    assert [slot.quality.value for slot in intervals.imported] == [
        "suspect",
        "estimated",
        "estimated",
    ]
    (content,) = espi.read(write_espi("M", intervals, 900), Context())
    assert [one.quality for one in content.intervals if not one.is_export] == ["10", "8", "8"]
    assert b",R1,9.000," in write_cmep("M", intervals, 900)
