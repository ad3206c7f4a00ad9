"""Months of a street in minutes: random people, meters and attackers, the same for each seed.

After every block all invariants hold, and a ledger kept from the events alone agrees with
the stored state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from blockenergy.bank.v1 import events_pb2 as bank_events_pb2
from blockenergy.bank.v1 import query_pb2 as bank_query_pb2
from blockenergy.market.v1 import events_pb2 as market_events_pb2
from blockenergy.metering.v1 import state_pb2 as metering_pb2
from blockenergy.metering.v1 import tx_pb2 as metering_tx_pb2
from blockenergy.registry.v1 import query_pb2 as registry_query_pb2
from blockenergy.registry.v1 import state_pb2 as registry_pb2
from blockenergy.settlement.v1 import query_pb2 as settlement_query_pb2
from blockenergy.settlement.v1 import state_pb2 as settlement_state_pb2

from chain import app
from chain.market.state import BOOKING
from chain.runtime.context import Event
from chain.runtime.encoding import bech32
from chain.settlement.state import OWED_BY_FUND
from chain.transactions import TxResult
from tests.support import parameters
from tests.support.models.event_ledger import EventLedger
from tests.support.simulated import (
    actions,
    carbon_actions,
    credit_actions,
    delegation_actions,
    forecast_actions,
    ibc_actions,
    market_actions,
    registry_actions,
    tie_line_actions,
    validator_actions,
)
from tests.support.simulated import street as simulated_street
from tests.support.simulated.scenario_coverage import ScenarioCoverage
from tests.support.streets import people
from tests.support.world import FIRST_SLOT, World, response

HOMES = 12
ACTIONS = [
    *actions.ACTIONS,
    *market_actions.ACTIONS,
    *carbon_actions.ACTIONS,
    *credit_actions.ACTIONS,
    *registry_actions.ACTIONS,
    *forecast_actions.ACTIONS,
    *parameters.ACTIONS,
    *validator_actions.ACTIONS,
    *delegation_actions.ACTIONS,
    *ibc_actions.ACTIONS,
    *tie_line_actions.ACTIONS,
]
# What the roles of the homes allow.
_SIDES = [("buy", "sell"), ("buy", "sell"), ("buy",), ("sell",)]
_ENDS_OF_LIMIT_ORDERS = (
    market_events_pb2.EventLimitOrderCancelled,
    market_events_pb2.EventLimitOrderFilled,
)
_EXPORT_EVERY_BLOCKS = 100
REGISTER_SIZE_WH = 10**9
_SENT_KEPT = 50


@dataclass
class PhysicalMeter:
    """What is installed at a home: energy only ever grows, and each device counts from its own
    beginning, with registers that start again at zero.
    """

    import_wh: int = 0
    export_wh: int = 0
    used: dict[int, tuple[int, int]] = field(default_factory=dict)
    # By generation: what is added to the energy.
    offsets: dict[int, tuple[int, int]] = field(default_factory=dict)

    def run(self, slot: int, random: Random) -> None:
        """Meters one slot."""
        self.import_wh += random.choice([0, 150, random.randint(0, 5_000)])
        self.export_wh += random.choice([0, 0, random.randint(0, 5_000)])
        self.used[slot] = (self.import_wh, self.export_wh)
        self.used.pop(slot - 10, None)

    def shown_at(self, slot: int, generation: int = 0) -> tuple[int, int]:
        """The registers at the end of a slot; for slots out of sight those of now."""
        import_wh, export_wh = self.used.get(slot, (self.import_wh, self.export_wh))
        more = self.offsets.get(generation, (0, 0))
        return (import_wh + more[0]) % REGISTER_SIZE_WH, (export_wh + more[1]) % REGISTER_SIZE_WH

    def exchange(self, generation: int, initial_wh: tuple[int, int]) -> None:
        """Prepares another device, which shows this now."""
        import_wh, export_wh = initial_wh
        self.offsets[generation] = (import_wh - self.import_wh, export_wh - self.export_wh)


class Simulation:
    """A chain and all that happens to it. `run` raises AssertionError where a promise breaks."""

    def __init__(
        self,
        seed: int,
        watch: Callable[[app.BlockResult], None] | None = None,
        *,
        invariants_every: int = 1,
    ) -> None:
        """`watch` is shown what each block did. The ledger follows every block; the invariants are
        checked after every n-th, which takes half the time.
        """
        self.seed = seed
        self.invariants_every = invariants_every
        self.watch = watch
        self.random = Random(seed)
        self.homes = [f"home-{number}" for number in range(HOMES)]
        for name in (*self.homes, *market_actions.BATTERIES, *simulated_street.OTHERS):
            people.wallet(name)
        full_wh = simulated_street.INITIAL_IMPORT_WH
        self.meters = {f"meter-{number}": PhysicalMeter(full_wh) for number in range(HOMES)}
        self.meters |= {f"meter-{name}": PhysicalMeter() for name in market_actions.BATTERIES}
        self.meters["meter-check"] = PhysicalMeter()
        self.meters[tie_line_actions.METER] = PhysicalMeter()
        changes = simulated_street.draw(seed, self.random, self.homes)
        self.world = World(changes, base=simulated_street.get_grid())
        batteries = [name for name in market_actions.BATTERIES if name not in people.UNREGISTERED]
        self.all_names = [*self.homes, *people.GRID, *people.UNREGISTERED, *batteries, "bridge-2"]
        self.ledger = EventLedger(self.world.state)
        self.other = ibc_actions.begin()
        self.sightings = ibc_actions.Sightings()
        self.holds: dict[int, tuple[str, str]] = {}
        # Owner and slot of limit orders by their number; energy of offers by slot and seller.
        self.limit_orders: dict[int, tuple[str, int]] = {}
        self.offers: dict[tuple[int, str], int] = {}
        self.sent: list[bytes] = []
        self.metered_until = FIRST_SLOT
        # What came of each kind of action.
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.coverage = ScenarioCoverage()

    @property
    def happened(self) -> Counter[str]:
        """Readings by result, and whatever else has happened, by its name."""
        return self.coverage.counts

    def run(self, blocks: int) -> None:
        """Executes a number of blocks and checks them."""
        for _ in range(blocks):
            try:
                self._run_block()
            except Exception as error:
                where = f"seed {self.seed}, block {self.world.height}"
                raise AssertionError(f"{where}: {error!r}") from error

    def anybody(self) -> str:
        """Mostly a home, now and then an operator or an unregistered address."""
        return self.random.choice(self.homes if self.random.random() < 0.9 else self.all_names)

    def trader(self, side: str) -> str:
        """Mostly a home whose role allows this side of a trade."""
        return (
            self.random.choice(self.able_to(side)) if self.random.random() < 0.9 else self.anybody()
        )

    def able_to(self, side: str) -> list[str]:
        """The homes whose role allows this side of a trade, at least in the beginning."""
        return [name for place, name in enumerate(self.homes) if side in _SIDES[place % 4]]

    def homes_on(self, feeder: str) -> list[str]:
        """The homes that begin on a feeder."""
        places = zip(self.homes, simulated_street.PLACES, strict=True)
        return [name for name, at in places if at == feeder]

    def some_hold(self) -> tuple[str, str, int]:
        """Owner, beneficiary and number of a hold, mostly of one that exists."""
        if self.holds and self.random.random() < 0.8:
            hold_id = self.random.choice(sorted(self.holds))
            return *self.holds[hold_id], hold_id
        return self.anybody(), self.anybody(), self.random.randint(0, 20)

    def some_limit_order(self) -> tuple[str, int, int]:
        """Owner, slot and number of a limit order, mostly one that rests."""
        if self.limit_orders and self.random.random() < 0.9:
            order_id = self.random.choice(sorted(self.limit_orders)[-20:])
            return *self.limit_orders[order_id], order_id
        return self.anybody(), self.world.slot_ahead(2), self.random.randint(0, 20)

    def name_of(self, address: bytes) -> str:
        """The name behind an address."""
        return people.name_of(bech32.encode(address))

    def signer_of(self, address: bytes) -> str:
        """Who signs for an address; for an account of the chain itself somebody else tries."""
        name = self.name_of(address)
        return self.anybody() if name in people.MODULE_ACCOUNTS else name

    def expect_meter(self, meter_id: str) -> None:
        """A meter that may be registered from the next block on."""
        self.meters.setdefault(meter_id, PhysicalMeter())

    def statuses(self) -> dict[str, registry_pb2.Participant]:
        """All participants ever registered, by name."""
        path = "/blockenergy.registry.v1.Query/Participants"
        request = registry_query_pb2.QueryParticipantsRequest()
        answer = self.world.query(path, request, registry_query_pb2.QueryParticipantsResponse)
        return {people.name_of(entry.address): entry.participant for entry in answer.participants}

    def known_meters(self, *, closed: bool = False) -> dict[str, int]:
        """The generations of the meters that are read, or of those whose ids are free again."""
        path = "/blockenergy.registry.v1.Query/Meters"
        request = registry_query_pb2.QueryMetersRequest()
        answer = self.world.query(path, request, registry_query_pb2.QueryMetersResponse)
        found = [entry for entry in answer.meters if entry.meter.closed == closed]
        return {entry.meter_id: entry.meter.generation for entry in found}

    def _run_block(self) -> None:
        self._pass_time()
        chosen = self._choose_actions()
        txs = [action(self) for action in chosen]
        result = self.world.block_unchecked(*txs)
        if self.world.height % self.invariants_every == 0:
            self.world.require_invariants()
        self.sent = [*self.sent, *txs][-_SENT_KEPT:]
        for action, tx_result in zip(chosen, result.tx_results, strict=True):
            self._count(action.__name__, tx_result)
        self._note(result)
        if self.watch:
            self.watch(result)
        self.ledger.follow(result)
        self.sightings.follow(result)
        assert not (problems := self.ledger.find_differences(self.world.state)), problems
        if self.world.height % _EXPORT_EVERY_BLOCKS == 0:
            document = app.export(self.world.store)
            assert World.from_document(document).store.data == self.world.store.data

    def _pass_time(self) -> None:
        """Mostly some seconds; now and then no time, or a halt of minutes."""
        step = self.random.choice([0, 1, 5, 5, 10, 10, 20, 20, 40])
        if self.random.random() < 0.01:
            step = self.random.choice([60, 300, 1_200])
        self.world.time_s += step
        while self.metered_until < self.world.slot_ahead(0):
            for meter in self.meters.values():
                meter.run(self.metered_until, self.random)
            self.metered_until += 1

    def _choose_actions(self) -> list[Any]:
        if self.random.random() < 0.04:
            return [market_actions.join_the_crowd] * 10
        weights, kinds = zip(*ACTIONS, strict=True)
        return self.random.choices(kinds, weights, k=self.random.randint(0, 8))

    def _count(self, action: str, result: TxResult) -> None:
        self.outcomes[action, "done" if result.code == 0 else "rejected"] += 1
        if action == "submit_readings" and result.code == 0:
            for value in response(result, metering_tx_pb2.MsgSubmitReadingsResponse).results:
                self.happened[metering_pb2.ReadingResult.Name(value)] += 1

    def _note(self, result: app.BlockResult) -> None:
        """Keeps track of what there is, and of what should happen in a long run."""
        state = self.world.state
        for event in [event for tx in result.tx_results for event in tx.events] + result.events:
            self._track(event)
            self.coverage.note(event, state)
        self.happened["settlement over several blocks"] += self._is_settling()
        self.happened["booking over several blocks"] += bool(BOOKING.get(state).slot)
        owed = self._arrears() if self.world.height % 10 == 0 else []
        self.happened["household in arrears"] += sum("home" in debtor for debtor in owed)
        self.happened["default fund in debt"] += bool(next(OWED_BY_FUND.items(state), None))
        self.happened["backstop in arrears"] += owed.count("backstop")

    def _track(self, event: Event) -> None:
        """Follows holds, limit orders and offers."""
        if isinstance(event, bank_events_pb2.EventReserved):
            names = people.name_of(event.owner), people.name_of(event.beneficiary)
            self.holds[event.hold_id] = names
        elif isinstance(event, bank_events_pb2.EventHoldEnded):
            self.holds.pop(event.hold_id, None)
        elif isinstance(event, market_events_pb2.EventLimitOrderPlaced):
            self.limit_orders[event.order_id] = people.name_of(event.owner), event.slot
        elif isinstance(event, _ENDS_OF_LIMIT_ORDERS):
            self.limit_orders.pop(event.order_id)
        elif isinstance(event, market_events_pb2.EventOfferSet):
            self.offers[event.slot, people.name_of(event.seller)] = event.available_wh
            if not event.available_wh:
                del self.offers[event.slot, people.name_of(event.seller)]
        elif isinstance(event, market_events_pb2.EventOfferBought):
            key = event.slot, people.name_of(event.seller)
            self.offers[key] -= event.quantity_wh
            if not self.offers[key]:
                del self.offers[key]

    def _arrears(self) -> list[str]:
        """The names of all debtors."""
        path = "/blockenergy.bank.v1.Query/Arrears"
        request = bank_query_pb2.QueryArrearsRequest()
        answer = self.world.query(path, request, bank_query_pb2.QueryArrearsResponse)
        return [people.name_of(entry.debtor) for entry in answer.arrears]

    def _is_settling(self) -> bool:
        path = "/blockenergy.settlement.v1.Query/Progress"
        request = settlement_query_pb2.QueryProgressRequest()
        answer = self.world.query(path, request, settlement_query_pb2.QueryProgressResponse)
        return answer.progress.stage == settlement_state_pb2.STAGE_LINES
