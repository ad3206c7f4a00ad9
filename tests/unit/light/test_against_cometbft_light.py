"""Verdicts about headers beside those of CometBFT's own light client, on random sets and damage."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tendermint.types.validator_pb2 import ValidatorSet

from chain import light
from tests.support.others.headers import NIL, START_S, Block, Signer, make_block, make_signers, sign
from tests.support.running.go_tests import run_tests

pytestmark = pytest.mark.slow

CASES = 600
PERIOD_NS = 1000 * light.NS_PER_S
Damage = Callable[[Random, Block], None]


def hurt_header(random: Random, block: Block) -> None:
    name = random.choice(["app_hash", "data_hash", "next_validators_hash", "proposer_address"])
    value = bytearray(getattr(block.signed.header, name))
    value[random.randrange(len(value))] ^= 1 << random.randrange(8)
    setattr(block.signed.header, name, bytes(value))


def hurt_commit_height(random: Random, block: Block) -> None:
    block.signed.commit.height += random.choice([-1, 1])


def hurt_chain(random: Random, block: Block) -> None:
    block.signed.header.chain_id = "street-2"
    block.signed.commit.CopyFrom(sign(block.signed.header, block.signers))


def hurt_set(random: Random, block: Block) -> None:
    random.choice(block.validators).voting_power += 1


def drop_validator(random: Random, block: Block) -> None:
    if len(block.validators) > 1:
        del block.validators[random.randrange(len(block.validators))]


def drop_vote(random: Random, block: Block) -> None:
    del block.signed.commit.signatures[random.randrange(len(block.signed.commit.signatures))]


def hurt_round(random: Random, block: Block) -> None:
    block.signed.commit.round += 1


def hurt_block_id(random: Random, block: Block) -> None:
    block.signed.commit.block_id.hash = random.randbytes(32)


def vote_for_nothing(random: Random, block: Block) -> None:
    """With signatures for the block, all of them: CometBFT and we count none."""
    for vote in block.signed.commit.signatures:
        if vote.signature:
            vote.block_id_flag = NIL


DAMAGE: Sequence[Damage] = (
    hurt_header, hurt_commit_height, hurt_chain, hurt_set, drop_validator, drop_vote, hurt_round,
    hurt_block_id, vote_for_nothing,
)  # fmt: skip


def draw_signers(random: Random) -> list[Signer]:
    count = random.randint(1, 7)
    powers = [random.choice([1, 1, 2, 5, 10, 100]) for _ in range(count)]
    return make_signers(powers, first=random.choice([1, 2, 3, 4, 5, 50]))


def make_case(random: Random) -> tuple[Block, Block, int]:
    """A trusted block, another one that may follow, and the present."""
    first = draw_signers(random)
    adjacent = random.random() < 0.4
    later = random.choice([first, draw_signers(random), draw_signers(random)])
    following = later if adjacent and random.random() < 0.8 else first
    trusted = make_block(3, first, following)
    places = range(len(later))
    absent = random.sample(places, random.choice([0, 0, 0, 1, len(later) // 2, len(later)]))
    block = make_block(4 if adjacent else random.choice([5, 9, 60]), later, absent=absent)
    if random.random() < 0.4:
        random.choice(DAMAGE)(random, block)
    age_s = random.choice([20, 100, 999, 1002, 5000, -30])
    return trusted, block, (START_S + 3 + age_s) * light.NS_PER_S


def judge(trusted: Block, block: Block, now_ns: int) -> str:
    options = light.Options(trusting_period_ns=PERIOD_NS)
    try:
        light.verify(trusted.trusted, block.signed, block.validators, options, now_ns)
    except (light.InvalidHeaderError, light.NotEnoughTrustError, light.ExpiredError) as error:
        return type(error).__name__.removesuffix("Error")
    return "good"


def encode(trusted: Block, block: Block, now_ns: int, verdict: str) -> dict[str, Any]:
    parts = {
        "Trusted": trusted.signed,
        "TrustedNext": ValidatorSet(validators=trusted.trusted.next_validators),
        "Untrusted": block.signed,
        "UntrustedSet": ValidatorSet(validators=block.validators),
    }
    return {
        **{
            name: base64.b64encode(part.SerializeToString()).decode()
            for name, part in parts.items()
        },
        "Verdict": verdict,
        "NowNs": now_ns,
        "PeriodNs": PERIOD_NS,
        "DriftNs": 10 * light.NS_PER_S,
    }


def test_verdicts_are_those_of_cometbft(tmp_path: Path) -> None:
    random, counts, cases = Random(4), Counter[str](), []
    for _ in range(CASES):
        trusted, block, now_ns = make_case(random)
        verdict = judge(trusted, block, now_ns)
        counts[verdict] += 1
        cases.append(encode(trusted, block, now_ns, verdict))
    assert len(counts) == 4
    assert min(counts.values()) > 20
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(cases))
    run_tests("TestVerdictsOfTheRules", LIGHT_CASES=str(path))
