"""Settling one slot account by account, over as many blocks as it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.settlement.v1 import state_pb2

from chain import bank, market, metering, registry, storage
from chain.runtime import slots
from chain.runtime.context import Context
from chain.settlement import keeper, rules
from chain.settlement.state import ARREARS, LINES

_Party = tuple[bytes, market_pb2.Position | None, list[str]]


def get_parties(ctx: Context, slot: int, after: bytes) -> Iterator[_Party]:
    """Everybody with a position in the slot or a meter, in the order of their addresses.

    Yields (owner, position or None, meter ids) behind the given owner.
    """
    positions = market.get_positions(ctx, slot, after)
    meters = groupby(registry.get_meters_after(ctx, after), key=lambda found: found[0])
    position = next(positions, None)
    owned = next(meters, None)
    while position is not None or owned is not None:
        if owned is None or (position is not None and position[0] < owned[0]):
            assert position is not None
            yield position[0], position[1], []
            position = next(positions, None)
        elif position is None or owned[0] < position[0]:
            yield owned[0], None, [meter_id for _, meter_id in owned[1]]
            owned = next(meters, None)
        else:
            yield owned[0], position[1], [meter_id for _, meter_id in owned[1]]
            position, owned = next(positions, None), next(meters, None)


def read_ahead(ctx: Context, parties: Sequence[_Party], denom: str) -> None:
    """Reads at once what settling these parties looks at one by one: only for speed."""
    owners = [owner for owner, _, _ in parties]
    treasury = keeper.get_treasury(ctx)
    bank.read_balances_ahead(ctx, owners, denom)
    storage.read_batteries_ahead(ctx, owners)
    ARREARS.read_ahead(ctx, [(owner, treasury) for owner in owners])


def settle_account(
    ctx: Context,
    slot: int,
    party: _Party,
    curve: market.Curve,
    result: state_pb2.SlotResult,
    denom: str,
) -> None:
    """Meters one account's slot, moves its money, and writes its line."""
    owner, position, meter_ids = party
    agreed = _get_agreed(position)
    metered = _meter(ctx, slot, meter_ids, agreed)
    line = rules.compute_line(agreed, metered, curve)
    collected = keeper.collect(ctx, owner, position, line.charged, denom)
    line.uncovered = line.charged - collected
    result.cash += collected
    if line.credited:
        keeper.pay_credit(ctx, slot, owner, line.credited, result, denom)
    if line.uncovered:
        keeper.owe(ctx, owner, keeper.get_treasury(ctx), line.uncovered)
    else:
        keeper.collect_arrears(ctx, owner, denom)
    storage.track(ctx, owner, slot, line.import_wh, line.export_wh)
    if position is not None:
        market.take_position(ctx, slot, owner)
    _add(result, line)
    # An account that did nothing, and whose meter says so, needs no line.
    if position is not None or line.estimated or line.import_wh or line.export_wh:
        LINES.set(ctx, (slot, owner), line)
        result.parties += 1


def _get_agreed(position: market_pb2.Position | None) -> rules.Agreed:
    if position is None:
        return rules.Agreed()
    return rules.Agreed(position.bought_wh, position.sold_wh, position.cost, position.revenue)


def _meter(ctx: Context, slot: int, meter_ids: list[str], agreed: rules.Agreed) -> rules.Metered:
    """The energy of an account's meters; what is missing is estimated from its position."""
    import_wh, export_wh = 0, 0
    missing = []
    for meter_id in meter_ids:
        energy = metering.settle_reading(ctx, slot, meter_id)
        if energy is None:
            slot_end_s = slots.end_s(slot, metering.get_params(ctx).slot_length_s)
            if not registry.close_if_removed(ctx, meter_id, slot_end_s):
                missing.append(meter_id)
        else:
            import_wh += energy.import_wh
            export_wh += energy.export_wh
    if missing:
        net_position_wh = agreed.bought_wh - agreed.sold_wh
        estimate_wh = rules.compute_estimate_wh(net_position_wh, import_wh - export_wh)
        # One of the silent meters stands for all of them.
        metering.settle_estimate(ctx, missing[0], estimate_wh)
        import_wh += estimate_wh
    return rules.Metered(import_wh, export_wh, bool(missing))


def _add(result: state_pb2.SlotResult, line: state_pb2.Line) -> None:
    result.estimated_parties += line.estimated
    result.import_wh += line.import_wh
    result.export_wh += line.export_wh
    result.imbalance_charge += line.imbalance_charge
    result.imbalance_credit += line.imbalance_credit
    result.uncovered += line.uncovered
