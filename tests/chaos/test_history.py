"""The check of histories finds what it is for: lost, doubled, reordered and invented effects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.support.observed.history import (
    UNKNOWN,
    History,
    Place,
    Read,
    Transfer,
    check_invariants,
)

START = {"anna": 100, "ben": 100}
FIRST = Transfer("anna", "ben", 10, 0.0, 1.0, (b"1",), height=5)
SECOND = Transfer("ben", "anna", 3, 2.0, 3.0, (b"2",), height=6)
COMMITTED = {b"1": Place(5, 0), b"2": Place(6, 0)}
READ = Read("node0", "anna", 93, 6, 2.5, 3.5, is_newest=True)


def check(*operations: Transfer | Read, committed: dict[bytes, Place] | None = None) -> list[str]:
    transfers = [one for one in operations if isinstance(one, Transfer)]
    reads = [one for one in operations if isinstance(one, Read)]
    return check_invariants(History(START, transfers, reads), committed or COMMITTED)


def test_a_history_that_the_chain_explains_is_linearizable() -> None:
    assert check(FIRST, SECOND, READ) == []
    # Operations that overlap may take effect in either order.
    assert check(replace(FIRST, returned_s=9.0, height=7), SECOND, committed={
        b"1": Place(7, 0), b"2": Place(6, 0)
    }) == []  # fmt: skip


def test_an_answer_that_was_lost_may_or_may_not_have_had_an_effect() -> None:
    lost = replace(FIRST, returned_s=UNKNOWN, height=0)
    assert check(lost, SECOND, READ) == []
    assert check(replace(lost, hashes=(b"never",)), SECOND, replace(READ, amount=103)) == []
    assert check(lost, SECOND, READ, committed={b"1": Place(99, 0), b"2": Place(6, 0)})


def test_an_old_balance_is_right_unless_it_was_to_be_the_newest() -> None:
    old = Read("node1", "anna", 90, 5, 8.0, 9.0, is_newest=False)
    assert check(FIRST, SECOND, old) == []
    assert "ended" in check(FIRST, SECOND, READ, replace(READ, invoked_s=8.0, returned_s=9.0,
        height=5, amount=90))[0]  # fmt: skip


@pytest.mark.parametrize(
    ("operations", "problem"),
    [
        pytest.param([replace(FIRST, hashes=(b"gone",))], "is at \\[\\]", id="lost"),
        pytest.param([replace(FIRST, hashes=(b"1", b"2"))], "twice", id="doubled"),
        pytest.param([replace(FIRST, height=6)], "reported at height 6", id="moved"),
        pytest.param([replace(FIRST, height=0, rejection="no")], "was rejected", id="rejected"),
        pytest.param([FIRST, SECOND, replace(READ, amount=100)], "had 93", id="wrong balance"),
        pytest.param([replace(FIRST, amount=101)], "more than it had", id="overdrawn"),
        pytest.param(
            [replace(FIRST, invoked_s=4.0, returned_s=5.0), SECOND], "comes earlier", id="reordered"
        ),
        pytest.param(
            [FIRST, SECOND, READ, Read("node0", "anna", 90, 5, 4.0, 5.0, is_newest=False)],
            "later 5",
            id="a node that goes back",
        ),
    ],
)
def test_a_contradiction_is_found(operations: list[Transfer | Read], problem: str) -> None:
    problems = check(*operations)
    with pytest.raises(AssertionError, match=problem):
        assert not problems, "\n".join(problems)
