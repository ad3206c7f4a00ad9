"""The price rule: the price of a slot's energy, from the net energy that the pool has sold in it.

The price line goes from the low bound plus a margin, where participants have sold the pool depth_wh
more than they bought, through the middle at balance, to the high bound less the margin at depth_wh
the other way, and is constant beyond. Prices fall when production exceeds consumption, and rise
otherwise. The pool asks the margin above its line and bids the margin below it. Without depth the
line is a step at balance.

Costs are differences of a potential N, the area under the line, kept exactly as an integer:
`cost = (N(after) - N(before)) / scale`, and the margin per kWh. So the path from one state to
another is irrelevant, a round trip costs two margins, and the pool's loss is bounded. Rounding is
in the pool's favour, by less than one millionth of a token per order.

Symbols: q net Wh sold by the pool; D depth; x = q + D; scale = 4000 D; low, high: ends of the line.
  N(x) = 4 D low x                                for x < 0
       = 4 D low x + (high - low) x^2             for 0 <= x <= 2 D
       = N(2 D) + 4 D high (x - 2 D)              for x > 2 D
Of D = 0 the step is 2 low q, or 2 high q, in units of a scale for D = 1.
"""

from __future__ import annotations

from typing import NamedTuple

from chain.runtime.units import PERMILLE, WH_PER_KWH, ceil_div, floor_div

# Max orders of the largest size on either side of a slot, so that its sums stay in 64 bits.
ORDERS_PER_SLOT_MAX = 50_000
# Max price in the parameters or of a compensation.
PRICE_MAX = 10**12


class Curve(NamedTuple):
    """What the pool quotes: the bounds of all prices per kWh, the depth in Wh, and its margin."""

    price_low: int
    price_high: int
    depth_wh: int
    margin: int = 0

    def get_ends(self) -> tuple[int, int]:
        """The lowest and the highest price of the line, to which the margin comes."""
        return self.price_low + self.margin, self.price_high - self.margin


class Price(NamedTuple):
    """An exact price: numerator / denominator per kWh."""

    numerator: int
    denominator: int

    def ceil(self) -> int:
        """The price per kWh, rounded up."""
        return ceil_div(self.numerator, self.denominator)

    def floor(self) -> int:
        """The price per kWh, rounded down."""
        return floor_div(self.numerator, self.denominator)

    def add(self, per_kwh: int) -> Price:
        """The price with an amount per kWh more, or less."""
        return Price(self.numerator + per_kwh * self.denominator, self.denominator)


def compute_scale(curve: Curve) -> int:
    """The unit of the potential, in parts of a millionth."""
    return 4 * WH_PER_KWH * max(curve.depth_wh, 1)


def compute_potential(curve: Curve, net_wh: int) -> int:
    """N at a net energy sold by the pool, in units of 1 / scale."""
    low, high = curve.get_ends()
    depth = curve.depth_wh
    unit, x = 4 * max(depth, 1), net_wh + depth
    if x < 0:
        return unit * low * x
    inside = min(x, 2 * depth)
    area = unit * low * inside + (high - low) * inside * inside
    return area + unit * high * (x - inside)


def compute_marginal_price(curve: Curve, net_wh: int) -> Price:
    """The height of the line; in the middle of a step if there is no depth."""
    low, high = curve.get_ends()
    depth = curve.depth_wh
    if not depth:
        return Price(high if net_wh > 0 else low, 1) if net_wh else Price(low + high, 2)
    inside = min(max(net_wh + depth, 0), 2 * depth)
    return Price(2 * depth * low + (high - low) * inside, 2 * depth)


def compute_average_price(curve: Curve, net_wh: int, change_wh: int) -> Price:
    """The price of a change of the pool's net energy, before the margin; of no change, the height
    of the line.
    """
    if not change_wh:
        return compute_marginal_price(curve, net_wh)
    area = compute_potential(curve, net_wh + change_wh) - compute_potential(curve, net_wh)
    denominator = 4 * max(curve.depth_wh, 1) * abs(change_wh)
    return Price(area if change_wh > 0 else -area, denominator)


def compute_ask(curve: Curve, net_wh: int) -> int:
    """The price per kWh at which the pool sells the next Wh; rounded up."""
    return compute_average_price(curve, net_wh, 1).add(curve.margin).ceil()


def compute_bid(curve: Curve, net_wh: int) -> int:
    """The price per kWh at which the pool buys the next Wh; rounded down."""
    return compute_average_price(curve, net_wh, -1).add(-curve.margin).floor()


