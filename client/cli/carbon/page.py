"""A statement as a page to print: its figures, and a picture of use by the hour."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from chain import certificates

_WIDTH, _HEIGHT, _TOP = 960, 260, 20
_BARS_MAX = 800
_MATCHED, _UNMATCHED = "#2a9d57", "#b0b7bf"
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
        f"<h2>Use by the slot</h2>{make_picture([one for _, one in slots])}"
        f'<p><span style="color:{_MATCHED}">&#9632;</span> matched by renewable energy of the same '
        f'slot, <span style="color:{_UNMATCHED}">&#9632;</span> not matched.</p></html>\n'
    )


def make_picture(slots: Sequence[certificates.Sums]) -> str:
    """Use as bars, matched and not matched, as SVG; neighbours share a bar where there are many."""
    each = max(1, -(-len(slots) // _BARS_MAX))
    bars = [
        (
            sum(one.matched_wh for one in slots[start : start + each]),
            sum(one.use_wh for one in slots[start : start + each]),
        )
        for start in range(0, len(slots), each)
    ]
    highest = max((use for _, use in bars), default=0) or 1
    width = _WIDTH / max(1, len(bars))
    parts = []
    for number, (matched, use) in enumerate(bars):
        for wh, color in ((use, _UNMATCHED), (matched, _MATCHED)):
            height = (_HEIGHT - _TOP) * wh / highest
            parts.append(
                f'<rect x="{number * width:.2f}" y="{_HEIGHT - height:.2f}" '
                f'width="{width * 0.9:.2f}" height="{height:.2f}" fill="{color}"/>'
            )
    label = f"highest bar: {_kwh(highest)} kWh in {each} slot{'s' if each > 1 else ''}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="100%" role="img" aria-label="use by slot">'
        f'{"".join(parts)}<text x="0" y="12" font-size="12">{label}</text></svg>'
    )


def _kwh(wh: int) -> str:
    return f"{wh // 1000}.{wh % 1000:03}"


def _tokens(amount: int) -> str:
    return f"{amount // 10**6}.{amount % 10**6:06}"


def _percent(ppm: int) -> str:
    return f"{ppm // 10_000}.{ppm // 100 % 100:02} %"
