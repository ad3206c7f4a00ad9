"""Months of a street in minutes: random people, meters and attackers, the same for each seed.

After every block all invariants of the chain hold, and an oracle that shares no arithmetic with
the chain agrees with the state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from blockenergy.bank.v1 import events_pb2 as bank_events_pb2
from blockenergy.market.v1 import events_pb2 as market_events_pb2
from blockenergy.metering.v1 import state_pb2 as metering_pb2
from blockenergy.metering.v1 import tx_pb2 as metering_tx_pb2
from blockenergy.registry.v1 import query_pb2 as registry_query_pb2
from blockenergy.registry.v1 import state_pb2 as registry_pb2
from blockenergy.settlement.v1 import events_pb2 as settlement_events_pb2
from blockenergy.settlement.v1 import query_pb2 as settlement_query_pb2
from blockenergy.settlement.v1 import state_pb2 as settlement_state_pb2

from chain import app
from chain.transactions import TxResult
from tests.support import actions, cast, documents
from tests.support.oracle import Oracle
from tests.support.world import FIRST_SLOT, World, response

HOMES = 8
_ROLES = ["ROLE_PROSUMER", "ROLE_PROSUMER", "ROLE_CONSUMER", "ROLE_PRODUCER"]
# What each of these roles may do.
_SIDES = [("buy", "sell"), ("buy", "sell"), ("buy",), ("sell",)]
_EXPORT_EVERY_BLOCKS = 100
_SENT_KEPT = 50


@dataclass
class PhysicalMeter:
    """The device in the cellar: its registers only ever grow."""

    import_wh: int = 0
    export_wh: int = 0
    shown: dict[int, tuple[int, int]] = field(default_factory=dict)

    def run(self, slot: int, random: Random) -> None:
        """A slot goes by."""
        self.import_wh += random.choice([0, 150, random.randint(0, 5_000)])
        self.export_wh += random.choice([0, 0, random.randint(0, 5_000)])
        self.shown[slot] = (self.import_wh, self.export_wh)
        self.shown.pop(slot - 10, None)

    def shown_at(self, slot: int) -> tuple[int, int]:
        """The registers at the end of a slot; for slots out of sight those of now."""
        return self.shown.get(slot, (self.import_wh, self.export_wh))


class Simulation:
    """A chain and all that happens to it. `run` raises AssertionError where a promise breaks."""

    def __init__(self, seed: int, watch: Callable[[app.BlockResult], None] | None = None) -> None:
        """`watch` is shown what each block did."""
        self.seed = seed
        self.watch = watch
        self.random = Random(seed)
        self.homes = [f"home-{number}" for number in range(HOMES)]
        for name in (*self.homes, "bridge-2"):
            cast.wallet(name)
        self.meters = {f"meter-{number}": PhysicalMeter() for number in range(HOMES)}
        self.world = World(self._genesis(), base=_grid())
        if int(self.world.genesis["auth"]["params"].get("min_gas_price_micro", 0)):
            self.world.fee = [("ueur", 50)]
        self.everybody = [*self.homes, *cast.GRID, *cast.STRANGERS, "bridge-2"]
        self.oracle = Oracle(self.world.store)
        self.holds: dict[int, tuple[str, str]] = {}
        self.sent: list[bytes] = []
        self.metered_until = FIRST_SLOT
        # Outcomes by action, readings by result, and whatever else has happened.
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.happened: Counter[str] = Counter()

    def run(self, blocks: int) -> None:
        """So many blocks, everything checked after each."""
        for _ in range(blocks):
            try:
                self._run_block()
            except Exception as error:
                where = f"seed {self.seed}, block {self.world.height}"
                raise AssertionError(f"{where}: {error!r}") from error

    def anybody(self) -> str:
        """Mostly somebody at home, now and then the grid or a stranger."""
        return self.random.choice(self.homes if self.random.random() < 0.9 else self.everybody)

    def trader(self, side: str) -> str:
        """Mostly somebody whose role allows this side of a trade."""
        able = [name for place, name in enumerate(self.homes) if side in _SIDES[place % 4]]
        return self.random.choice(able) if self.random.random() < 0.9 else self.anybody()

    def some_hold(self) -> tuple[str, str, int]:
        """Owner, beneficiary and number of a hold that exists, or of one that does not."""
        if self.holds and self.random.random() < 0.8:
            hold_id = self.random.choice(sorted(self.holds))
            return *self.holds[hold_id], hold_id
        return self.anybody(), self.anybody(), self.random.randint(0, 20)

    def expect_meter(self, meter_id: str) -> None:
        """A meter that may be there from the next block on."""
        self.meters.setdefault(meter_id, PhysicalMeter())

    def statuses(self) -> dict[str, registry_pb2.Participant]:
        """Everybody who was ever registered."""
        path = "/blockenergy.registry.v1.Query/Participants"
        request = registry_query_pb2.QueryParticipantsRequest()
        answer = self.world.query(path, request, registry_query_pb2.QueryParticipantsResponse)
        return {cast.name_of(entry.address): entry.participant for entry in answer.participants}

    def known_meters(self) -> list[str]:
        """The meters that are in the registry."""
        path = "/blockenergy.registry.v1.Query/Meters"
        request = registry_query_pb2.QueryMetersRequest()
        answer = self.world.query(path, request, registry_query_pb2.QueryMetersResponse)
        return [entry.meter_id for entry in answer.meters if not entry.meter.closed]

    def _genesis(self) -> documents.Short:
        random = self.random
        changes: dict[str, Any] = {
            f"bank.balances[{name}, ueur]": 20_000_000
            for name in ("registrar", "issuer", "bridge", "bridge-2")
        }
        for number, name in enumerate(self.homes):
            role = _ROLES[number % len(_ROLES)]
            changes[f"registry.participants[{name}]"] = {
                "roles": [role], "status": "STATUS_ACTIVE",
            }  # fmt: skip
            changes[f"bank.balances[{name}, ueur]"] = random.choice(
                [500_000, 5_000_000, 50_000_000]
            )
            changes[f"registry.meters[meter-{number}]"] = {
                "owner": name, "bridge": "bridge", "feeder": "north", "capacity_w": 30_000,
                "pub_key": f"meter-{number}", "status": "STATUS_ACTIVE",
                "added_at_s": FIRST_SLOT * 60,
            }  # fmt: skip
        changes["registry.participants[bridge-2]"] = {
            "roles": ["ROLE_BRIDGE"], "status": "STATUS_ACTIVE",
        }  # fmt: skip
        changes["bank.balances[treasury, ueur]"] = random.choice([3_000_000, 60_000_000])
        changes["bank.balances[backstop, ueur]"] = random.choice([1_000_000, 60_000_000])
        changes["bank.params"] = {"expiries_per_block_max": random.choice([1, 100])}
        changes["metering.params"] = {
            "reading_deadline_s": random.choice([60, 150]), "readings_per_message_max": 50,
        }  # fmt: skip
        changes["market.params"] = {
            "imbalance_cover_permille": (0, 100)[self.seed % 2],
            "depth_wh": random.choice([3_000, 50_000]),
            "slots_opened_per_block_max": random.choice([1, 10]),
        }
        changes["settlement.params"] = {
            "accounts_per_block_max": (2, 5, 100)[self.seed % 3], "history_slots": 3,
            "pruned_per_block_max": random.choice([5, 100]),
        }  # fmt: skip
        changes["auth.params"] = {"min_gas_price_micro": random.choice([0, 50])}
        return changes

    def _run_block(self) -> None:
        self._pass_time()
        chosen = self._choose_actions()
        txs = [action(self) for action in chosen]
        result = self.world.block(*txs)
        self.sent = [*self.sent, *txs][-_SENT_KEPT:]
        for action, tx_result in zip(chosen, result.tx_results, strict=True):
            self._count(action.__name__, tx_result)
        self._note(result)
        if self.watch:
            self.watch(result)
        self.oracle.follow(result)
        assert not (problems := self.oracle.find_differences(self.world.store)), problems
        if self.world.height % _EXPORT_EVERY_BLOCKS == 0:
            document = app.export(self.world.store)
            assert World.from_document(document).store.data == self.world.store.data

    def _pass_time(self) -> None:
        """Mostly some seconds; now and then no time at all, or a halt of minutes."""
        step = self.random.choice([0, 1, 5, 5, 10, 10, 20, 20, 40])
        if self.random.random() < 0.01:
            step = self.random.choice([60, 300, 1_200])
        self.world.time_s += step
        while self.metered_until < self.world.slot_ahead(0):
            for meter in self.meters.values():
                meter.run(self.metered_until, self.random)
            self.metered_until += 1

    def _choose_actions(self) -> list[Any]:
        weights, kinds = zip(*actions.ACTIONS, strict=True)
        return self.random.choices(kinds, weights, k=self.random.randint(0, 6))

    def _count(self, action: str, result: TxResult) -> None:
        self.outcomes[action, "done" if result.code == 0 else "refused"] += 1
        if action == "submit_readings" and result.code == 0:
            for value in response(result, metering_tx_pb2.MsgSubmitReadingsResponse).results:
                self.happened[metering_pb2.ReadingResult.Name(value)] += 1

    def _note(self, result: app.BlockResult) -> None:
        """Keeps track of holds, and of what should happen in a long run."""
        for event in [event for tx in result.tx_results for event in tx.events] + result.events:
            if isinstance(event, bank_events_pb2.EventReserved):
                names = cast.name_of(event.owner), cast.name_of(event.beneficiary)
                self.holds[event.hold_id] = names
            elif isinstance(event, bank_events_pb2.EventHoldEnded):
                self.holds.pop(event.hold_id, None)
                self.happened["hold expired" if event.expired else "hold ended"] += 1
            elif isinstance(event, market_events_pb2.EventSlotUnfunded):
                self.happened["slot unfunded"] += 1
            elif isinstance(event, settlement_events_pb2.EventSlotSettled):
                self._note_settlement(event.result)
        self.happened["settlement over several blocks"] += self._is_settling()
        owed = self._arrears() if self.world.height % 10 == 0 else []
        self.happened["household in arrears"] += sum("home" in debtor for debtor in owed)
        self.happened["treasury in arrears"] += owed.count("treasury")
        self.happened["backstop in arrears"] += owed.count("backstop")

    def _note_settlement(self, result: Any) -> None:
        self.happened["slot settled"] += 1
        self.happened["slot with uncovered charges"] += bool(result.uncovered)
        self.happened["slot with an estimate"] += bool(result.estimated_parties)
        self.happened["energy flowed out"] += bool(result.backstop_export_wh)
        self.happened["pool lost"] += bool(result.pool_loss)
        self.happened["pool gained"] += bool(result.pool_gain)
        self.happened["fund credited"] += bool(result.fund_credit)

    def _arrears(self) -> list[str]:
        """The names of all debtors."""
        path = "/blockenergy.settlement.v1.Query/Arrears"
        request = settlement_query_pb2.QueryArrearsRequest()
        answer = self.world.query(path, request, settlement_query_pb2.QueryArrearsResponse)
        return [cast.name_of(entry.debtor) for entry in answer.arrears]

    def _is_settling(self) -> bool:
        path = "/blockenergy.settlement.v1.Query/Progress"
        request = settlement_query_pb2.QueryProgressRequest()
        answer = self.world.query(path, request, settlement_query_pb2.QueryProgressResponse)
        return answer.progress.stage == settlement_state_pb2.STAGE_LINES


def _grid() -> documents.Short:
    """The street without its five households."""
    return {
        path: value
        for path, value in documents.street().items()
        if not any(name in path for name in cast.HOUSEHOLDS)
    }
