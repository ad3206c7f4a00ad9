"""A proposer that lies, against the application: blocks with garbage, twice the same, too much.

Nothing of it is accepted. Should more than two thirds have accepted it all the same, the block
changes nothing but what its good transactions change, and no application stops or differs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tendermint.abci import types_pb2 as abci

from tests.chaos.support.applications import Applications

ROUNDS = 12
TX_BYTES_MAX = 262_144
BLOCK_BYTES = 4 * 1024 * 1024

Lie = Callable[[Applications, list[bytes], random.Random], list[bytes]]


@pytest.fixture
def apps(tmp_path: Path) -> Iterator[Applications]:
    apps = Applications(tmp_path)
    yield apps
    apps.close()


def insert(txs: list[bytes], raw: bytes, chance: random.Random) -> list[bytes]:
    place = chance.randint(0, len(txs))
    return [*txs[:place], raw, *txs[place:]]


def choose(txs: list[bytes], chance: random.Random) -> int:
    """The place of a transaction that has something in it."""
    return chance.choice([number for number, raw in enumerate(txs) if raw])


def garbage(apps: Applications, txs: list[bytes], chance: random.Random) -> list[bytes]:
    return insert(txs, chance.randbytes(chance.randint(1, 500)), chance)


def nothing(apps: Applications, txs: list[bytes], chance: random.Random) -> list[bytes]:
    return insert(txs, b"", chance)


def first_injected(apps: Applications, txs: list[bytes], chance: random.Random) -> list[bytes]:
    """As proposers do that put a transaction of their own, signed by nobody, before all others."""
    return [b"\x0a\x04vote" + chance.randbytes(64), *txs]


def one_bit_changed(apps: Applications, txs: list[bytes], chance: random.Random) -> list[bytes]:
    number = choose(txs, chance)
    changed = bytearray(txs[number])
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return [*txs[:number], bytes(changed), *txs[number + 1 :]]


def cut_short(apps: Applications, txs: list[bytes], chance: random.Random) -> list[bytes]:
    number = choose(txs, chance)
    return [*txs[:number], txs[number][: chance.randrange(len(txs[number]))], *txs[number + 1 :]]


def bytes_appended(apps: Applications, txs: list[bytes], chance: random.Random) -> list[bytes]:
    number = choose(txs, chance)
    return [*txs[:number], txs[number] + chance.randbytes(3), *txs[number + 1 :]]


def duplicates(apps: Applications, txs: list[bytes], chance: random.Random) -> list[bytes]:
    return insert(txs, chance.choice(txs), chance)


def wrong_order(apps: Applications, txs: list[bytes], chance: random.Random) -> list[bytes]:
    """Each household's first payment comes last."""
    return txs[::-1]


def one_left_out(apps: Applications, txs: list[bytes], chance: random.Random) -> list[bytes]:
    """So that the same household's next payment has a sequence too high."""
    return txs[1:]


def committed_before(apps: Applications, txs: list[bytes], chance: random.Random) -> list[bytes]:
    assert not any(result.code for result in apps.execute(txs).tx_results)
    return txs


def of_another_chain(apps: Applications, txs: list[bytes], chance: random.Random) -> list[bytes]:
    return apps.make_payments(1, chain_id="elsewhere")


def one_too_large(apps: Applications, txs: list[bytes], chance: random.Random) -> list[bytes]:
    return insert(txs, txs[0] + bytes(TX_BYTES_MAX), chance)


def a_block_too_large(apps: Applications, txs: list[bytes], chance: random.Random) -> list[bytes]:
    size = 64 * 1024
    return [*txs, *(chance.randbytes(size) for _ in range(BLOCK_BYTES // size + 1))]


LIES: list[Lie] = [
    garbage,
    nothing,
    first_injected,
    one_bit_changed,
    cut_short,
    bytes_appended,
    duplicates,
    wrong_order,
    one_left_out,
    committed_before,
    of_another_chain,
    one_too_large,
    a_block_too_large,
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_lie_is_rejected_and_would_do_no_harm(
    apps: Applications, chance: random.Random, lie: Lie
) -> None:
    for _ in range(ROUNDS if lie is not a_block_too_large else 1):
        good = apps.make_payments(2)
        assert apps.accept(good)
        bad = lie(apps, good, chance)
        assert not apps.accept(bad)
        # Asking changes nothing.
        assert apps.accept(good) == (lie is not committed_before)
        codes = [result.code for result in apps.execute(bad).tx_results]
        assert any(codes)
        # What was good in it may have been executed, and only that.
        assert not any(code == 0 for raw, code in zip(bad, codes, strict=True) if raw not in good)
        assert not any(result.code for result in apps.execute(apps.make_payments(1)).tx_results)


def test_lies_on_top_of_each_other(apps: Applications, chance: random.Random) -> None:
    for _ in range(ROUNDS):
        txs = apps.make_payments(2)
        for lie in chance.sample([garbage, duplicates, cut_short, nothing, one_bit_changed], 3):
            txs = lie(apps, txs, chance)
        assert not apps.accept(txs)
        apps.execute(txs)


def test_evidence_of_misbehaviour_becomes_an_event_that_can_be_searched(
    apps: Applications,
) -> None:
    found = abci.Misbehavior(
        type=abci.MisbehaviorType.DUPLICATE_VOTE,
        validator=abci.Validator(address=bytes(range(20)), power=10),
        height=1,
        total_voting_power=40,
    )
    events = apps.execute([], misbehavior=[found]).events
    (event,) = [event for event in events if event.type == "misbehavior"]
    assert {one.key: one.value for one in event.attributes} == {
        "type": "DUPLICATE_VOTE",
        "validator": bytes(range(20)).hex().upper(),
        "height": "1",
        "voting_power": "10",
        "total_voting_power": "40",
    }
    assert all(one.index for one in event.attributes)
