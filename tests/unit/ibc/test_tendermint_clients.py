"""What a client of another chain takes, and what freezes it."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from tendermint.types.types_pb2 import SignedHeader

from chain import light
from chain.ibc import tendermint
from chain.ibc.tendermint import (
    ClientError,
    ClientState,
    ConsensusState,
    Height,
    SignedUpdate,
    Status,
)
from tests.support.others.headers import (
    CHAIN_ID,
    START_S,
    Block,
    make_block,
    make_signers,
    validators_of,
)

HOUR_NS = 3600 * light.NS_PER_S
NOW_NS = (START_S + 100) * light.NS_PER_S
FOUR = make_signers([10, 10, 10, 10])
OTHERS = make_signers([10, 10, 10, 10], first=50)
CLIENT = ClientState(CHAIN_ID, (1, 3), HOUR_NS, 2 * HOUR_NS, 10 * light.NS_PER_S, Height(1, 1))


def keep(block: Block) -> ConsensusState:
    header = block.signed.header
    return ConsensusState(
        light.get_time_ns(header.time), header.app_hash, header.next_validators_hash
    )


FIRST = keep(make_block(1, FOUR))
GENESIS = Height(1, 1)
GOOD = make_block(9, FOUR)


def update(block: Block, trusted_height: Height = GENESIS) -> SignedUpdate:
    return SignedUpdate(block.signed, block.validators, trusted_height, validators_of(FOUR))


def test_a_client_begins_with_sound_figures() -> None:
    tendermint.require_valid(CLIENT, FIRST, NOW_NS)
    wrong = (
        {"chain_id": ""},
        {"chain_id": "a" * 50 + "-1"},
        {"chain_id": "street-2"},
        {"trust": (1, 4)},
        {"trust": (2, 1)},
        {"trust": (0, 0)},
        {"trusting_period_ns": 0},
        {"trusting_period_ns": 2 * HOUR_NS},
        {"clock_drift_ns": 0},
        {"latest": Height(1, 0)},
        {"latest": Height(2, 1)},
        {"frozen": True},
    )
    for change in wrong:
        with pytest.raises(ClientError):
            tendermint.require_valid(replace(CLIENT, **change), FIRST, NOW_NS)  # type: ignore[arg-type]
    for other in (
        replace(FIRST, root=b"short"),
        replace(FIRST, next_validators_hash=b""),
        replace(FIRST, time_ns=NOW_NS - HOUR_NS),
    ):
        with pytest.raises(ClientError):
            tendermint.require_valid(CLIENT, other, NOW_NS)


def test_status() -> None:
    frozen = replace(CLIENT, frozen=True)
    end_ns = FIRST.time_ns + HOUR_NS
    assert tendermint.get_status(CLIENT, FIRST, end_ns - 1) is Status.ACTIVE
    assert tendermint.get_status(CLIENT, FIRST, end_ns) is Status.EXPIRED
    assert tendermint.get_status(CLIENT, None, 0) is Status.EXPIRED
    assert tendermint.get_status(frozen, FIRST, end_ns) is Status.FROZEN


@pytest.mark.parametrize("height", [2, 9])
def test_a_header_that_follows_is_kept(height: int) -> None:
    block = make_block(height, FOUR, OTHERS)
    assert tendermint.verify_update(CLIENT, FIRST, update(block), NOW_NS) == keep(block)


def test_a_header_that_does_not_follow() -> None:
    good = make_block(9, FOUR)
    wrong = (
        (update(make_block(9, OTHERS)), NOW_NS),
        (update(make_block(2, FOUR, absent=[0, 1])), NOW_NS),
        (update(good), NOW_NS + HOUR_NS),
        (update(good), light.get_time_ns(good.signed.header.time) - CLIENT.clock_drift_ns),
        (update(good, Height(1, 9)), NOW_NS),
        (update(good, Height(2, 1)), NOW_NS),
        (update(good)._replace(trusted_validators=validators_of(OTHERS)), NOW_NS),
        (update(good)._replace(trusted_validators=[]), NOW_NS),
        (update(make_block(9, FOUR, chain_id="street-2")), NOW_NS),
        (update(make_block(9, FOUR, chain_id="alley-1")), NOW_NS),
        (update(make_block(9, FOUR, app_hash=b"short")), NOW_NS),
    )
    for one, now_ns in wrong:
        with pytest.raises(ClientError):
            tendermint.verify_update(CLIENT, FIRST, one, now_ns)


def test_what_contradicts_what_is_known() -> None:
    new = ConsensusState(10, b"r" * 32, b"v" * 32)
    early, late = replace(new, time_ns=9), replace(new, time_ns=11)
    assert not tendermint.contradicts(new, known=None, before=None, after=None)
    assert not tendermint.contradicts(new, known=new, before=early, after=late)
    assert not tendermint.contradicts(new, known=None, before=early, after=late)
    assert tendermint.contradicts(new, known=replace(new, root=b"x" * 32), before=None, after=None)
    for before, after in ((new, late), (late, None), (early, new), (None, early)):
        assert tendermint.contradicts(new, known=None, before=before, after=after)


def verify_misbehaviour(first: Block, second: Block, now_ns: int = NOW_NS) -> None:
    pair = (FIRST, update(first)), (FIRST, update(second))
    tendermint.verify_misbehaviour(CLIENT, *pair, now_ns)


def test_misbehaviour() -> None:
    two = make_block(9, FOUR), make_block(9, FOUR, app_hash=b"\x09" * 32)
    verify_misbehaviour(*two)
    verify_misbehaviour(*reversed(two))
    stopped = Timestamp(seconds=START_S + 9, nanos=5)
    verify_misbehaviour(make_block(10, FOUR, time=stopped), two[0])
    wrong = (
        (two[0], two[0]),
        (make_block(10, FOUR), two[0]),
        (two[0], make_block(10, FOUR, time=stopped)),
        (two[0], make_block(9, OTHERS, app_hash=b"\x09" * 32)),
        (two[0], make_block(9, FOUR, absent=[0, 1], app_hash=b"\x09" * 32)),
        (two[0], make_block(9, FOUR, chain_id="alley-1")),
    )
    for first, second in wrong:
        with pytest.raises(ClientError):
            verify_misbehaviour(first, second)
    with pytest.raises(ClientError, match="trusting period"):
        verify_misbehaviour(*two, now_ns=NOW_NS + HOUR_NS)


@given(st.binary(min_size=1, max_size=4), st.integers(0, 2000))
def test_no_bytes_raise_anything_else(put: bytes, at: int) -> None:
    data = GOOD.signed.SerializeToString()
    at %= len(data)
    try:
        signed = SignedHeader.FromString(data[:at] + put + data[at + 1 :])
    except DecodeError:
        return
    changed = update(GOOD)._replace(signed_header=signed)
    try:
        kept = tendermint.verify_update(CLIENT, FIRST, changed, NOW_NS)
    except ClientError:
        kept = keep(GOOD)
    assert kept == keep(GOOD)
    with contextlib.suppress(ClientError):
        tendermint.verify_misbehaviour(CLIENT, (FIRST, changed), (FIRST, update(GOOD)), NOW_NS)
        pytest.fail("one header was taken for two")
