"""Genesis documents: GenesisError with a sentence, or a state that keeps every promise.

A state that was taken has no broken invariant, its export makes the same state again, and the
chain goes on from it: blocks are executed and its invariants hold after them.
"""

from __future__ import annotations

from random import Random
from typing import Any

from blockenergy.settlement.v1.state_pb2 import Stage

from abci_app.genesis import load_genesis
from chain import app
from chain.runtime.context import BlockInfo
from chain.runtime.state.collections import GenesisError
from chain.runtime.state.store import CacheStore
from tests.fuzz.making.json_changes import Values, change, change_text, to_text
from tests.fuzz.making.worlds import find_worlds
from tests.fuzz.target import ACCEPTED, LOG_CHARACTERS_MAX, require
from tests.support import documents
from tests.support.store import SortedStore
from tests.support.streets import people
from tests.support.streets.green_street import ADDED_AT_S, SOLAR
from tests.support.world import CHAIN_ID, START_S, World, reading

# Nobody else is needed for a market.
BLOCKS = 3
_LEFT_OUT = ("clara", "eva", "auditor")


class Genesis:
    """The text of app_state documents."""

    name = "genesis"
    batch = 1_000

    def __init__(self) -> None:
        new, busy = make_worlds()
        # The settlement of a slot goes on for some blocks: one account each, then the payments.
        self.documents = [app.export(new.store), app.export(busy.store)]
        for _ in range(BLOCKS):
            busy.block()
            self.documents.append(app.export(busy.store))
        self.documents += [app.export(world.store) for world in find_worlds()]
        stages = {document["settlement"]["progress"]["stage"] for document in self.documents}
        assert stages == set(Stage.keys()), "a stage of the settlement is not in the corpus"
        self._values = Values(self.documents)
        # Behind every moment of the documents.
        self._time_s = max(world.time_s for world in (busy, *find_worlds()))
        self._height = busy.height

    def begin(self) -> None:
        """Every document makes a state of its own."""

    def make(self, random: Random) -> bytes:
        document = random.choice(self.documents)
        for _ in range(random.choice((1, 1, 1, 2, 2, 3))):
            document = change(document, self._values, random)
        if random.random() < 0.15:
            document = _move_money(document, random)
        text = to_text(document)
        return change_text(text, random) if random.random() < 0.08 else text

    def check(self, data: bytes) -> str:
        try:
            changes = load_genesis(data)
        except GenesisError as error:
            return judge_sentence(str(error))
        store = SortedStore()
        store.apply(changes)
        problems = app.check_invariants(store)
        require(not problems, f"taken, but {problems[:3]}")
        again = app.init_chain(app.export(store))
        require(again == changes, "the export of the state makes another state")
        self._require_goes_on(store)
        return ACCEPTED

    def end(self) -> None:
        """Nothing is left behind."""

    def close(self) -> None:
        """Nothing was opened."""

    def _require_goes_on(self, store: SortedStore) -> None:
        """Blocks without transactions: at once, soon, and after all deadlines."""
        for step, time_s in enumerate((0, 10, 4_000)):
            block = BlockInfo(CHAIN_ID, self._height + step + 1, self._time_s + time_s)
            result = app.finalize_block(store, block, [])
            store.apply(result.changes)
        problems = app.check_invariants(CacheStore(store))
        require(not problems, f"taken, but some blocks later {problems[:3]}")


def judge_sentence(text: str) -> str:
    """The outcome of a rejection by GenesisError: the place is its code."""
    require(text.strip(), "rejected without a sentence")
    require(len(text) <= LOG_CHARACTERS_MAX, f"rejected with {len(text)} characters")
    module = text.split(".", maxsplit=1)[0].split(":", maxsplit=1)[0]
    known = module in app.KEYSPACE.module_names.values()
    return f"rejected genesis {module if known else 'app_state'}"


def make_worlds() -> tuple[World, World]:
    """A small street at its beginning, and one in the middle of everything."""
    base = {
        path: value
        for path, value in documents.street().items()
        if not any(name in path for name in _LEFT_OUT)
    }
    shared: dict[str, Any] = {
        "market.params": {"horizon_slots": 2},
        "certificates.params": {"beneficiary": "treasury"},
    }
    new = World(shared, base=base)
    meter = {"energy_source": "ENERGY_SOURCE_SOLAR", "added_at_s": ADDED_AT_S}
    changes: dict[str, Any] = {
        **shared,
        "carbon.zones[0]": {"default_g_per_mwh": 420_000},
        "carbon.prices[0]": {"price_per_tonne": 80_000_000},
        "carbon.devices[meter-anna]": {**SOLAR, "storage_behind_wh": 2_000},
        "registry.meters[meter-anna]": meter,
        "settlement.params": {"accounts_per_block_max": 1},
        "bank.arrears[fred, ueur]": 500_000,
        "settlement.owed_by_fund[5, dirk]": 7,
    }
    busy = World(changes, base=base)
    busy.block()
    slot = busy.slot_ahead(1)
    busy.block(busy.buy("ben", slot, 5_000, 300_000), busy.sell("dirk", slot, 3_000, 80_000))
    busy.block(busy.buy("anna", slot + 2, 1_000, 300_000), at=busy.end_s(slot))
    busy.block(busy.submit(reading("meter-ben", slot, 5_500), reading("meter-ben", slot, 5_400)))
    busy.block(at=busy.deadline_s(slot))
    assert people.address_text("ben") != "ben" and busy.time_s > START_S
    return new, busy


def _move_money(document: Any, random: Random) -> Any:
    """More or less money for somebody, and for the supply: what stands alone is often rejected."""
    try:
        bank = document["bank"]
        entry = random.choice(bank["balances"])
        denom = bank["denoms"][0]
        supply = int(denom["value"]["supply"])
        amount = random.choice((1, -1, 10**9, 1 << 61, (1 << 63) - 1 - supply))
        richer = {**entry, "value": str(int(entry["value"]) + amount)}
        larger = {**denom, "value": {**denom["value"], "supply": str(supply + amount)}}
        balances = [richer if known == entry else known for known in bank["balances"]]
        changed = {"balances": balances, "denoms": [larger, *bank["denoms"][1:]]}
    except (KeyError, IndexError, TypeError, ArithmeticError, ValueError):
        # Another change has taken the form away.
        return document
    return {**document, "bank": {**bank, **changed}}
