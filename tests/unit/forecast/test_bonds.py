"""Disputes: every tree of them up to five rounds, and what comes back to whom."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from chain.forecast.prediction.rules import Bond, find_outcome, share_bonds

BOND = 7
ROUNDS = 5
OUTCOMES = range(3)


def list_trees() -> list[list[Bond]]:
    """A report and up to five disputes, each for another outcome than the one before, each with
    twice its bond.
    """
    return [
        [Bond(outcome, BOND << place) for place, outcome in enumerate(stated)]
        for rounds in range(1, ROUNDS + 2)
        for stated in product(OUTCOMES, repeat=rounds)
        if all(one != other for one, other in pairwise(stated))
    ]


@pytest.mark.parametrize("final", [None, *OUTCOMES])
def test_bonds_are_conserved_and_whoever_was_right_never_loses(final: int | None) -> None:
    trees = list_trees()
    assert len(trees) == 3 * (1 + 2 + 4 + 8 + 16 + 32)
    for bonds in trees:
        shares = share_bonds(bonds, final)
        assert sum(shares) == sum(bond.amount for bond in bonds)
        assert min(shares) >= 0
        was_stated = final in [bond.outcome for bond in bonds]
        for bond, share in zip(bonds, shares, strict=True):
            if bond.outcome == final or not was_stated:
                assert share >= bond.amount
            else:
                assert share == 0


def test_bonds_of_wrong_outcomes_are_shared_in_proportion() -> None:
    bonds = [Bond(0, 1), Bond(1, 2), Bond(0, 4), Bond(1, 8)]
    assert share_bonds(bonds, 1) == [0, 3, 0, 12]
    # 10 as 1 to 4, and the remainder to the first.
    assert share_bonds(bonds, 0) == [3, 0, 12, 0]


def test_outcomes_cover_everything() -> None:
    bounds = [-5, 0, 1000]
    assert [find_outcome(bounds, value) for value in (-6, -5, -1, 0, 999, 1000, 10**9)] == [
        *(0, 1, 1, 2, 2, 3, 3)
    ]
