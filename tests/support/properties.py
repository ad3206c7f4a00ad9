"""Property tests: the same examples on every machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from chain.market.grid.feeders import FeederHeadroom
from chain.market.pool.batch import MarketOrder
from chain.market.rules import Curve


def examples(count: int) -> settings:
    """Settings of a property test with a number of examples."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    """Price lines: from realistic ones to tiny depths, none, and odd prices; with margins."""
    low = draw(st.integers(0, 400_000))
    high = draw(st.integers(low + 1, 1_000_000))
    depth = draw(st.one_of(st.integers(0, 20), st.integers(1, 1_000_000)))
    margin = draw(st.sampled_from([0, (high - low) // 40, (high - low) // 4]))
    return Curve(low, high, depth, margin)


# Net Wh sold by the pool; beyond the depth of most curves, in both directions.
net_energies = st.one_of(st.integers(-40, 40), st.integers(-2_000_000, 2_000_000))
quantities = st.one_of(st.integers(1, 40), st.integers(1, 2_000_000))


@st.composite
def curves_with_orders(draw: st.DrawFn) -> tuple[Curve, int, list[MarketOrder]]:
    """A price line, where it stands, and the orders of one block."""
    curve = draw(curves())
    limits = st.integers(curve.price_low, curve.price_high)
    order = st.builds(MarketOrder, st.booleans(), quantities, limits, st.just(()), st.just(False))
    return curve, draw(net_energies), _own(draw(st.lists(order, max_size=8)))


def _own(orders: list[MarketOrder]) -> list[MarketOrder]:
    """Each order is somebody else's."""
    return [order._replace(owner=str(number)) for number, order in enumerate(orders)]


Lines = tuple[Curve, int, list[MarketOrder], dict[str, FeederHeadroom]]
# A branch with two twigs, and a line of its own.
_PATHS = [(), ("branch",), ("twig-1", "branch"), ("twig-2", "branch"), ("other",)]


@st.composite
def lines_with_orders(draw: st.DrawFn) -> Lines:
    """As `curves_with_orders`, on several feeders behind lines with differing headroom; some of
    the orders are all-or-nothing.
    """
    curve = draw(curves())
    limits = st.integers(curve.price_low, curve.price_high)
    order = st.builds(
        MarketOrder, st.booleans(), quantities, limits, st.sampled_from(_PATHS), st.booleans()
    )
    headroom = st.one_of(st.just(0), quantities)
    names = sorted({name for path in _PATHS for name in path})
    headrooms = {name: FeederHeadroom(draw(headroom), draw(headroom)) for name in names}
    return curve, draw(net_energies), _own(draw(st.lists(order, max_size=8))), headrooms
