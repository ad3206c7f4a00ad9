"""Two releases of the rules: each executes the blocks that are its own, and no other."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from blockenergy.upgrade.v1 import state_pb2, tx_pb2

from chain import app, upgrade
from chain.bank.state import PARAMS as BANK_PARAMS
from chain.ruleset import Ruleset
from chain.runtime.context import BlockInfo, Context
from chain.runtime.errors import ChainError
from chain.runtime.state.collections import GenesisError
from chain.runtime.state.store import CacheStore, MemoryStore
from chain.upgrade.state import PLAN, UPGRADES
from tests.support import documents
from tests.support.streets import people

DOCUMENT = documents.expand(documents.complete(documents.street()))
AUTHORITY = people.address_text("distributor")
DENOMS_MAX = 7


def raise_denoms(ctx: Context) -> None:
    params = BANK_PARAMS.get(ctx)
    params.denoms_max = DENOMS_MAX
    BANK_PARAMS.set(ctx, params)


def make_release(migrations: Mapping[str, upgrade.Migration]) -> Ruleset:
    others = [module for module in app.MODULES if module.name != "upgrade"]
    return Ruleset((upgrade.make_module(migrations), *others))


OLD, NEW = make_release({}), make_release({"v2": raise_denoms})


class Chain:
    """A chain that plans v2 for height 5."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.store.apply(app.init_chain(DOCUMENT, ruleset=OLD))
        self.height = 0
        self.execute(OLD)
        self.plan("v2", 5)

    def execute(self, release: Ruleset) -> app.BlockResult:
        block = BlockInfo("chain", self.height + 1, 1_800_000_000 + self.height)
        result = app.finalize_block(self.store, block, [], release)
        self.store.apply(result.changes)
        self.height += 1
        return result

    @property
    def ctx(self) -> Context:
        return Context(CacheStore(self.store), BlockInfo("chain", self.height, 1_800_000_000))

    def plan(self, name: str, height: int) -> None:
        ctx = self.ctx
        handler = OLD.handlers["/blockenergy.upgrade.v1.MsgPlanUpgrade"]
        plan = state_pb2.Plan(name=name, height=height, info="see the mail")
        handler.run(ctx, tx_pb2.MsgPlanUpgrade(authority=AUTHORITY, plan=plan))
        self.store.apply(ctx.store.changes)


def test_the_old_release_stops_before_the_block_and_the_new_one_goes_on() -> None:
    chain = Chain()
    while chain.height < 4:
        chain.execute(OLD)
    with pytest.raises(upgrade.OtherReleaseError, match="v2 begins at height 5") as caught:
        chain.execute(OLD)
    assert (caught.value.plan.name, caught.value.plan.height) == ("v2", 5)
    result = chain.execute(NEW)
    assert [type(event).__name__ for event in result.events] == ["EventUpgraded"]
    assert BANK_PARAMS.get(chain.ctx).denoms_max == DENOMS_MAX
    assert list(UPGRADES.items(chain.ctx)) == [("v2", 5)]
    assert PLAN.get(chain.ctx) == state_pb2.Plan()
    chain.execute(NEW)
    with pytest.raises(upgrade.OtherReleaseError, match="does not have; install one") as caught:
        chain.execute(OLD)
    assert not caught.value.plan.name
    with pytest.raises(ChainError, match="choose another name"):
        chain.plan("v2", 50)


def test_the_new_release_does_not_run_too_early() -> None:
    chain = Chain()
    with pytest.raises(
        upgrade.OtherReleaseError, match="planned for height 5; run the release bef"
    ):
        chain.execute(NEW)
    chain.plan("v3", 5)
    with pytest.raises(upgrade.OtherReleaseError, match="v2, which is not planned"):
        chain.execute(NEW)


def test_a_document_is_of_a_release() -> None:
    with pytest.raises(GenesisError, match="'v2': the document does not have it"):
        app.init_chain(DOCUMENT, ruleset=NEW)
    made = DOCUMENT | {
        "upgrade": {"plan": {}, "upgrades": [{"key": "v2", "value": "1"}]},
    }
    assert app.init_chain(made, ruleset=NEW)
    with pytest.raises(GenesisError, match="'v2': this release does not have it"):
        app.init_chain(made, ruleset=OLD)
    bad = DOCUMENT | {"upgrade": {"plan": {"name": "../x", "height": "1"}, "upgrades": []}}
    with pytest.raises(GenesisError, match=r"upgrade\.plan: a name has"):
        app.init_chain(bad, ruleset=OLD)
