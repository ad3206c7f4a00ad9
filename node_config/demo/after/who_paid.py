"""Who paid whom: what the homes gained, and where it came from.

In every slot the homes' gain over being alone, the pool's result, the surplus of the imbalance
payments and the grid's income add up to what neighbours could gain from each other: the difference
of the bounds for what was produced and used in the street at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass

from node_config.demo.after.results import Results
from node_config.demo.after.text import eur


@dataclass(frozen=True, slots=True)
class Sums:
    """Money of the day, in millionths."""

    # Carbon charges aside: without a market the homes would have emitted more.
    homes: int
    # Negative: what the pool has lost.
    pool: int
    to_purses: int
    to_funds: int
    grid: int
    possible: int
    treasury_credit: int
    default_fund_advance: int
    backstop_paid: int
    backstop_received: int
    # Up to so much may be missing, because every payment is in whole millionths.
    rounding: int

    @property
    def together(self) -> int:
        """What all of them gained, which is what there was to gain."""
        return self.homes + self.pool + self.to_purses + self.to_funds + self.grid


def add_up(results: Results) -> Sums:
    """The sums of a day."""
    day, slots = results.day, [slot.result for slot in results.slots]
    prices = day.price_low_per_kwh, day.price_high_per_kwh

    def total(name: str) -> int:
        return sum(getattr(result, name) for result in slots)

    gained = sum(one.net_money - one.compute_without_market(*prices) for one in results.parties)
    return Sums(
        homes=gained + total("carbon_charge"),
        pool=total("pool_gain") - total("pool_loss"),
        to_purses=total("surplus_to_purse"),
        to_funds=total("fund_credit") + total("default_fund_credit"),
        grid=total("grid_fees") + total("congestion_rent"),
        possible=sum(min(result.import_wh, result.export_wh) for result in slots)
        * (prices[1] - prices[0])
        // 1000,
        treasury_credit=total("treasury_credit"),
        default_fund_advance=total("default_fund_advance"),
        backstop_paid=total("backstop_paid"),
        backstop_received=total("backstop_received"),
        rounding=len(results.parties) * (len(slots) + 1) + 3 * len(slots),
    )


def format_who_paid(results: Results) -> list[str]:
    """A line for each, and the sum."""
    sums = add_up(results)
    rows = [
        ("homes", sums.homes, "better off than alone, carbon charges aside"),
        ("pool", sums.pool, "result of its trades, into its purses"),
        ("surplus", sums.to_purses, "of imbalance payments, into the purses"),
        ("funds", sums.to_funds, "the rest of it"),
        ("grid", sums.grid, "fees and congestion rent"),
    ]
    return [
        "Who paid whom, in EUR",
        *(f"  {name:9}{eur(amount):>9}  {text}" for name, amount, text in rows),
        (
            f"  {'together':9}{eur(sums.together):>9}  of {eur(sums.possible)} that neighbours can "
            "gain from each other"
        ),
        (
            f"  {'treasury':9}{eur(sums.treasury_credit):>9}  what purses could not hold; "
            f"{eur(sums.default_fund_advance)} advanced by the default fund"
        ),
        (
            f"  {'backstop':9}{eur(sums.backstop_paid - sums.backstop_received):>9}  for energy "
            "from outside, less what it paid for surplus"
        ),
    ]
