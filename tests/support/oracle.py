"""A second opinion on money, trades, batteries and sequences, by simpler means than the chain's.

It knows what the chain announced, reads the stored bytes by itself, and adds up. It shares no
arithmetic with the rules.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from fractions import Fraction

from blockenergy.auth.v1 import state_pb2 as auth_pb2
from blockenergy.bank.v1 import events_pb2 as bank_events_pb2
from blockenergy.bank.v1 import state_pb2 as bank_pb2
from blockenergy.market.v1 import events_pb2 as market_events_pb2
from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.storage.v1 import events_pb2 as storage_events_pb2
from blockenergy.storage.v1 import state_pb2 as storage_pb2

from chain import app
from chain.runtime import bech32
from chain.runtime.context import CosmosEvent, Event
from tests.support.store import SortedStore

# Prefixes of collections: tests/unit/chain/test_module_binding.py pins them.
ACCOUNTS, BALANCES, HOLDS, SLOTS = b"\x01\x01", b"\x03\x02", b"\x03\x03", b"\x05\x01"
BATTERIES = b"\x07\x01"


@dataclass
class Trades:
    """What was announced of a slot."""

    bought_wh: int = 0
    sold_wh: int = 0
    cost: int = 0
    revenue: int = 0
    cancellation_income: int = 0
    grid_fees: int = 0
    congestion_rent: int = 0

    def add(self, side: int, quantity_wh: int, amount: int) -> None:
        """A trade; a negative one is taken back."""
        if side == market_pb2.SIDE_BUY:
            self.bought_wh += quantity_wh
            self.cost += amount
        else:
            self.sold_wh += quantity_wh
            self.revenue += amount


class Oracle:
    """Follows a chain from a state on; `find_differences` says where the two disagree."""

    def __init__(self, store: SortedStore) -> None:
        self.supply = _count_money(store)
        self.sequences = Counter(
            {bech32.encode(key): account.sequence for key, account in _accounts(store)}
        )
        self.trades: defaultdict[int, Trades] = defaultdict(Trades)
        self.batteries = {
            bech32.encode(key): storage_pb2.Battery.FromString(data).state_of_charge_wh
            for key, data in _under(store, BATTERIES)
        }
        # By slot and seller.
        self.offer_prices: dict[tuple[int, str], int] = {}

    def follow(self, result: app.BlockResult) -> None:
        """Takes in what a block announced."""
        for tx in result.tx_results:
            self._note(tx.events)
        self._note(result.events)

    def find_differences(self, store: SortedStore) -> list[str]:
        """What the stored state and the announcements do not agree on."""
        problems = []
        if (money := _count_money(store)) != self.supply:
            problems.append(f"money: the state has {dict(money)}, expected {dict(self.supply)}")
        for key, account in _accounts(store):
            expected = self.sequences[bech32.encode(key)]
            if account.sequence != expected:
                problems.append(f"sequence of {bech32.encode(key)}: {account.sequence}")
        for key, data in _under(store, SLOTS):
            problems += self._check_slot(int.from_bytes(key, "big"), data)
        for key, data in _under(store, BATTERIES):
            problems += self._check_battery(bech32.encode(key), data)
        return problems

    def _note(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, CosmosEvent):
                if event.type == "tx":
                    self.sequences[dict(event.attributes)["acc_seq"].split("/")[0]] += 1
            elif isinstance(event, bank_events_pb2.EventMinted):
                self.supply[event.denom] += event.amount
            elif isinstance(event, bank_events_pb2.EventBurned):
                self.supply[event.denom] -= event.amount
            elif isinstance(event, storage_events_pb2.EventBatteryTracked):
                self.batteries[event.owner] = event.state_of_charge_wh
            elif isinstance(event, storage_events_pb2.EventBatteryAdded):
                self.batteries[event.owner] = event.battery.state_of_charge_wh
            elif isinstance(event, storage_events_pb2.EventBatteryRemoved):
                del self.batteries[event.owner]
            else:
                self._note_trade(event)

    def _note_trade(self, event: Event) -> None:
        if isinstance(event, market_events_pb2.EventOrderExecuted):
            trades = self.trades[event.slot]
            trades.add(event.side, event.quantity_wh, event.amount)
            trades.grid_fees += event.grid_fee
        elif isinstance(event, market_events_pb2.EventPositionCancelled):
            trades = self.trades[event.slot]
            trades.add(event.side, -event.quantity_wh, -event.amount)
            trades.cancellation_income += event.loss
        elif isinstance(event, market_events_pb2.EventLimitOrderFilled):
            self.trades[event.slot].add(event.side, event.filled_wh, event.amount)
        elif isinstance(event, market_events_pb2.EventSlotCleared):
            self.trades[event.slot].grid_fees += event.grid_fees
            self.trades[event.slot].congestion_rent += event.congestion_rent
        elif isinstance(event, market_events_pb2.EventOfferSet):
            self.offer_prices[event.slot, event.seller] = event.price_per_kwh
        elif isinstance(event, market_events_pb2.EventOfferBought):
            trades = self.trades[event.slot]
            price = self.offer_prices[event.slot, event.seller]
            trades.add(market_pb2.SIDE_BUY, event.quantity_wh, event.amount)
            trades.add(market_pb2.SIDE_SELL, event.quantity_wh, event.quantity_wh * price // 1000)
            trades.grid_fees += event.grid_fee

    def _check_slot(self, slot: int, data: bytes) -> list[str]:
        info, announced = market_pb2.Slot.FromString(data), self.trades[slot]
        problems = []
        for field in fields(Trades):
            has, expected = getattr(info, field.name), getattr(announced, field.name)
            # Fills of an auction are in the sums when it is cleared, and announced one by one.
            waiting = info.status == market_pb2.SLOT_STATUS_CLEARING and has >= expected
            if has != expected and not waiting:
                problems.append(f"slot {slot}: {field.name} is {has}, announced {expected}")
        return problems + _check_equity(slot, info)

    def _check_battery(self, owner: str, data: bytes) -> list[str]:
        battery, expected = storage_pb2.Battery.FromString(data), self.batteries.get(owner)
        if (
            battery.state_of_charge_wh != expected
            or not 0 <= battery.state_of_charge_wh <= battery.capacity_wh
        ):
            return [
                f"the battery of {owner} has {battery.state_of_charge_wh} Wh, announced {expected}"
            ]
        return []


def _check_equity(slot: int, info: market_pb2.Slot) -> list[str]:
    """The pool loses no more than its funding, if its net energy is closed at the bound."""
    net_wh = info.bought_wh - info.sold_wh
    bound = info.price_high_per_kwh if net_wh > 0 else info.price_low_per_kwh
    earned = info.cost + info.cancellation_income - info.revenue
    equity = earned - info.grid_fees - info.congestion_rent - Fraction(net_wh * bound, 1000)
    # Closing at the bound is rounded up, by less than one.
    if info.funding and equity <= -info.funding - 1:
        return [f"slot {slot}: the pool would lose {-equity}, funded with {info.funding}"]
    return []


def _count_money(store: SortedStore) -> Counter[str]:
    """Everything on balances and on holds, by denomination."""
    money: Counter[str] = Counter()
    for key, data in _under(store, BALANCES):
        money[key[20:].decode()] += int.from_bytes(data, "big")
    for _, data in _under(store, HOLDS):
        hold = bank_pb2.Hold.FromString(data)
        money[hold.denom] += hold.amount
    return +money


def _accounts(store: SortedStore) -> Iterator[tuple[bytes, auth_pb2.Account]]:
    for key, data in _under(store, ACCOUNTS):
        yield key, auth_pb2.Account.FromString(data)


def _under(store: SortedStore, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = prefix[:1] + bytes([prefix[1] + 1])
    for key, data in store.items(prefix, end):
        yield key[2:], data
