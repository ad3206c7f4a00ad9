"""Settling one slot account by account, over as many blocks as it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.settlement.v1 import state_pb2

from chain import bank, market, metering, registry, storage
from chain.runtime.context import Context
from chain.settlement import keeper, rules
from chain.settlement.keeper import SlotContext
from chain.settlement.listeners import MeterEnergy, SettledAccount
from chain.settlement.state import ARREARS, LINES

_Party = tuple[bytes, market_pb2.Position | None, list[str]]


def get_parties(ctx: Context, slot: int, after: bytes) -> Iterator[_Party]:
    """All accounts with a position in the slot or a meter, in the order of their addresses.

    Yields (owner, position or None, meter ids), beginning after the given owner.
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


def read_ahead(ctx: Context, slot_ctx: SlotContext, parties: Sequence[_Party]) -> None:
    """Reads in one go what settling these parties reads one by one; only for speed."""
    owners = [owner for owner, _, _ in parties]
    bank.read_balances_ahead(ctx, owners, slot_ctx.denom)
    storage.read_batteries_ahead(ctx, owners)
    ARREARS.read_ahead(ctx, [(owner, slot_ctx.treasury) for owner in owners])


def settle_account(ctx: Context, slot_ctx: SlotContext, party: _Party) -> SettledAccount:
    """Meters one account's slot, moves its money, and writes its line."""
    owner, position, meter_ids = party
    agreed = _get_agreed(position)
    meters = _meter(ctx, slot_ctx, meter_ids, agreed)
    line = rules.compute_line(agreed, _sum(meters), slot_ctx.curve)
    collected = keeper.collect_charge(ctx, slot_ctx, owner, position, line.charged)
    line.uncovered = line.charged - collected
    if line.credited:
        keeper.pay_credit(ctx, slot_ctx, owner, line.credited)
    if line.uncovered:
        keeper.owe(ctx, owner, slot_ctx.treasury, line.uncovered)
    else:
        keeper.collect_arrears(ctx, slot_ctx, owner)
    _add(slot_ctx.result, line)
    # An account that did nothing, and whose meter says so, needs no line.
    if position is not None or line.estimated or line.import_wh or line.export_wh:
        LINES.set(ctx, (slot_ctx.slot, owner), line)
        slot_ctx.result.parties += 1
    return SettledAccount(owner, position, line, meters)


def _get_agreed(position: market_pb2.Position | None) -> rules.Agreed:
    if position is None:
        return rules.Agreed()
    return rules.Agreed(position.bought_wh, position.sold_wh, position.cost, position.revenue)


def _meter(
    ctx: Context, slot_ctx: SlotContext, meter_ids: list[str], agreed: rules.Agreed
) -> list[MeterEnergy]:
    """The energy of each meter; missing readings are estimated together from the position."""
    meters, missing, net_use_wh = [], [], 0
    for meter_id in meter_ids:
        energy = metering.settle_reading(ctx, slot_ctx.slot, meter_id)
        if energy is not None:
            meters.append(MeterEnergy(meter_id, energy))
            net_use_wh += energy.import_wh - energy.export_wh
        elif not registry.close_if_removed(ctx, meter_id, slot_ctx.end_s):
            missing.append(meter_id)
    if missing:
        net_position_wh = agreed.bought_wh - agreed.sold_wh
        estimate_wh = rules.compute_estimate_wh(net_position_wh, net_use_wh)
        for meter_id in missing:
            energy = metering.settle_estimate(ctx, meter_id, estimate_wh)
            meters.append(MeterEnergy(meter_id, energy))
            # The first silent meter stands for all of them.
            estimate_wh = 0
    return meters


def _sum(meters: Sequence[MeterEnergy]) -> rules.Metered:
    import_wh, export_wh, estimated = 0, 0, False
    for _, energy in meters:
        import_wh += energy.import_wh
        export_wh += energy.export_wh
        estimated |= energy.estimated
    return rules.Metered(import_wh, export_wh, estimated)


def _add(result: state_pb2.SlotResult, line: state_pb2.Line) -> None:
    result.estimated_parties += line.estimated
    result.import_wh += line.import_wh
    result.export_wh += line.export_wh
    result.imbalance_charge += line.imbalance_charge
    result.imbalance_credit += line.imbalance_credit
    result.uncovered += line.uncovered
