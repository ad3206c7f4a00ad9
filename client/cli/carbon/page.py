"""A statement as a page to print: its figures, and a picture of use by the hour."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from chain import certificates

# Use above, emissions below.
_WIDTH, _USE_HEIGHT, _EMISSIONS_HEIGHT, _LABEL_HEIGHT = 960, 240, 110, 20
_HEIGHT = _USE_HEIGHT + _EMISSIONS_HEIGHT + 2 * _LABEL_HEIGHT
_BARS_MAX = 800
_MATCHED, _UNMATCHED, _EMISSIONS = "#2a9d57", "#b0b7bf", "#8a3b2e"
_UG_PER_G = 1_000_000
_STYLE = (
    "body{font:15px sans-serif;max-width:980px;margin:2em auto;color:#1d2329}"
    "td,th{padding:.2em 1.2em .2em 0;text-align:left}td:last-child{text-align:right}"
)


def make_page(
    heading: str,
    sums: certificates.Sums,
    slots: Sequence[tuple[int, certificates.Sums]],
    slot_length_s: int,
) -> str:
    """The page of a statement with its slots."""
    found = certificates.compute_shown(sums)
    rows = [
        ("Use", f"{_kwh(sums.use_wh)} kWh"),
        ("Matched in the same slot", f"{_kwh(sums.matched_wh)} kWh, {_percent(found.matched_ppm)}"),
        *_list_sources(sums),
        ("Carbon-free, with the rest of the mix", _percent(found.carbon_free_ppm)),
        ("Emissions by location", f"{found.location_g} g CO2e"),
        ("Emissions by market", f"{found.market_g} g CO2e"),
        ("Certificates retired", f"{_kwh(sums.retired_wh)} kWh"),
        ("Carbon charge", f"{_tokens(sums.charge)}"),
        ("Refunded", f"{_tokens(sums.refunded)}"),
        ("Offset with credits, in none of the figures above", f"{sums.offset_g} g CO2e"),
        ("Measured exactly in its slot", f"{_kwh(sums.exact_use_wh)} kWh"),
        ("With a factor that was not measured", f"{_kwh(sums.estimated_factor_wh)} kWh"),
    ]
    table = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Carbon statement</title>'
        f"<style>{_STYLE}</style><h1>Carbon statement</h1><p>{escape(heading)}; "
        f"{sums.slots} slots of {slot_length_s} s with a line.</p><table>{table}</table>"
        f"<h2>Use and emissions by the slot</h2>{make_picture([one for _, one in slots])}"
        f'<p><span style="color:{_MATCHED}">&#9632;</span> matched by renewable energy of the same '
        f'slot, <span style="color:{_UNMATCHED}">&#9632;</span> not matched, '
        f'<span style="color:{_EMISSIONS}">&#9632;</span> emissions by market.</p></html>\n'
    )


def make_picture(slots: Sequence[certificates.Sums]) -> str:
    """Use as bars, matched and not matched, and below them emissions by market, as SVG; neighbours
    share a bar where there are many.
    """
    each = max(1, -(-len(slots) // _BARS_MAX))
    bars = [
        certificates.add_up(slots[start : start + each]) for start in range(0, len(slots), each)
    ]
    use = [bar.use_wh for bar in bars]
    emissions = [bar.market_ug for bar in bars]
    matched = [bar.matched_wh for bar in bars]
    most_wh, most_ug = max(use, default=0), max(emissions, default=0)
    top = _LABEL_HEIGHT + _USE_HEIGHT
    many = f"{each} slot{'s' if each > 1 else ''}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="100%" role="img" '
        f'aria-label="use and emissions by slot">'
        f"{_draw_bars(use, most_wh, top, _USE_HEIGHT, _UNMATCHED)}"
        f"{_draw_bars(matched, most_wh, top, _USE_HEIGHT, _MATCHED)}"
        f"{_draw_bars(emissions, most_ug, _HEIGHT, _EMISSIONS_HEIGHT, _EMISSIONS)}"
        f"{_draw_label(f'use, highest bar: {_kwh(most_wh)} kWh in {many}', 12)}"
        f"{_draw_label(f'emissions by market, highest bar: {_grams(most_ug)} g CO2e', top + 14)}"
        f"</svg>"
    )


def _list_sources(sums: certificates.Sums) -> list[tuple[str, str]]:
    """A row for each source of what was matched."""
    prefix = "matched_"
    return [
        (f"of it {name.removeprefix(prefix).removesuffix('_wh')}", f"{_kwh(wh)} kWh")
        for name, wh in sums._asdict().items()
        if name.startswith(prefix) and name != "matched_wh" and wh
    ]


def _draw_bars(values: Sequence[int], most: int, bottom: int, height: int, color: str) -> str:
    """A bar for each value that is not zero, the largest of them as high as there is room."""
    width = _WIDTH / max(1, len(values))
    return "".join(
        f'<rect x="{number * width:.2f}" y="{bottom - height * value / most:.2f}" '
        f'width="{width * 0.9:.2f}" height="{height * value / most:.2f}" fill="{color}"/>'
        for number, value in enumerate(values)
        if value
    )


def _draw_label(text: str, y: int) -> str:
    return f'<text x="0" y="{y}" font-size="12">{text}</text>'


def _grams(ug: int) -> str:
    return f"{ug // _UG_PER_G}.{ug // 1000 % 1000:03}"


def _kwh(wh: int) -> str:
    return f"{wh // 1000}.{wh % 1000:03}"


def _tokens(amount: int) -> str:
    return f"{amount // 10**6}.{amount % 10**6:06}"


def _percent(ppm: int) -> str:
    return f"{ppm // 10_000}.{ppm // 100 % 100:02} %"
