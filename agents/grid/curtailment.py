"""What to curtail on a feeder: from an expected flow and the positions behind it to a proposal.

A proposal is what the chain's curtailment takes: one side, and a share of every net position on it,
because all who use or deliver at that time are treated alike. It is made only if the middle of the
forecast is beyond the capacity, for what is beyond it: what might be is no reason to take anybody's
energy. What it costs the operator is the difference between the highest and the lowest price.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PERMILLE = 1000
WH_PER_KWH = 1000


@dataclass(frozen=True, slots=True)
class Feeder:
    """What a feeder carries in a slot in each direction, in Wh, and the bounds of prices."""

    import_capacity_wh: int
    export_capacity_wh: int
    price_low_per_kwh: int
    price_high_per_kwh: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """A curtailment. compensation: what the operator pays in all, in millionths."""

    is_use: bool
    share_permille: int
    quantity_wh: int
    compensation: int
    reason: str


def propose(
    feeder: Feeder, expected_wh: Sequence[int], net_wh: Sequence[int], share_max_permille: int
) -> Proposal | None:
    """A proposal for a slot; None if the forecast says that the feeder can carry it.

    expected_wh: low, middle and high of the feeder's flow, import positive. net_wh: what each
    owner behind it is expected to use, or has bought, net. No more than a share is ever proposed.
    """
    middle_wh = expected_wh[len(expected_wh) // 2]
    is_use = middle_wh > 0
    capacity_wh = feeder.import_capacity_wh if is_use else feeder.export_capacity_wh
    excess_wh = abs(middle_wh) - capacity_wh
    affected = [abs(wh) for wh in net_wh if wh and (wh > 0) == is_use]
    if excess_wh <= 0 or not affected:
        return None
    needed = -(-excess_wh * PERMILLE // sum(affected))
    share = min(needed, share_max_permille, PERMILLE)
    quantity_wh = sum(wh * share // PERMILLE for wh in affected)
    spread = feeder.price_high_per_kwh - feeder.price_low_per_kwh
    direction = "import" if is_use else "export"
    reason = (
        f"{abs(middle_wh)} Wh {direction} expected on a feeder for {capacity_wh} Wh, between "
        f"{expected_wh[0]} and {expected_wh[-1]} Wh net in two cases of three"
    )
    if share < needed:
        reason += f"; {needed / 10:g}% would be needed"
    compensation = -(-quantity_wh * spread // WH_PER_KWH)
    return Proposal(is_use, share, quantity_wh, compensation, reason)
