"""Settling one slot account by account, over as many blocks as it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.settlement.v1 import state_pb2

from chain import bank, market, metering, registry, storage
from chain.runtime.context import Context
from chain.settlement import default_fund, keeper, rules
from chain.settlement.keeper import SlotContext
from chain.settlement.listeners import SettledAccount
from chain.settlement.slot import emissions
from chain.settlement.state import LINES

_Party = tuple[bytes, market_pb2.Position | None, list[str]]
_NOTHING = rules.Agreed()


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
    # A block also records what it replaces: here, that there was no line.
    LINES.read_ahead(ctx, [(slot_ctx.slot, owner) for owner in owners])


def settle_account(ctx: Context, slot_ctx: SlotContext, party: _Party) -> SettledAccount:
    """Meters one account's slot, moves its money, and writes its line."""
    owner, position, meter_ids = party
    agreed = _get_agreed(slot_ctx.info, position)
    meters = [metering.settle(ctx, slot_ctx.slot, name, slot_ctx.prices) for name in meter_ids]
    metered = rules.add_meters(meters)
    booked = emissions.book(ctx, slot_ctx, owner, position, meters)
    line = rules.compute_line(agreed, metered, slot_ctx.curve, booked.part.charge)
    emissions.write(line, booked)
    collected = keeper.collect_charge(ctx, slot_ctx, owner, position, line.charged)
    line.uncovered = line.charged - collected
    if line.credited:
        keeper.pay_credit(ctx, slot_ctx, owner, line.credited)
    if line.uncovered:
        default_fund.note_default(ctx, slot_ctx, owner, line.uncovered)
    # An account that did nothing, and whose meter says so, needs no line.
    kept = bool(position is not None or line.quality or line.import_wh or line.export_wh)
    if kept:
        LINES.set(ctx, (slot_ctx.slot, owner), line)
    return SettledAccount(owner, position, line, meters, booked, kept)


def add_up(result: state_pb2.SlotResult, lines: Sequence[state_pb2.Line]) -> None:
    """Adds stored lines to the sums of their slot."""
    result.parties += len(lines)
    result.estimated_parties += sum([line.quality in rules.ESTIMATED for line in lines])
    result.import_wh += sum([line.import_wh for line in lines])
    result.export_wh += sum([line.export_wh for line in lines])
    result.imbalance_charge += sum([line.imbalance_charge for line in lines])
    result.imbalance_credit += sum([line.imbalance_credit for line in lines])
    result.uncovered += sum([line.uncovered for line in lines])
    result.carbon_charge += sum([line.carbon_charge for line in lines])


def _get_agreed(info: market_pb2.Slot, position: market_pb2.Position | None) -> rules.Agreed:
    if position is None:
        return _NOTHING
    return rules.Agreed(
        position.bought_wh,
        position.sold_wh,
        position.cost,
        position.revenue,
        market.get_opposite_half_wh(info, position),
    )
