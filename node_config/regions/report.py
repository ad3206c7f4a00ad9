"""The demonstration in words."""

from __future__ import annotations

from node_config.regions.play import Results

_PER_CENT = 10_000
_PER_EUR = 1_000_000


def format_results(results: Results) -> str:
    """A table of all slots, and what the line has earned."""
    first, last = results.rounds[0], results.rounds[-1]
    lines = [
        "      without the line     with it              line   earned",
        "hour   north   south    north   south      kWh to south      EUR",
    ]
    for place, hour in enumerate(results.hours):
        prices = [side[place] for one in (first, last) for side in (one.north, one.south)]
        shown = " ".join(f"{price / _PER_CENT:7.1f}" for price in prices)
        flow_wh = last.flow_wh[place]
        mark = " full" if abs(flow_wh) == results.capacity_wh else ""
        rent = (results.earned[place] - results.paid[place]) / _PER_EUR
        lines.append(f"{hour:4} {shown} {flow_wh / 1000:12.2f}{mark:5} {rent:12.3f}")
    paid, earned = sum(results.paid) / _PER_EUR, sum(results.earned) / _PER_EUR
    lines.append(
        f"\nPrices in ct/kWh. {len(results.rounds) - 1} rounds took {results.took_s:.0f} s. The "
        f"line paid {paid:.3f} EUR in the north and got {earned:.3f} EUR in the south: "
        f"{earned - paid:.3f} EUR are its congestion rent."
    )
    if results.broken:
        return "\n".join([*lines, "Broken:", *(f"- {one}" for one in results.broken)])
    full = sum(abs(flow_wh) == results.capacity_wh for flow_wh in last.flow_wh)
    lines.append(
        f"The line is full in {full} of {len(results.hours)} slots; in the others prices have met: "
        "another trade would gain nothing."
    )
    lines.append(
        "Both regions agree on every slot, and the meter of the line has settled it in both."
    )
    return "\n".join(lines)
