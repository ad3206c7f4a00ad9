"""Which sums of feeders would show a single home.

A sum hides a home among others, and so must whatever follows from the sums that are shown: a
feeder's own less those of the feeders below it, and the network's less those of all feeders.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from dashboard.web.rights import Feeders, list_way_up

# Fewer meters, or one with more than half of the energy, would show a single home.
METERS_MIN = 10
# What all feeders branch off; its sum is that of the slot, which everybody sees.
NETWORK = ""


def find_withheld(
    feeders: Feeders, meters: Mapping[str, int], unfit: Container[str] = ()
) -> set[str]:
    """The feeders whose sums are not shown.

    meters: on a feeder and below it. unfit: feeders of which one home has most.
    """
    ways_up = {
        name: [above for above in list_way_up(feeders, name)[1:] if above in meters]
        for name in meters
    }
    # What is left of each sum less those below it that are shown.
    rests = {**meters, NETWORK: sum(meters[name] for name, above in ways_up.items() if not above)}
    withheld = set()
    for name in sorted(meters, key=lambda name: len(ways_up[name]), reverse=True):
        hidden = 0
        if meters[name] < METERS_MIN or name in unfit or 0 < rests[name] < METERS_MIN:
            withheld.add(name)
            hidden = rests[name]
        above = ways_up[name][0] if ways_up[name] else NETWORK
        rests[above] -= meters[name] - hidden
    # Of the network's sum nothing can be withheld, so the smallest feeders are.
    by_size = sorted(meters, key=lambda name: (meters[name], name))
    while 0 < rests[NETWORK] < METERS_MIN:
        tops = (one for one in by_size if one not in withheld and withheld.issuperset(ways_up[one]))
        top = next(tops, None)
        if top is None:
            break
        withheld.add(top)
        rests[NETWORK] += rests[top]
    return withheld
