"""What has happened in a simulation, in words: a run that never saw it has not tested it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from blockenergy.authz.v1 import events_pb2 as authz_pb2
from blockenergy.bank.v1 import events_pb2 as bank_pb2
from blockenergy.carbon.v1 import events_pb2 as carbon_pb2
from blockenergy.certificates.v1 import events_pb2 as certificates_pb2
from blockenergy.forecast.v1 import events_pb2 as forecast_pb2
from blockenergy.forecast.v1 import state_pb2 as forecast_state_pb2
from blockenergy.ibc.v1 import events_pb2 as ibc_pb2
from blockenergy.market.v1 import events_pb2 as market_pb2
from blockenergy.market.v1 import state_pb2
from blockenergy.metering.v1 import events_pb2 as metering_pb2
from blockenergy.settlement.v1 import events_pb2 as settlement_pb2
from blockenergy.storage.v1 import events_pb2 as storage_pb2
from blockenergy.tielines.v1 import events_pb2 as tielines_pb2

from chain.market.state import CLEARINGS
from chain.runtime.context import CosmosEvent, Event
from chain.settlement.state import LINES
from tests.support.world import State


class ScenarioCoverage:
    """Counts what the events of a chain tell."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        # Market and limit orders as they were placed, by their numbers.
        self.placed: dict[int, Any] = {}

    def note(self, event: Event, state: State) -> None:
        """Takes in one event, after the block with it."""
        if isinstance(event, market_pb2.EventOrderPlaced | market_pb2.EventLimitOrderPlaced):
            self.placed[event.order_id] = event
        elif isinstance(event, market_pb2.EventOrderExecuted | market_pb2.EventOrderLapsed):
            self._note_market_order(event, self.placed.pop(event.order_id))
        elif isinstance(event, market_pb2.EventLimitOrderFilled):
            ordered_wh = self.placed.pop(event.order_id).quantity_wh
            self._add("limit order filled", event.filled_wh == ordered_wh)
            self._add("limit order filled in part", 0 < event.filled_wh < ordered_wh)
        elif isinstance(event, market_pb2.EventSlotCleared):
            self._note_clearing(CLEARINGS.get(state, event.slot))
        elif isinstance(event, settlement_pb2.EventSlotSettled):
            self._note_settlement(event.result)
            lines = LINES.under(event.slot).items(state)
            self._add("energy in transit", any(line.transit_wh for _, line in lines))
        else:
            self._note_other(event)

    def _note_market_order(self, event: Any, placed: market_pb2.EventOrderPlaced) -> None:
        if isinstance(event, market_pb2.EventOrderLapsed):
            self._add("linked order lapsed", placed.link)
            self._add("cancellation lapsed", placed.cancels)
            return
        self._add("linked order executed", placed.link)
        self._add("position cancelled", placed.cancels)
        self._add("order executed in part", event.quantity_wh < placed.quantity_wh)
        self._add("grid fee for an order", event.grid_fee)

    def _note_clearing(self, clearing: state_pb2.Clearing | None) -> None:
        # After a long halt a slot may be cleared and forgotten in the same block.
        if clearing is None:
            return
        self._add("congestion", any(node.congestion_rent for node in clearing.nodes))
        self._add("grid fee in an auction", any(node.grid_fee for node in clearing.nodes))
        self._add("pool in an auction", clearing.pool_sold_wh or clearing.pool_bought_wh)
        self._add("order killed", clearing.killed_order_ids)
        self._add("thin market", any(thin.volume_wh for thin in clearing.thin_markets))
        own = [node for node in clearing.nodes if node.product != state_pb2.PRODUCT_ANY]
        self._add("local energy", any(node.has_price for node in own))

    def _note_settlement(self, result: Any) -> None:
        self.counts["slot settled"] += 1
        self._add("slot with uncovered charges", result.uncovered)
        self._add("slot with an estimate", result.estimated_parties)
        self._add("energy flowed out", result.backstop_export_wh)
        self._add("pool lost", result.pool_loss)
        self._add("pool gained", result.pool_gain)
        self._add("fund credited", result.fund_credit)
        self._add("surplus to the purse", result.surplus_to_purse)
        self._add("treasury credited", result.treasury_credit)
        self._add("grid paid", result.grid_fees and result.congestion_rent)

    def _note_other(self, event: Event) -> None:
        if isinstance(event, bank_pb2.EventHoldEnded):
            self.counts["hold expired" if event.expired else "hold ended"] += 1
            self._add("deposit returned", event.deposit)
        elif isinstance(event, CosmosEvent):
            attributes = dict(event.attributes)
            self._add("fee paid", event.type == "tx" and "fee" in attributes)
            executed = attributes.get("action") == "/cosmos.authz.v1beta1.MsgExec"
            self._add("order by a delegated key", executed)
            self._add("client frozen", event.type == "client_misbehaviour")
        elif isinstance(event, ibc_pb2.EventTokensSent):
            self.counts["money sent to another chain"] += 1
        elif isinstance(event, ibc_pb2.EventTokensReceived):
            self._add("money from another chain", event.minted)
            self._add("money of ours came home", not event.minted)
        elif isinstance(event, ibc_pb2.EventTokensReturned):
            self.counts["money returned"] += 1
        elif isinstance(event, ibc_pb2.EventPacketRejected):
            self.counts["packet rejected"] += 1
        elif isinstance(event, authz_pb2.EventRevoked):
            self.counts["right taken back"] += 1
        elif isinstance(event, bank_pb2.EventArrearsPaid):
            self.counts["arrears paid"] += 1
        elif isinstance(event, settlement_pb2.EventOwedPaid):
            self.counts["default fund paid"] += 1
        elif isinstance(event, settlement_pb2.EventFeederChecked):
            self._add("feeder checked", event.check.measured)
        elif isinstance(event, market_pb2.EventLimitOrderCancelled):
            self._add("order evicted", event.evicted)
        elif isinstance(event, market_pb2.EventStandingOrderEnded):
            self._add("standing order filled", not event.left_wh)
            self._add("standing order taken back", event.cancelled)
            self._add("standing order at its deadline", event.left_wh and not event.cancelled)
        elif isinstance(event, market_pb2.EventPositionClosed):
            self.counts["position closed"] += 1
            self._add("position closed at a loss", event.loss)
        elif isinstance(event, market_pb2.EventSlotOpened):
            self._add("slot without depth", not event.depth_wh)
            self._add("slot with depth", event.depth_wh)
        elif isinstance(event, market_pb2.EventOfferBought):
            self._add("grid fee for an offer", event.grid_fee)
        elif isinstance(event, market_pb2.EventCurtailed):
            is_use = event.side == state_pb2.SIDE_BUY
            self.counts["use curtailed" if is_use else "production curtailed"] += 1
        elif isinstance(event, metering_pb2.EventChainHalted):
            self.counts["halt"] += 1
        elif isinstance(event, metering_pb2.EventMeterSilent):
            self.counts["meter reported as silent"] += 1
        elif isinstance(event, metering_pb2.EventEstimateCorrected):
            beyond_wh = event.import_wh - event.estimated_wh
            self._add("estimate too low", beyond_wh > 0)
            self._add("estimate too high", beyond_wh < 0)
        elif isinstance(event, carbon_pb2.EventCarbonSlotSettled):
            self._note_carbon(event.sums)
        elif isinstance(event, certificates_pb2.EventCertificatesRetired):
            self._add("carbon charge refunded", event.refund)
        elif isinstance(event, certificates_pb2.EventClaimWindowClosed):
            self._add("certificates lapsed", event.lapsed_wh)
            self._add("carbon fund paid out", event.paid)
        elif isinstance(event, certificates_pb2.EventChargeOffset):
            self._add("carbon charge offset", event.refund)
        elif isinstance(event, certificates_pb2.EventCertificatesExpired):
            self.counts["certificates expired"] += 1
        elif isinstance(event, storage_pb2.EventBatteryTracked):
            self._add("battery charged", event.charged_wh)
            self._add("battery discharged", event.discharged_wh)
            self._add("flow of a battery rejected", event.rejected_wh)
        else:
            self._note_tie_line(event)

    def _note_tie_line(self, event: Event) -> None:
        if isinstance(event, tielines_pb2.EventEnergyOffered):
            self.counts["energy offered over a tie line"] += 1
        elif isinstance(event, tielines_pb2.EventEnergyAgreed):
            is_export = event.side == state_pb2.SIDE_BUY
            self.counts[f"energy {'to' if is_export else 'from'} another region"] += 1
        elif isinstance(event, tielines_pb2.EventEnergyTradedBack):
            self.counts["energy traded back"] += 1
        else:
            self._note_forecast(event)

    def _note_forecast(self, event: Event) -> None:
        if isinstance(event, forecast_pb2.EventForecastScored):
            self._add("forecast rewarded", event.score.reward)
            self._add("stake burned", event.score.burned)
            self._add("forecast without a gain", not event.score.gain)
        elif isinstance(event, forecast_pb2.EventForecastNotScored):
            self._add("forecast not revealed", event.burned)
            self._add("forecast not scored", not event.burned)
        elif isinstance(event, forecast_pb2.EventForecastFrozen):
            self._add("forecast frozen", event.forecast.forecasters)
        elif isinstance(event, forecast_pb2.EventForecastRevealed):
            self.counts["forecast revealed"] += 1
        elif isinstance(event, forecast_pb2.EventTargetClosed):
            self.counts["target closed"] += 1
        elif isinstance(event, forecast_pb2.EventMarketMoved):
            name = forecast_state_pb2.MarketStatus.Name(event.status)
            self.counts[f"prediction market {name[14:].lower()}"] += 1
        elif isinstance(event, forecast_pb2.EventSharesPaid):
            self._add("shares paid", event.amount)
        elif isinstance(event, forecast_pb2.EventBondPaid):
            self._add("bond lost", not event.amount)
            self._add("bond of another won", event.amount > event.bond)

    def _note_carbon(self, sums: Any) -> None:
        self._add("carbon charged", sums.charge)
        self._add("own renewable energy used", sums.self_wh)
        self._add("renewable energy claimed with a purchase", sums.claim_wh)
        self._add("renewable energy given with a sale", sums.given_wh)
        self._add("renewable energy sold and not made", sums.short_wh)

    def _add(self, name: str, happened: Any) -> None:
        self.counts[name] += bool(happened)
