"""One home: sends its orders as signed transactions and reads its meter.

It keeps only what the next decision needs; the results of its orders come from the chain.
"""

from __future__ import annotations

from blockenergy.bridge.v1.bridge_pb2 import (
    TELEGRAM_FORMAT_DSMR_P1,
    PushRequest,
    PushTelegramRequest,
)
from blockenergy.market.v1.events_pb2 import EventOrderExecuted
from blockenergy.market.v1.tx_pb2 import MsgBuyResponse, MsgSellResponse
from cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData

from agents.chain_view import ask_node, list_positions_wh, make_messages, read_market
from agents.trading import Flexible, Observation, OpenSlot, Order, decide
from client.account import Signer
from client.node.rpc import Rpc
from client.node.rpc_types import TxResult
from client.signing import tx
from client.watch import get_block
from meter_bridge.client import compute_reading, dsmr, sign_reading
from node_config.demo.day import Day
from node_config.demo.home.homes import Home
from node_config.demo.home.meter import Meter

# How long a transaction is resent to a node that does not respond.
SEND_S = 1.0


class Resident:
    """A home with its wallet and its meter. Not thread-safe."""

    def __init__(self, home: Home, rpc: Rpc, day: Day, chain_id: str) -> None:
        self.home = home
        # Errors of rejected transactions.
        self.rejections: list[str] = []
        self._day = day
        self._chain_id = chain_id
        self._rpc = rpc
        self._ask = ask_node(rpc)
        self._signer = Signer(rpc, home.key, chain_id=chain_id, wait_s=SEND_S)
        self._meter = Meter(home.meter_id, home.import_register_wh, home.export_register_wh)
        self._left_wh = home.flexible.state_of_charge_wh
        self._planned_wh: dict[int, int] = {}
        self._sent: tuple[bytes, list[Order]] | None = None

    def trade(self, slot: int) -> None:
        """Decides and sends the orders as one transaction while `slot` is delivered; waits for the
        next turn if the last transaction is in no block yet.
        """
        self._settle_sent()
        if self._sent is not None:
            return
        decision, _ = decide(self._observe(self._get_open_slots(slot)), "taker")
        orders = list(decision.orders)
        if not orders:
            return
        taken = self._signer.send(make_messages(orders, self.home.key.address), wait=False)
        if taken.code:
            self.rejections.append(f"{self.home.name}: {taken.log}")
            return
        self._sent = taken.hash, orders
        for order in orders:
            self._plan(order, order.quantity_wh)

    def read_meter(self, slot: int) -> PushRequest:
        """Meters a slot and returns the telegram that the gateway pushes at its end."""
        quarters = self.compute_net_use_wh(slot)
        self._meter.count(quarters)
        telegram = self._meter.make_telegram(self._day.get_end_s(slot))
        reading = compute_reading(dsmr.parse(telegram), self._day.slot_length_s)
        signed = sign_reading(self.home.meter_key, self._chain_id, reading)
        return PushRequest(
            telegram=PushTelegramRequest(
                format=TELEGRAM_FORMAT_DSMR_P1, telegram=telegram, signature=signed.signature
            )
        )

    def compute_net_use_wh(self, slot: int) -> list[int]:
        """Metered net use of a slot, per quarter; negative is export."""
        hour = self._day.get_hour(slot)
        load, pv = self.home.load_wh[hour], self.home.pv_wh[hour]
        extra = self.get_flexible_wh(slot)
        shares = [extra * (n + 1) // len(load) - extra * n // len(load) for n in range(len(load))]
        return [use + share - sun for use, share, sun in zip(load, shares, pv, strict=True)]

    def get_flexible_wh(self, slot: int) -> int:
        """Flexible use in a slot."""
        return self._planned_wh.get(slot, 0)

    def _observe(self, open_slots: list[OpenSlot]) -> Observation:
        home, day = self.home, self._day
        slots = [one.slot for one in open_slots]
        forecast_wh = {slot: home.early_forecast_wh[day.get_hour(slot)] for slot in slots}
        if slots:
            forecast_wh[slots[0]] = home.late_forecast_wh[day.get_hour(slots[0])]
        hours = range(home.flexible.first_hour, home.flexible.end_hour)
        return Observation(
            open_slots=tuple(open_slots),
            forecast_wh=forecast_wh,
            position_wh=list_positions_wh(self._ask, slots, home.key.address),
            flexible=Flexible(
                left_wh=self._left_wh,
                slot_max_wh=home.flexible.hour_max_wh,
                slots=day.get_slots(hours),
                planned_wh=dict(self._planned_wh),
            ),
            can_sell=home.can_sell,
            price_low_per_kwh=day.price_low_per_kwh,
            price_high_per_kwh=day.price_high_per_kwh,
        )

    def _get_open_slots(self, slot: int) -> list[OpenSlot]:
        view = read_market(self._ask, slot, self._day.horizon_slots)
        known = {one.slot: one for one in view.open_slots}
        return [known[number] for number in self._day.get_tradable(slot, list(known))]

    def _settle_sent(self) -> None:
        """Checks the last transaction; what was not bought is no longer planned."""
        if self._sent is None:
            return
        tx_hash, orders = self._sent
        found = self._rpc.tx(tx_hash)
        if found is None:
            return
        self._sent = None
        if found.result.code:
            self.rejections.append(f"{self.home.name}: {found.result.log}")
            for order in orders:
                self._plan(order, -order.quantity_wh)
        else:
            executed_wh = self._get_executed_wh(found)
            ids = read_order_ids(found.result.data)
            for order_id, order in zip(ids, orders, strict=True):
                self._plan(order, executed_wh.get(order_id, 0) - order.quantity_wh)

    def _get_executed_wh(self, found: TxResult) -> dict[int, int]:
        """What was executed of each order at the end of a transaction's block."""
        events = get_block(self._rpc, found.height).events
        return {
            event.order_id: event.quantity_wh
            for event in events
            if isinstance(event, EventOrderExecuted)
        }

    def _plan(self, order: Order, quantity_wh: int) -> None:
        if order.is_flexible:
            planned_wh = self._planned_wh.get(order.slot, 0)
            self._planned_wh[order.slot] = planned_wh + quantity_wh
            self._left_wh -= quantity_wh


def read_order_ids(data: bytes) -> list[int]:
    """The ids of the orders of a transaction."""
    responses = [tx.unpack(packed) for packed in TxMsgData.FromString(data).msg_responses]
    return [
        response.order_id
        for response in responses
        if isinstance(response, MsgBuyResponse | MsgSellResponse)
    ]
