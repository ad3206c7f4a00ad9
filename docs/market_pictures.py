"""Draws the pictures of docs/market.md into docs/images, from the very functions of the chain.

    python docs/market_pictures.py

Needs matplotlib, which `make demo` installs. Every number in the pictures is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from chain.market.clearing import (
    Book,
    Branch,
    Network,
    NodeOrders,
    Order,
    clear_auction,
    clear_network,
    verify_clearing,
    verify_network_clearing,
)
from chain.market.rules import (
    Curve,
    compute_average_price,
    compute_funding,
    compute_marginal_price,
    compute_payment,
)

FOLDER = Path(__file__).resolve().parent / "images"
# Colours that differ in brightness as well, for those who do not tell red from green.
BID, ASK, PRICE, PALE = "#3969ac", "#a66f00", "#7f1d5a", "#9a9a9a"
DPI = 130
MICRO_PER_CENT = 10_000

CURVE = Curve(80_000, 300_000, 50_000, 2_750)
# Cents per kWh and kWh, as in the worked example.
BIDS = ((30, 4), (26, 3), (22, 5), (16, 4))
ASKS = ((9, 3), (12, 4), (18, 5), (24, 5))
PLACES = {"substation": (0.0, 0.0), "village": (1.0, 0.0), "farm": (2.0, 0.0)}
CAPACITIES_KWH = (3, 5)


def main() -> None:
    """Writes the three pictures."""
    FOLDER.mkdir(exist_ok=True)
    with mpl.rc_context({"font.size": 9, "axes.grid": True, "grid.alpha": 0.25}):
        draw_pool(FOLDER / "pool-curve.png")
        draw_auction(FOLDER / "auction.png")
        draw_feeder(FOLDER / "feeder.png")


def draw_pool(path: Path) -> None:
    """The price line, what an order costs, and the most the pool can lose."""
    figure, panel = make_panel((7.6, 4.0))
    depth = CURVE.depth_wh
    places = range(-depth * 3 // 2, depth * 3 // 2 + 1, depth // 50)
    prices = [get_cents(place) for place in places]
    energies = [place / 1000 for place in places]
    bought_wh = 10_000
    area = [0, bought_wh]
    panel.fill_between(
        [wh / 1000 for wh in area], [get_cents(wh) for wh in area], color=BID, alpha=0.35
    )
    price = compute_average_price(CURVE, 0, bought_wh).add(CURVE.margin)
    cost = compute_payment(price, bought_wh) / 1e6
    panel.annotate(
        f"buying 10 kWh from balance costs\nthe area and the margin: {cost:.2f} EUR",
        (5, 10),
        (13, 3),
        arrowprops={"arrowstyle": "-", "color": BID},
        color=BID,
    )
    high = CURVE.get_ends()[1] / MICRO_PER_CENT
    right = [place / 1000 for place in range(0, depth + 1, 500)]
    panel.fill_between(
        right, [get_cents(round(e * 1000)) for e in right], high, color=PALE, alpha=0.35
    )
    loss = compute_funding(CURVE) / 1e6
    panel.annotate(
        f"the most the pool can lose\non this side: {loss:.2f} EUR",
        (13, 26),
        (-40, 25.5),
        arrowprops={"arrowstyle": "-", "color": "#555555"},
        color="#555555",
    )
    panel.plot(energies, prices, color=PRICE, linewidth=2.2)
    margin = CURVE.margin / MICRO_PER_CENT
    for sign, name in ((1, "ask"), (-1, "bid")):
        moved = [price + sign * margin for price in prices]
        panel.plot(energies, moved, color=PRICE, linewidth=0.9, linestyle="--")
        panel.text(-74, moved[0] + sign * 0.9 - 0.4, name, color=PRICE, fontsize=8)
    panel.set_xlabel("net energy that the pool has sold in the slot, in kWh")
    panel.set_ylabel("price line, ask and bid, in ct/kWh")
    panel.set_ylim(0, 34)
    panel.axvline(0, color=PALE, linewidth=0.8)
    panel.text(-74, 30.8, "more production than consumption", color=PALE)
    panel.text(74, 30.8, "more consumption", color=PALE, ha="right")
    save(figure, panel, path, "The price of a slot follows its balance")


def draw_auction(path: Path) -> None:
    """Demand, supply, the envy-free interval and the price in its middle."""
    bids, asks = make_orders(0, BIDS), make_orders(len(BIDS), ASKS)
    book = Book(bids, asks)
    outcome = clear_auction(book)
    assert verify_clearing(book, outcome) == []
    assert outcome.price is not None
    assert outcome.price_low is not None and outcome.price_high is not None
    figure, panel = make_panel((7.6, 4.2))
    for orders, color, name in ((BIDS, BID, "bids"), (ASKS, ASK, "asks")):
        edges = [0]
        for _, quantity in orders:
            edges.append(edges[-1] + quantity)
        panel.stairs(
            [price for price, _ in orders],
            edges,
            color=color,
            linewidth=2.2,
            label=name,
            baseline=None,
        )
        for (price, quantity), left in zip(orders, edges, strict=False):
            label = f"{price} ct, {quantity} kWh"
            panel.text(left + quantity / 2, price + 0.5, label, ha="center", color=color)
    low, high, price = (
        one / MICRO_PER_CENT for one in (outcome.price_low, outcome.price_high, outcome.price)
    )
    volume = outcome.volume_wh / 1000
    panel.fill_between([0, volume], low, high, color=PRICE, alpha=0.12, linewidth=0)
    panel.plot([0, volume], [price, price], color=PRICE, linewidth=1.4, linestyle="--")
    panel.plot([volume, volume], [0, high], color=PALE, linewidth=1, linestyle=":")
    panel.text(
        0.2, price + 0.3, f"price {price:g} ct, envy-free from {low:g} to {high:g} ct", color=PRICE
    )
    panel.text(volume + 0.15, 1, f"volume {volume:g} kWh", color="#555555")
    panel.set_xlabel("energy, in kWh")
    panel.set_ylabel("limit, in ct/kWh")
    panel.set_ylim(0, 34)
    panel.set_xlim(0, 17.5)
    panel.legend(loc="upper right", frameon=False)
    save(figure, panel, path, "A call auction: the largest volume, at one price")


def draw_feeder(path: Path) -> None:
    """Nodes with their prices, lines with what they carry, and what that earns."""
    network = make_feeder()
    outcome = clear_network(network)
    assert verify_network_clearing(network, outcome) == []
    figure, panel = make_panel((7.6, 3.0))
    orders = ("ask 20 ct, 30 kWh", "bid 30 ct, 4 kWh\nbid 25 ct, 6 kWh", "ask 5 ct, 8 kWh")
    spots = list(PLACES.values())
    for line, flow, rent in zip(network.branches, outcome.flows, outcome.rents, strict=True):
        (x0, y0), (x1, y1) = spots[line.start], spots[line.end]
        panel.plot([x0, x1], [y0, y1], color=ASK, linewidth=3, zorder=1)
        arrow = "→" if (flow > 0) == (x1 > x0) else "←"
        middle = (x0 + x1) / 2
        carried = f"{abs(flow) / 1000:g} of {line.forward_capacity_wh / 1000:g} kWh {arrow}"
        panel.text(middle, 0.12, carried, ha="center", color=ASK)
        earned = f"earns {rent / 1000 / MICRO_PER_CENT:g} ct"
        panel.text(middle, -0.22, earned, ha="center", color="#555555")
    for place, (name, (x, y)) in enumerate(PLACES.items()):
        price, net = outcome.prices[place], get_net_kwh(outcome.bid_fills, outcome.ask_fills, place)
        assert price is not None
        panel.scatter([x], [y], s=900, color="white", edgecolors=PRICE, linewidths=2, zorder=2)
        panel.text(
            x,
            y,
            f"{price / MICRO_PER_CENT:g} ct",
            ha="center",
            va="center",
            color=PRICE,
            fontweight="bold",
            zorder=3,
            fontsize=8,
        )
        taken = f"takes {net:g} kWh" if net > 0 else f"gives {-net:g} kWh"
        panel.text(x, 0.5, f"{name}\n{orders[place]}", ha="center", va="bottom")
        panel.text(x, -0.5, taken, ha="center", va="top", color=BID if net > 0 else ASK)
    panel.set_xlim(-0.45, 2.45)
    panel.set_ylim(-0.8, 1.15)
    panel.axis("off")
    save(
        figure, panel, path, "A congested feeder: both lines are full, so every node has its price"
    )


def make_feeder() -> Network:
    """The feeder of the worked example."""
    nodes = [
        NodeOrders([], make_orders(0, [(20, 30)])),
        NodeOrders(make_orders(1, [(30, 4), (25, 6)]), []),
        NodeOrders([], make_orders(3, [(5, 8)])),
    ]
    first, second = (capacity * 1000 for capacity in CAPACITIES_KWH)
    return Network(nodes, [Branch(0, 1, first, first), Branch(1, 2, second, second)])


def make_orders(first: int, steps: Sequence[tuple[int, int]]) -> list[Order]:
    """Orders in cents and kWh as the chain knows them, each of another owner."""
    return [
        Order(number, number.to_bytes(8, "big"), cents * MICRO_PER_CENT, kwh * 1000)
        for number, (cents, kwh) in enumerate(steps, first)
    ]


def get_net_kwh(bid_fills: list[list[int]], ask_fills: list[list[int]], place: int) -> float:
    """What a node takes in."""
    return (sum(bid_fills[place]) - sum(ask_fills[place])) / 1000


def get_cents(net_wh: int) -> float:
    """The price of the next Wh."""
    price = compute_marginal_price(CURVE, net_wh)
    return price.numerator / price.denominator / MICRO_PER_CENT


def make_panel(size: tuple[float, float]) -> tuple[Figure, Any]:
    """A figure with one panel."""
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots()


def save(figure: Figure, panel: Any, path: Path, title: str) -> None:
    """Writes the picture; always the same bytes for the same versions."""
    panel.set_title(title, loc="left", fontweight="bold")
    panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
    print(path.relative_to(FOLDER.parents[1]))


if __name__ == "__main__":
    main()
