"""Which headers follow from a trusted one."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from tendermint.types.types_pb2 import SignedHeader

from chain import light
from tests.support.others.headers import (
    CHAIN_ID,
    COMMIT,
    NIL,
    START_S,
    Block,
    make_block,
    make_id,
    make_signers,
    sign,
    validators_of,
)
from tests.support.properties import examples

PERIOD_NS = 3600 * light.NS_PER_S
OPTIONS = light.Options(trusting_period_ns=PERIOD_NS)
NOW_NS = (START_S + 100) * light.NS_PER_S
FOUR = make_signers([10, 10, 10, 10])
OTHERS = make_signers([10, 10, 10, 10], first=50)


def verdict(trusted: Block, block: Block, now_ns: int = NOW_NS, **options: Any) -> str:
    chosen = light.Options(trusting_period_ns=PERIOD_NS, **options) if options else OPTIONS
    try:
        light.verify(trusted.trusted, block.signed, block.validators, chosen, now_ns)
    except (light.InvalidHeaderError, light.NotEnoughTrustError, light.ExpiredError) as error:
        return type(error).__name__.removesuffix("Error")
    return "good"


def test_the_next_header_needs_two_thirds_of_the_validators_that_were_named() -> None:
    first = make_block(1, FOUR)
    assert verdict(first, make_block(2, FOUR)) == "good"
    assert verdict(first, make_block(2, FOUR, absent=[3])) == "good"
    assert verdict(first, make_block(2, FOUR, absent=[2, 3])) == "InvalidHeader"
    assert verdict(first, make_block(2, OTHERS)) == "InvalidHeader"
    assert verdict(make_block(1, FOUR, OTHERS), make_block(2, OTHERS)) == "good"


def test_a_later_header_needs_a_third_of_the_trusted_ones_as_well() -> None:
    first = make_block(1, FOUR)
    mixed = make_signers([10, 10, 10, 10], first=3)
    assert verdict(first, make_block(9, FOUR, absent=[1])) == "good"
    # Two of four are the same.
    assert verdict(first, make_block(9, mixed)) == "good"
    assert verdict(first, make_block(9, mixed), trust=(2, 3)) == "NotEnoughTrust"
    assert verdict(first, make_block(9, OTHERS)) == "NotEnoughTrust"


def test_exactly_a_third_or_two_thirds_is_not_enough() -> None:
    three = make_signers([1, 1, 1])
    assert verdict(make_block(1, three), make_block(2, three, absent=[0])) == "InvalidHeader"
    one_left = make_signers([1, 1, 1], first=3)
    assert verdict(make_block(1, three), make_block(9, one_left)) == "NotEnoughTrust"


def test_times() -> None:
    first = make_block(1, FOUR)
    block = make_block(5, FOUR)
    born_ns = light.get_time_ns(first.signed.header.time)
    assert verdict(first, block, born_ns + PERIOD_NS) == "Expired"
    assert verdict(first, block, born_ns + PERIOD_NS - 1) == "good"
    ahead_ns = light.get_time_ns(block.signed.header.time) - OPTIONS.clock_drift_ns
    assert verdict(first, block, ahead_ns) == "InvalidHeader"
    assert verdict(first, block, ahead_ns + 1) == "good"
    early = Timestamp(seconds=START_S + 1, nanos=5)
    assert verdict(first, make_block(5, FOUR, time=early)) == "InvalidHeader"


def damage_height(block: Block) -> None:
    block.signed.commit.height += 1


def damage_chain(block: Block) -> None:
    block.signed.header.chain_id = "other"
    block.signed.commit.CopyFrom(sign(block.signed.header, FOUR))


def damage_header(block: Block) -> None:
    block.signed.header.app_hash = b"\x09" * 32


def damage_set(block: Block) -> None:
    block.validators[0].voting_power += 1


def damage_order(block: Block) -> None:
    block.validators.reverse()


def damage_length(block: Block) -> None:
    del block.signed.commit.signatures[3]


def damage_nobody(block: Block) -> None:
    del block.validators[:], block.signed.commit.signatures[:]
    block.signed.header.validators_hash = light.compute_validators_hash([])
    block.signed.commit.block_id.CopyFrom(make_id(light.compute_header_hash(block.signed.header)))


def damage_signatures(block: Block) -> None:
    for vote in block.signed.commit.signatures[:2]:
        vote.signature = bytes(64)


def damage_flags(block: Block) -> None:
    for vote in block.signed.commit.signatures[:2]:
        vote.block_id_flag = NIL


def damage_addresses(block: Block) -> None:
    for vote in block.signed.commit.signatures[:2]:
        vote.validator_address = b"x" * 20


def damage_times(block: Block) -> None:
    for vote in block.signed.commit.signatures[:2]:
        vote.timestamp.nanos += 1


def damage_round(block: Block) -> None:
    block.signed.commit.round += 1


@pytest.mark.parametrize(
    "damage",
    [
        damage_height, damage_chain, damage_header, damage_set, damage_order, damage_length,
        damage_nobody, damage_signatures, damage_flags, damage_addresses, damage_times,
        damage_round,
    ],
)  # fmt: skip
def test_damage_is_found(damage: Any) -> None:
    for height in (2, 7):
        block = make_block(height, FOUR)
        damage(block)
        assert verdict(make_block(1, FOUR), block) in ("InvalidHeader", "NotEnoughTrust")


def test_one_bad_signature_makes_no_difference() -> None:
    for height in (2, 7):
        block = make_block(height, FOUR)
        block.signed.commit.signatures[0].signature = b"bad"
        assert verdict(make_block(1, FOUR), block) == "good"


def test_a_trusted_validator_votes_once() -> None:
    few = make_signers([1, 1, 1, 1, 1, 1])
    block = make_block(9, few)
    for place in (1, 2, 3):
        block.signed.commit.signatures[place].CopyFrom(block.signed.commit.signatures[0])
    assert verdict(make_block(1, few), block) == "InvalidHeader"


def test_a_large_set_is_rejected_before_its_signatures() -> None:
    crowd = make_signers([1] * 201)
    assert verdict(make_block(1, crowd), make_block(2, crowd)) == "InvalidHeader"


@examples(300)
@given(st.binary(max_size=300), st.integers(0, 400), st.binary(max_size=4))
def test_no_bytes_raise_anything_else(noise: bytes, at: int, put: bytes) -> None:
    """A header from the wire, with anything in it."""
    good = make_block(2, FOUR)
    data = good.signed.SerializeToString()
    for content in (noise, data[:at] + put + data[at + len(put) :]):
        try:
            signed = SignedHeader.FromString(content)
        except DecodeError:
            continue
        good.signed.CopyFrom(signed)
        verdict(make_block(1, FOUR), good)


def test_backwards_by_hashes() -> None:
    earlier = make_block(4, FOUR).signed.header
    later = make_block(5, FOUR).signed.header
    later.last_block_id.CopyFrom(make_id(light.compute_header_hash(earlier)))
    light.verify_backwards(later, earlier)
    for name, value in (("app_hash", b"x" * 32), ("height", 3), ("chain_id", "other")):
        changed = type(earlier)()
        changed.CopyFrom(earlier)
        setattr(changed, name, value)
        with pytest.raises(light.InvalidHeaderError):
            light.verify_backwards(later, changed)


def test_a_commit_alone() -> None:
    block = make_block(3, FOUR)
    light.verify_commit(CHAIN_ID, block.signed.commit, validators_of(FOUR))
    assert block.signed.commit.signatures[0].block_id_flag == COMMIT


@pytest.mark.parametrize("count", range(1, 20))
def test_transactions_are_in_the_tree_of_a_block(count: int) -> None:
    """Against a tree that is built in the plainest way."""
    from hashlib import sha256

    def root(items: list[bytes]) -> bytes:
        if len(items) == 1:
            return sha256(b"\x00" + items[0]).digest()
        middle = 1
        while middle * 2 < len(items):
            middle *= 2
        return sha256(b"\x01" + root(items[:middle]) + root(items[middle:])).digest()

    def list_aunts(items: list[bytes], index: int) -> list[bytes]:
        if len(items) == 1:
            return []
        middle = 1
        while middle * 2 < len(items):
            middle *= 2
        if index < middle:
            return [*list_aunts(items[:middle], index), root(items[middle:])]
        return [*list_aunts(items[middle:], index - middle), root(items[:middle])]

    txs = [bytes([number]) * 5 for number in range(count)]
    leaves = [sha256(tx).digest() for tx in txs]
    data_hash = root(leaves)
    assert light.compute_merkle_root(leaves) == data_hash
    for index, tx in enumerate(txs):
        aunts = list_aunts(leaves, index)
        assert light.verify_tx(data_hash, tx, index, count, aunts)
        assert not light.verify_tx(data_hash, b"other", index, count, aunts)
        assert not light.verify_tx(data_hash, tx, index, count, [*aunts, bytes(32)])
        assert not light.verify_tx(data_hash, tx, index, 0, aunts)
        if count > 1:
            assert not light.verify_tx(data_hash, tx, (index + 1) % count, count, aunts)
