"""What happens on a street in tests of the dashboard."""

from __future__ import annotations

from street_node import StreetNode

from tests.support.streets.settling import is_settled
from tests.support.world import reading

LOW, HIGH = 80_000, 300_000
# Name, whether it buys, Wh traded, Wh measured.
Traded = list[tuple[str, bool, int, int]]


def trade(node: StreetNode, traded: Traded) -> int:
    """A block in which a slot is traded."""
    node.record()
    world, slot = node.world, node.world.slot_ahead(1)
    node.record(
        *[
            world.buy(name, slot, quantity_wh, HIGH)
            if is_bought
            else world.sell(name, slot, quantity_wh, LOW)
            for name, is_bought, quantity_wh, _ in traded
        ]
    )
    return slot


def settle(node: StreetNode, slot: int, traded: Traded) -> None:
    """Blocks in which it is measured and settled."""
    world = node.world
    node.record(at=world.end_s(slot))
    meters = {name: metered_wh for name, _, _, metered_wh in traded}
    node.record(world.submit(*(reading(f"meter-{name}", slot, wh) for name, wh in meters.items())))
    node.record(at=world.deadline_s(slot))
    for _ in range(30):
        if is_settled(world, slot):
            return
        node.record(at=world.time_s + 1)
    raise AssertionError(f"slot {slot} is not settled after 30 blocks")


def trade_and_settle(node: StreetNode, traded: Traded) -> int:
    """Both, one after the other."""
    slot = trade(node, traded)
    settle(node, slot, traded)
    return slot
