"""The carbon part of a line: what its account used, made, claimed and owes."""

from __future__ import annotations

from collections.abc import Sequence

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.registry.v1.energy_source_pb2 import (
    ENERGY_SOURCE_STORAGE,
    ENERGY_SOURCE_UNSPECIFIED,
)
from blockenergy.settlement.v1 import state_pb2

from chain import carbon, market, metering, registry, storage
from chain.runtime.context import Context
from chain.settlement.keeper import SlotContext


def book(
    ctx: Context,
    slot_ctx: SlotContext,
    owner: bytes,
    position: market_pb2.Position | None,
    meters: Sequence[metering.SlotEnergy],
) -> carbon.BookedLine:
    """What counts of an account's slot, and its charge; takes over the flows of its battery."""
    books = slot_ctx.books
    # Nothing is read for it where there is but one zone.
    zone = _find_zone(ctx, books, owner, position) if books.zones else 0
    import_wh, issued_wh, exact = 0, 0, True
    source = ENERGY_SOURCE_UNSPECIFIED
    for energy in meters:
        import_wh += energy.import_wh if energy.apart is None else energy.apart.import_wh
        exact = exact and energy.exact
        # What arrives over a tie line was made, and issued for, in the other region.
        if energy.export_wh and energy.exact and owner not in slot_ctx.exports:
            # All devices of an account have one source.
            made_wh, source = carbon.issue(ctx, books, zone, energy)
            issued_wh += made_wh
    battery = storage.track(ctx, slot_ctx.slot, owner, meters, exact=exact)
    exempt_wh = 0
    if battery is not None:
        exempt_wh, issued_wh = battery
        source = ENERGY_SOURCE_STORAGE
        # Of what a battery stored while it was silent, its line has only what was not estimated.
        exempt_wh = min(exempt_wh, import_wh)
    transit_wh = min(import_wh, slot_ctx.exports.get(owner, 0)) if exact else 0
    bid_wh = due_wh = 0
    if position is not None:
        # What a battery buys as renewable lapses: only certificates make it green.
        bid_wh = position.renewable_bid_wh if battery is None else 0
        if position.renewable_ask_wh or position.renewable_due_wh:
            due_wh = market.get_due_wh(ctx, slot_ctx.slot, position)
    flows = carbon.Flows(
        import_wh, issued_wh, exempt_wh, bid_wh, due_wh, exact, battery is not None, transit_wh
    )
    part = carbon.compute_part(flows, books.rates[zone])
    feeder = position.feeder if position is not None else ""
    return carbon.BookedLine(zone, feeder, flows, part, source)


def write(line: state_pb2.Line, booked: carbon.BookedLine) -> None:
    """Writes what is not zero into a line; its charge is there."""
    zone, _, flows, part, source = booked
    if zone:
        line.zone = zone
    if not flows.exact:
        line.inexact = True
    if flows.exempt_wh:
        line.exempt_wh = flows.exempt_wh
    if flows.transit_wh:
        line.transit_wh = flows.transit_wh
    if flows.issued_wh:
        line.renewable_wh = flows.issued_wh
        line.energy_source = source
        line.self_wh = part.self_wh
    if part.claim_wh:
        line.claim_wh = part.claim_wh
        line.claim_feeder = booked.feeder
    if flows.due_wh:
        line.given_wh = part.given_wh
        line.short_wh = part.short_wh


def get_use_wh(line: state_pb2.Line) -> int:
    """What of its import a line has used here, and for good."""
    return line.import_wh - line.exempt_wh - line.transit_wh


def get_claimable(
    line: state_pb2.Line, carbon_slot: carbon.CarbonSlot, *, is_battery: bool
) -> carbon.Claimable:
    """A line as certificates and offsets see it."""
    return carbon.Claimable(
        get_use_wh(line) - line.self_wh - line.claim_wh,
        line.short_wh,
        carbon.make_rate(carbon_slot).get_factor(exact=not line.inexact),
        carbon_slot.price_per_tonne,
        line.import_wh if is_battery else 0,
    )


def _find_zone(
    ctx: Context, books: carbon.Books, owner: bytes, position: market_pb2.Position | None
) -> int:
    """The zone of the grid node at which an account trades and is metered."""
    feeder = registry.get_feeder_of(ctx, owner) if position is None else position.feeder
    return books.zones.get(feeder, 0)
