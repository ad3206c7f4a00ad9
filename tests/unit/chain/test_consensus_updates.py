"""What consensus tells modules, and what modules may change about consensus."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from chain import app
from chain.ruleset import Ruleset
from chain.runtime.consensus import (
    BlockLimits,
    ConsensusUpdates,
    Evidence,
    EvidenceType,
    ValidatorUpdate,
    Vote,
)
from chain.runtime.context import BlockInfo, Context
from chain.runtime.encoding.keys import TEXT
from chain.runtime.encoding.values import Amount
from chain.runtime.module import Module
from chain.runtime.state.collections import Map, Schema
from tests.support.world import World

ALPHA, BETA = ValidatorUpdate(b"a" * 32, 10), ValidatorUpdate(b"b" * 32, 10)
SCHEMA = Schema(200, "guard")
POWERS = Map(SCHEMA, 0, "powers", TEXT, Amount())


def keep(ctx: Context, validators: Sequence[ValidatorUpdate]) -> None:
    """Remembers the validators of genesis, and when that was."""
    for validator in validators:
        POWERS.set(ctx, validator.pub_key.hex(), validator.power)
    POWERS.set(ctx, "genesis", ctx.block.time_s)


def remove_the_guilty(ctx: Context) -> ConsensusUpdates | None:
    """Takes its power from every validator that evidence names; makes blocks smaller at a miss."""
    guilty = tuple(ValidatorUpdate(found.validator * 2, 0) for found in ctx.block.evidence)
    missed = any(not vote.signed for vote in ctx.block.last_commit)
    if not guilty and not missed:
        return None
    return ConsensusUpdates(guilty, BlockLimits(1_000_000, -1) if missed else None)


GUARD = Module(name="guard", schema=SCHEMA, init_validators=keep, end_block=remove_the_guilty)
RULESET = Ruleset((*app.MODULES, GUARD))


def finalize(block: BlockInfo, ruleset: Ruleset = RULESET) -> ConsensusUpdates:
    return app.finalize_block(World().store, block, [], ruleset).consensus


def test_a_module_hears_at_genesis_of_time_and_validators() -> None:
    document = World().genesis | {"guard": {}}
    # Its keys are none, which the module of validators would see.
    others = {"validators", "params"}
    document = {name: own for name, own in document.items() if name not in others}
    ruleset = Ruleset([module for module in RULESET.modules if module.name not in others])
    block = BlockInfo("street-1", 1, 1_800_000_000)
    changes = app.init_chain(document, block, [ALPHA, BETA], ruleset)
    kept = {key[2:].decode(): int.from_bytes(value or b"") for key, value in changes.items()
            if key[0] == SCHEMA.number}  # fmt: skip
    assert kept == {"61" * 32: 10, "62" * 32: 10, "genesis": 1_800_000_000}


def test_evidence_and_the_last_commit_reach_a_module_and_its_updates_leave_the_block() -> None:
    quiet = BlockInfo("street-1", 1, 1_800_000_000, last_commit=(Vote(b"a" * 20, 10, True),))
    assert finalize(quiet) == ConsensusUpdates()
    found = Evidence(EvidenceType.DUPLICATE_VOTE, b"a" * 16, 10, 1, 1_800_000_000, 20)
    loud = BlockInfo(
        "street-1",
        1,
        1_800_000_000,
        last_commit=(Vote(b"a" * 20, 10, True), Vote(b"b" * 20, 10, False)),
        evidence=(found,),
    )
    expected = ConsensusUpdates((ValidatorUpdate(b"a" * 32, 0),), BlockLimits(1_000_000, -1))
    assert finalize(loud) == expected


def test_only_one_module_may_change_consensus_in_a_block() -> None:
    second = Module(name="second", schema=Schema(201, "second"), end_block=remove_the_guilty)
    block = BlockInfo("street-1", 1, 1_800_000_000, last_commit=(Vote(b"b" * 20, 10, False),))
    with pytest.raises(AssertionError, match="two modules"):
        finalize(block, Ruleset((*RULESET.modules, second)))


@pytest.mark.parametrize(
    "updates", [(ALPHA, ALPHA), (ValidatorUpdate(b"a" * 32, -1),)], ids=["twice", "negative"]
)
def test_updates_that_would_halt_every_node_are_never_made(
    updates: tuple[ValidatorUpdate, ...],
) -> None:
    with pytest.raises(AssertionError):
        ConsensusUpdates(updates)
