"""Draws the picture of docs/carbon.md into docs/images, with the very functions of the chain.

    python docs/carbon_pictures.py

Prints the table of the worked day as well. Every number is computed here.
"""

from __future__ import annotations

from pathlib import Path

from chain import carbon, certificates
from client.cli.carbon.page import make_picture

FOLDER = Path(__file__).resolve().parent / "images"
PRICE_PER_TONNE = 80_000_000
# A home in spring, by the hour: what it uses, and what its roof exports beyond that moment, in Wh.
USE_WH = (
    *(210, 190, 180, 180, 190, 230, 420, 610, 520, 380, 340, 360),
    *(460, 420, 360, 350, 400, 560, 820, 910, 760, 560, 390, 270),
)
SUN_WH = (
    *(0, 0, 0, 0, 0, 0, 60, 320, 760, 1_240, 1_650, 1_900),
    *(1_960, 1_850, 1_560, 1_130, 640, 240, 40, 0, 0, 0, 0, 0),
)
# Residual and location factors of the day, in g per MWh: clean at noon, dirty in the evening.
LOCATION = (
    *(390_000,) * 6, *(420_000, 400_000, 340_000, 280_000, 230_000, 200_000),
    *(190_000, 200_000, 230_000, 290_000, 360_000, 430_000), *(470_000,) * 3, *(440_000,) * 3,
)  # fmt: skip
RESIDUAL_MORE = 90_000


def main() -> None:
    """Prints the table and writes the picture."""
    slots = [compute_slot(hour) for hour in range(24)]
    sums = certificates.add_up(slots)
    shown = certificates.compute_shown(sums)
    print("| hour | use | made | own | free | unmatched | residual | charge |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for hour in range(0, 24, 3):
        part = compute_hour(hour)
        cells = (
            USE_WH[hour], SUN_WH[hour], part.self_wh, part.free_wh, part.unmatched_wh,
            f"{(LOCATION[hour] + RESIDUAL_MORE) // 1000} g/kWh", f"{part.charge} u",
        )  # fmt: skip
        print(f"| {hour} | " + " | ".join(map(str, cells)) + " |")
    print(
        f"use {sums.use_wh} Wh, matched {sums.matched_wh} Wh ({shown.matched_ppm} ppm), location "
        f"{shown.location_g} g, market {shown.market_g} g, charge {sums.charge} u"
    )
    (FOLDER / "carbon-day.svg").write_text(make_svg(slots), encoding="utf-8")


def compute_hour(hour: int) -> carbon.Part:
    """The carbon part of the line of one hour."""
    residual = LOCATION[hour] + RESIDUAL_MORE
    rate = carbon.Rate(residual, max(LOCATION) + RESIDUAL_MORE, PRICE_PER_TONNE)
    return carbon.compute_part(carbon.Flows(USE_WH[hour], SUN_WH[hour]), rate)


def compute_slot(hour: int) -> certificates.Sums:
    """What the statement of the day has of one hour."""
    part = compute_hour(hour)
    return certificates.Sums(
        slots=1,
        use_wh=part.use_wh,
        matched_wh=part.self_wh,
        exact_use_wh=part.use_wh,
        location_ug=part.use_wh * LOCATION[hour],
        market_ug=part.unmatched_wh * (LOCATION[hour] + RESIDUAL_MORE),
        carbon_free_permille_wh=part.self_wh * 1000,
        charge=part.charge,
    )


def make_svg(slots: list[certificates.Sums]) -> str:
    """The picture of a statement, as a file of its own."""
    picture = make_picture(slots)
    return picture.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


if __name__ == "__main__":
    main()
