"""The ledger as a chain's events tell it, compared with what the chain has stored.

Money, sequences, positions, sums of slots and states of charge: if an event says less or more than
what was written, or the other way round, the two disagree.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from blockenergy.bank.v1 import events_pb2 as bank_events_pb2
from blockenergy.ibc.v1 import events_pb2 as ibc_events_pb2
from blockenergy.market.v1 import events_pb2 as market_events_pb2
from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.storage.v1 import events_pb2 as storage_events_pb2

from chain import app
from chain.auth.state import ACCOUNTS
from chain.bank.state import BALANCES, HOLDS
from chain.market.state import POSITIONS, SLOTS
from chain.runtime.context import CosmosEvent, Event
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import HasStore
from chain.storage.state import BATTERIES
from tests.support.models.credit_ledger import CreditLedger
from tests.support.models.ledger import SUMS, Entry, Position, SlotLedger, Sums
from tests.support.world import DENOM

# What the events say of each account; they do not say its collateral.
POSITION_FIELDS = ("bought_wh", "sold_wh", "cost", "revenue")
_ARRIVALS = (ibc_events_pb2.EventTokensReceived, ibc_events_pb2.EventTokensReturned)
TRADABLE = (market_pb2.SLOT_STATUS_OPEN, market_pb2.SLOT_STATUS_CLEARING)


class EventLedger:
    """Follows a chain from a state without trades; `find_differences` says where they disagree."""

    def __init__(self, state: HasStore) -> None:
        self.supply = _count_money(state)
        self.sequences = Counter(
            {bech32.encode(key): account.sequence for key, account in ACCOUNTS.items(state)}
        )
        self.slots: defaultdict[int, SlotLedger] = defaultdict(SlotLedger)
        self.states_of_charge_wh = {
            bech32.encode(key): battery.state_of_charge_wh
            for key, battery in BATTERIES.items(state)
        }
        self.credits = CreditLedger(self.supply)
        # By slot and seller.
        self._offer_prices: dict[tuple[int, str], int] = {}
        # Who signed the transaction, and what it has curtailed so far.
        self._signer = ""
        self._curtailed: list[market_events_pb2.EventPositionCurtailed] = []

    def follow(self, result: app.BlockResult) -> None:
        """Enters what the events of a block say."""
        for tx in result.tx_results:
            self._follow_events(tx.events)
        self._follow_events(result.events)

    def find_differences(self, state: HasStore) -> list[str]:
        """A sentence for everything on which the stored state and the events disagree."""
        problems = []
        if (money := _count_money(state)) != self.supply:
            problems.append(f"money: the state has {dict(money)}, expected {dict(self.supply)}")
        for key, account in ACCOUNTS.items(state):
            if account.sequence != self.sequences[bech32.encode(key)]:
                problems.append(f"sequence of {bech32.encode(key)}: {account.sequence}")
        for slot, info in SLOTS.items(state):
            problems += self._check_sums(slot, info)
            problems += self._check_positions(state, slot, info)
            problems += _check_equity(slot, info)
        for key, battery in BATTERIES.items(state):
            expected_wh = self.states_of_charge_wh.get(bech32.encode(key))
            has_wh = battery.state_of_charge_wh
            if has_wh != expected_wh or not 0 <= has_wh <= battery.capacity_wh:
                problems.append(f"battery of {bech32.encode(key)}: {has_wh} Wh, not {expected_wh}")
        return problems

    def _follow_events(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, CosmosEvent):
                if event.type == "tx":
                    self._signer = dict(event.attributes)["acc_seq"].split("/")[0]
                    self.sequences[self._signer] += 1
            elif isinstance(event, bank_events_pb2.EventMinted):
                self.supply[event.denom] += event.amount
            elif isinstance(event, bank_events_pb2.EventBurned):
                self.supply[event.denom] -= event.amount
            elif isinstance(event, ibc_events_pb2.EventTokensSent):
                self.supply[event.denom] -= event.burned * event.amount
            elif isinstance(event, _ARRIVALS):
                self.supply[event.denom] += event.minted * event.amount
            elif self.credits.follow(event):
                continue
            elif isinstance(event, storage_events_pb2.EventBatteryTracked):
                self.states_of_charge_wh[event.owner] = event.state_of_charge_wh
            elif isinstance(event, storage_events_pb2.EventBatteryAdded):
                self.states_of_charge_wh[event.owner] = event.battery.state_of_charge_wh
            elif isinstance(event, storage_events_pb2.EventBatteryRemoved):
                del self.states_of_charge_wh[event.owner]
            else:
                self._follow_trade(event)

    def _follow_trade(self, event: Event) -> None:
        if isinstance(event, market_events_pb2.EventOrderExecuted):
            is_buy = event.side == market_pb2.SIDE_BUY
            entry = Entry(is_buy, event.quantity_wh, event.amount, event.grid_fee)
            self.slots[event.slot].trade(event.owner, entry)
        elif isinstance(event, market_events_pb2.EventPositionClosed):
            bought = Entry(True, event.quantity_wh, event.cost)
            sold = Entry(False, event.quantity_wh, event.revenue)
            self.slots[event.slot].cancel(event.owner, bought, event.loss)
            self.slots[event.slot].cancel(event.owner, sold, 0)
        elif isinstance(event, market_events_pb2.EventLimitOrderFilled):
            entry = Entry(event.side == market_pb2.SIDE_BUY, event.filled_wh, event.amount)
            self.slots[event.slot].trade(event.owner, entry)
        elif isinstance(event, market_events_pb2.EventSlotCleared):
            # Fees of an auction are announced in one sum, not fill by fill.
            self.slots[event.slot].grid_fees += event.grid_fees
            self.slots[event.slot].congestion_rent += event.congestion_rent
        elif isinstance(event, market_events_pb2.EventOfferSet):
            self._offer_prices[event.slot, event.seller] = event.price_per_kwh
        elif isinstance(event, market_events_pb2.EventOfferBought):
            self._follow_purchase(event)
        elif isinstance(event, market_events_pb2.EventPositionCurtailed):
            self._curtailed.append(event)
        elif isinstance(event, market_events_pb2.EventCurtailed):
            self._follow_curtailment(event.side == market_pb2.SIDE_BUY)

    def _follow_purchase(self, event: market_events_pb2.EventOfferBought) -> None:
        slot, wh = self.slots[event.slot], event.quantity_wh
        revenue = wh * self._offer_prices[event.slot, event.seller] // 1000
        slot.trade(event.buyer, Entry(True, wh, event.amount, event.grid_fee))
        slot.trade(event.seller, Entry(False, wh, revenue))

    def _follow_curtailment(self, is_buy: bool) -> None:
        """The distributor, who signed, takes over a part of each curtailed position."""
        for event in self._curtailed:
            entry = Entry(is_buy, event.quantity_wh, event.amount)
            self.slots[event.slot].hand_over(event.owner, self._signer, entry)
        self._curtailed.clear()

    def _check_sums(self, slot: int, info: market_pb2.Slot) -> list[str]:
        problems, announced = [], self.slots[slot].sums()
        for name in SUMS:
            has, expected = getattr(info, name), getattr(announced, name)
            # A clearing enters all fills of an auction in the sums, and books them one by one.
            is_booking = info.status == market_pb2.SLOT_STATUS_CLEARING and has >= expected
            if has != expected and not is_booking:
                problems.append(f"slot {slot}: {name} is {has}, announced {expected}")
        return problems

    def _check_positions(self, state: HasStore, slot: int, info: market_pb2.Slot) -> list[str]:
        """Each stored position is the announced one; until delivery none may be missing."""
        stored = {
            bech32.encode(owner): _energy_and_money(position)
            for owner, position in POSITIONS.under(slot).items(state)
        }
        announced = self.slots[slot].positions
        owners = stored.keys()
        if info.status in TRADABLE:
            owners |= {owner for owner, position in announced.items() if not position.is_empty}
        return [
            f"slot {slot}: the position of {owner} is {stored.get(owner)}, announced {expected}"
            for owner in sorted(owners)
            if stored.get(owner) != (expected := _energy_and_money(announced[owner]))
        ]


def _energy_and_money(position: market_pb2.Position | Position) -> tuple[int, ...]:
    return tuple(getattr(position, name) for name in POSITION_FIELDS)


def _check_equity(slot: int, info: market_pb2.Slot) -> list[str]:
    """The pool loses no more than its funding if its net energy is closed at the bound."""
    sums = Sums(**{name: getattr(info, name) for name in SUMS})
    bound = info.price_high_per_kwh if sums.net_wh > 0 else info.price_low_per_kwh
    equity = sums.equity(bound)
    # Closing at the bound is rounded up, by less than one.
    if info.funding and equity <= -info.funding - 1:
        return [f"slot {slot}: the pool would lose {-equity}, funded with {info.funding}"]
    return []


def _count_money(state: HasStore) -> Counter[str]:
    """Everything on balances, on holds and in deposits, by denomination."""
    money: Counter[str] = Counter()
    for (_, denom), amount in BALANCES.items(state):
        money[denom] += amount
    for _, hold in HOLDS.items(state):
        money[hold.denom] += hold.amount
        money[DENOM] += hold.deposit
    return +money
