"""What stands in for missing energy, in the order in which methods are tried.

    check meter      another meter of the same connection has measured it
    interpolation    a short gap between two reliable slots: a line from one to the other
    like days        the middle of the same slots of the three nearest days of the same kind
    profile          the shape of a standard profile
    flat             the same energy in every slot

If the register is known on both sides of the gap, the shape is scaled so that its sum is what the
register has moved by, to the watt-hour. If it is not, and neither shape nor register says anything,
the slots stay missing: nothing is made up from nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from meter_bridge.vee.slots import RELIABLE, Quality, Slot, Version

# An hour of quarter hours.
INTERPOLATED_MAX = 4
LIKE_DAYS = 3
CHECK_METER, INTERPOLATION, LIKE_DAY, PROFILE, FLAT = (
    "check meter", "interpolation", "like days", "profile", "flat",
)  # fmt: skip


@dataclass(frozen=True)
class Known:
    """What an estimate can be made from."""

    # The slots before and after the gap.
    before: Slot | None = None
    after: Slot | None = None
    # What the register has moved by over the gap; None if that is not known.
    register_wh: int | None = None
    # Of another meter at the same connection, by slot.
    check_meter_wh: Mapping[int, int] = field(default_factory=dict)
    # The same slots of other days of the same kind, the nearest day first; only reliable days.
    like_days: Sequence[Sequence[Slot]] = ()
    # Energy by slot of a standard profile.
    profile_wh: Mapping[int, int] = field(default_factory=dict)


def estimate_gap(gap: Sequence[Slot], known: Known) -> list[Slot]:
    """The slots of a gap with an estimate each, or as they were if nothing is known."""
    assert gap, "a gap has slots"
    shape, method = choose_shape(gap, known)
    if known.register_wh is not None:
        shape = scale_to(shape, known.register_wh)
    elif method == FLAT:
        return list(gap)
    return [
        Slot(slot.number, (*slot.versions, Version(energy_wh, Quality.ESTIMATED, method)))
        for slot, energy_wh in zip(gap, shape, strict=True)
    ]


def choose_shape(gap: Sequence[Slot], known: Known) -> tuple[list[int], str]:
    """Energy of each slot by the first method that can be used, and its name."""
    numbers = [slot.number for slot in gap]
    if all(number in known.check_meter_wh for number in numbers):
        return [known.check_meter_wh[number] for number in numbers], CHECK_METER
    if len(gap) <= INTERPOLATED_MAX and (line := interpolate(len(gap), known)) is not None:
        return line, INTERPOLATION
    if like := average_like_days(len(gap), known.like_days):
        return like, LIKE_DAY
    if all(number in known.profile_wh for number in numbers):
        return [known.profile_wh[number] for number in numbers], PROFILE
    return [1] * len(gap), FLAT


def interpolate(count: int, known: Known) -> list[int] | None:
    """Whole watt-hours on a line between the slots on both sides; None if one is not reliable."""
    if known.before is None or known.after is None:
        return None
    if not {known.before.quality, known.after.quality} <= RELIABLE:
        return None
    first, last = known.before.energy_wh, known.after.energy_wh
    assert first is not None and last is not None
    return [first + (last - first) * place // (count + 1) for place in range(1, count + 1)]


def average_like_days(count: int, days: Sequence[Sequence[Slot]]) -> list[int]:
    """The average of the nearest days that are reliable all through; empty if there is none."""
    usable = [
        [slot.energy_wh or 0 for slot in day]
        for day in days
        if len(day) == count and all(slot.quality in RELIABLE for slot in day)
    ][:LIKE_DAYS]
    return (
        [sum(energies) // len(usable) for energies in zip(*usable, strict=True)] if usable else []
    )


def scale_to(shape: Sequence[int], total_wh: int) -> list[int]:
    """The shape with another sum, exactly. What division leaves goes to the slots that lost most,
    the earlier of two alike.
    """
    whole = sum(shape)
    if whole <= 0:
        shape, whole = [1] * len(shape), len(shape)
    parts = [divmod(energy * total_wh, whole) for energy in shape]
    scaled = [part for part, _ in parts]
    left = total_wh - sum(scaled)
    by_rest = sorted(range(len(parts)), key=lambda place: (-parts[place][1], place))
    for place in by_rest[:left]:
        scaled[place] += 1
    return scaled