def compute_payment(price: Price, quantity_wh: int) -> int:
    """What a buyer pays; rounded up, the pool gets the remainder."""
    return ceil_div(quantity_wh * price.numerator, WH_PER_KWH * price.denominator)


def compute_receipt(price: Price, quantity_wh: int) -> int:
    """What a seller receives; rounded down, the pool gets the remainder."""
    return floor_div(quantity_wh * price.numerator, WH_PER_KWH * price.denominator)


def compute_funding(curve: Curve) -> int:
    """The pool's largest possible loss: the area between the line and its end on one side of
    balance, (high - low) D / 4 per kWh; rounded up.
    """
    low, high = curve.get_ends()
    return ceil_div((high - low) * curve.depth_wh, 4 * WH_PER_KWH)


def compute_close_cost(curve: Curve, net_wh: int) -> int:
    """The cost of closing the pool's position with the supplier of last resort (negative: income);
    rounded up.
    """
    price = curve.price_high if net_wh > 0 else curve.price_low
    return ceil_div(net_wh * price, WH_PER_KWH)


def compute_influence(curve: Curve, quantity_wh: int, opposite_half_wh: int) -> int:
    """What a position has, at most, brought those who traded the other way while it was held: each
    Wh of it moves the line by its slope for each Wh of theirs; rounded up.

    opposite_half_wh: what they traded, in halves of a Wh.
    """
    low, high = curve.get_ends()
    moved = (high - low) * quantity_wh * opposite_half_wh
    return ceil_div(moved, 4 * WH_PER_KWH * max(curve.depth_wh, 1))


def compute_influence_charge(
    curve: Curve, is_bought: bool, quantity_wh: int, opposite_half_wh: int
) -> int:
    """What a position pays for its influence if its energy is not used, or not delivered."""
    influence = compute_influence(curve, quantity_wh, opposite_half_wh)
    return min(influence, compute_influence_charge_max(curve, is_bought, quantity_wh))


def compute_influence_charge_max(curve: Curve, is_bought: bool, quantity_wh: int) -> int:
    """The most of it, rounded down. Of what was bought the lowest price, which is credited for the
    same energy: if it could cost more, its owner would burn it. What was sold has to come from
    somewhere, so it is as much as a price can be moved: the difference of the bounds.
    """
    price = curve.price_low if is_bought else curve.price_high - curve.price_low
    return floor_div(quantity_wh * price, WH_PER_KWH)


def compute_reserve(
    is_buy: bool,
    quantity_wh: int,
    limit: int,
    curve: Curve,
    collateral_permille: int,
    unbacked_wh: int = 0,
    carbon_cover_per_kwh: int = 0,
) -> int:
    """What an order puts on hold: a buyer the worst case of the cost, and both sides collateral."""
    if is_buy:
        cost = ceil_div(quantity_wh * limit, WH_PER_KWH)
        return cost + compute_buy_collateral(
            quantity_wh, curve.price_high, collateral_permille, carbon_cover_per_kwh
        )
    return compute_sell_collateral(quantity_wh, limit, curve, collateral_permille, unbacked_wh)


def compute_buy_collateral(
    quantity_wh: int, price_high: int, collateral_permille: int, carbon_cover_per_kwh: int = 0
) -> int:
    """Collateral of a buyer, in case more is used than was bought, and for the carbon charge of
    what is used; rounded up.
    """
    per_kwh = price_high * collateral_permille + carbon_cover_per_kwh * PERMILLE
    return ceil_div(quantity_wh * per_kwh, WH_PER_KWH * PERMILLE)


def compute_sell_collateral(
    quantity_wh: int, price: int, curve: Curve, collateral_permille: int, unbacked_wh: int = 0
) -> int:
    """Collateral of a seller at a price, or at a higher one, for the cost of not delivering beyond
    the revenue; rounded up. Of the part that no energy source backs it is all that this can cost,
    with what the sale has done to the price for others.
    """
    risk, backed_wh = max(0, curve.price_high - price), quantity_wh - unbacked_wh
    backed = compute_buy_collateral(backed_wh, risk, collateral_permille)
    moved = curve.price_high - curve.price_low
    return backed + compute_buy_collateral(unbacked_wh, risk + moved, PERMILLE)


def compute_unbacked_part(order_wh: int, unbacked_wh: int, executed_wh: int) -> int:
    """What is unbacked of the executed part of an order: the backed part is executed first."""
    return max(0, executed_wh - (order_wh - unbacked_wh))
