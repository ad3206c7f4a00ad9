"""A second opinion on money, trades and sequences, by much simpler means than the chain's.

It knows what the chain announced, reads the stored bytes by itself, and adds up. It shares no
arithmetic with the rules.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction

from blockenergy.auth.v1 import state_pb2 as auth_pb2
from blockenergy.bank.v1 import events_pb2 as bank_events_pb2
from blockenergy.bank.v1 import state_pb2 as bank_pb2
from blockenergy.market.v1 import events_pb2 as market_events_pb2
from blockenergy.market.v1 import state_pb2 as market_pb2

from chain import app
from chain.runtime import bech32
from chain.runtime.context import CosmosEvent, Event
from tests.support.store import SortedStore

# Prefixes of collections: tests/unit/chain/test_module_binding.py pins them.
ACCOUNTS, BALANCES, HOLDS, SLOTS = b"\x01\x01", b"\x03\x02", b"\x03\x03", b"\x05\x01"


class Oracle:
    """Follows a chain from a state on; `find_differences` says where the two disagree."""

    def __init__(self, store: SortedStore) -> None:
        self.supply = _count_money(store)
        self.sequences = Counter(
            {bech32.encode(key): account.sequence for key, account in _accounts(store)}
        )
        # Bought, sold, cost and revenue by slot.
        self.trades: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])

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
            elif isinstance(event, market_events_pb2.EventOrderExecuted):
                is_buy = event.side == market_pb2.SIDE_BUY
                sums = self.trades[event.slot]
                sums[0 if is_buy else 1] += event.quantity_wh
                sums[2 if is_buy else 3] += event.amount

    def _check_slot(self, slot: int, data: bytes) -> list[str]:
        info = market_pb2.Slot.FromString(data)
        sums = [info.bought_wh, info.sold_wh, info.cost, info.revenue]
        if sums != self.trades[slot]:
            return [f"slot {slot}: {sums} in the state, {self.trades[slot]} announced"]
        net_wh = info.bought_wh - info.sold_wh
        bound = info.price_high_per_kwh if net_wh > 0 else info.price_low_per_kwh
        equity = info.cost - info.revenue - Fraction(net_wh * bound, 1000)
        # Closing at the bound is rounded up, by less than one.
        if sums != [0, 0, 0, 0] and equity <= -info.funding - 1:
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
