"""Two regions that trade while their relayer drops, doubles, delays and reorders packets."""

from __future__ import annotations

from random import Random

import pytest

from chain import ibc
from chain.ibc.state import PACKETS
from tests.support.bad_relayer import BadRelayer
from tests.support.others.two_chains import Chain
from tests.support.tie_lines import (
    BUY,
    CAPACITY_WH,
    OPERATOR,
    SELL,
    Regions,
)

STEPS = 40


def trade_at_random(regions: Regions, chain: Chain, random: Random) -> None:
    """Neighbours move the price, and the operator trades over the line; or not, where it is full
    or too late.
    """
    slot = chain.slot_ahead(random.randrange(1, 5))
    side = random.choice([BUY, SELL])
    low, high = 80_000, 300_000
    limit = random.randrange(low, high + 1)
    message = regions.make_trade(
        slot,
        side,
        random.randrange(1, CAPACITY_WH + 500),
        price_limit_there_per_kwh=random.choice([low if side == BUY else high, limit]),
    )
    txs = [chain.sign(OPERATOR, message)]
    if random.random() < 0.5:
        txs.append(chain.buy("ben", slot, random.randrange(1, 2_000), high))
    chain.block(*txs, at=chain.time_s + random.randrange(1, 12))


@pytest.mark.parametrize("seed", range(3))
def test_both_regions_agree_in_the_end(seed: int) -> None:
    """Invariants of each chain hold after every block; in the end what one has bought the other has
    sold, every packet has ended, and nobody else has paid for what went wrong.
    """
    random = Random(seed)
    regions = Regions(packets_per_slot_max=20, traded_per_day_max_wh=10_000_000)
    relayer = BadRelayer(regions.link, random)
    slots = range(regions.north.slot_ahead(0), regions.north.slot_ahead(12))
    for _ in range(STEPS):
        trade_at_random(regions, random.choice(regions.link.chains), random)
        for _ in range(random.randrange(4)):
            relayer.act()
        for chain in regions.link.chains:
            for slot in slots:
                assert all(left >= 0 for left in regions.left_wh(chain, slot))
                assert flow_wh(regions, chain, slot) <= CAPACITY_WH
    agreed = [slot for slot in slots if regions.schedule(regions.north, slot).packets]
    relayer.finish()
    for chain in regions.link.chains:
        kinds = [kind for ((_, kind), _), _ in PACKETS.items(chain.state)]
        assert ibc.Kind.COMMITMENT not in kinds
        assert not any(path.startswith("bank.arrears") for path in chain.short())
    assert agreed, "nothing was traded"
    for slot in agreed:
        north, south = (regions.schedule(chain, slot) for chain in regions.link.chains)
        assert north.exported_wh == south.imported_wh
        assert north.imported_wh == south.exported_wh
        assert not north.pending_export_wh + north.pending_import_wh
        assert not south.pending_export_wh + south.pending_import_wh


def flow_wh(regions: Regions, chain: Chain, slot: int) -> int:
    """What is agreed over the line, in either direction."""
    schedule = regions.schedule(chain, slot)
    return abs(schedule.exported_wh - schedule.imported_wh)
