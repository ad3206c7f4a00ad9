"""The logarithmic scoring rule in whole numbers: against published figures, against decimals of
sixty digits, and what no sequence of trades can do.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, localcontext
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.forecast import lmsr
from tests.support.properties import examples

TOKEN = 1_000_000


class Book(NamedTuple):
    """A market maker: its depth, and what it has sold."""

    beta: int
    shares: list[int]


betas = st.one_of(st.integers(100_000, 10_000_000), st.integers(100_000, 1 << 48))


@st.composite
def books(draw: st.DrawFn) -> Book:
    """Markets of all sizes, from close races to foregone conclusions."""
    beta = draw(betas)
    count = draw(st.integers(2, lmsr.OUTCOMES_MAX))
    most = draw(st.sampled_from([10, beta, 30 * beta, 200 * beta]))
    return Book(beta, draw(st.lists(st.integers(0, most), min_size=count, max_size=count)))


def cost(beta: int, before: list[int], after: list[int]) -> int:
    return lmsr.compute_cost(after, beta) - lmsr.compute_cost(before, beta)


@pytest.mark.parametrize(
    ("beta", "before", "after", "expected"),
    [
        (69_314_718, [0, 0], [10, 0], 5_124_948),
        (69_314_718, [0, 0], [1000, 0], 930_689_822),
        (34_657_359, [0, 0, 0, 0], [20, 0, 0, 0], 5_798_233),
        (6_931_472, [5, 3], [6, 3], 562_164),
        (69_314_718, [5, 3], [6, 3], 506_250),
        (1_386_294, [0] * 16, [3] + [0] * 15, 393_773),
        (2_079_442, [7, 1, 0, 2], [7, 1, 5, 2], 770_958),
    ],
)
def test_published_costs(beta: int, before: list[int], after: list[int], expected: int) -> None:
    tokens = [[TOKEN * sold for sold in shares] for shares in (before, after)]
    assert cost(beta, *tokens) == expected


@pytest.mark.parametrize(("outcomes", "doublings"), [(2, 1), (4, 2), (8, 3), (16, 4)])
def test_funding_is_exact_for_powers_of_two(outcomes: int, doublings: int) -> None:
    assert lmsr.compute_funding(outcomes, 10 * TOKEN) == doublings * 10 * TOKEN


def compute_exactly(book: Book) -> Decimal:
    """C before it is rounded up, with sixty digits."""
    most = max(book.shares)
    with localcontext() as context:
        context.prec = 60
        powers = [Decimal(2) ** (Decimal(sold - most) / book.beta) for sold in book.shares]
        return most + book.beta * sum(powers).ln() / Decimal(2).ln()


@given(books())
@examples(300)
def test_costs_are_those_of_the_formula(book: Book) -> None:
    exact = compute_exactly(book)
    rounded = int(exact.to_integral_value(ROUND_CEILING))
    found = lmsr.compute_cost(book.shares, book.beta)
    # What is below the last binary digit is lost: at most a hundred of them for each outcome.
    lost = Decimal(book.beta) * 100 * lmsr.OUTCOMES_MAX / 2**64
    assert found == rounded or (rounded - 1 == found and exact - found <= lost)


@given(books(), st.lists(st.tuples(st.integers(0, 15), st.integers(-500, 1_000)), max_size=12))
@examples(100)
def test_no_loop_of_trades_gains(book: Book, trades: list[tuple[int, int]]) -> None:
    shares, paid = list(book.shares), 0
    for number, change in trades:
        outcome = number % len(shares)
        after = lmsr.trade(shares, outcome, max(change, -shares[outcome]))
        paid += cost(book.beta, shares, after)
        shares = after
    # Back to where it began, one outcome after the other.
    for outcome, sold in enumerate(book.shares):
        after = lmsr.trade(shares, outcome, sold - shares[outcome])
        paid += cost(book.beta, shares, after)
        shares = after
    assert paid == 0


@given(books(), st.integers(1, 10**9))
@examples(200)
def test_a_full_set_costs_what_it_pays(book: Book, number: int) -> None:
    assert cost(book.beta, book.shares, [sold + number for sold in book.shares]) == number


@given(books(), st.integers(0, 15), st.one_of(st.integers(1, 20), st.integers(1, 10**9)))
@examples(300)
def test_a_share_costs_no_more_than_it_can_pay(book: Book, outcome: int, number: int) -> None:
    after = lmsr.trade(book.shares, outcome % len(book.shares), number)
    assert 0 <= cost(book.beta, book.shares, after) <= number + 1


@given(books())
@examples(300)
def test_the_maker_has_what_it_may_have_to_pay_and_loses_no_more_than_its_funding(
    book: Book,
) -> None:
    money = lmsr.compute_cost(book.shares, book.beta)
    funding = lmsr.compute_funding(len(book.shares), book.beta)
    assert money >= max(book.shares)
    taken_in = money - funding
    assert max(book.shares) - taken_in <= funding


@given(books())
@examples(200)
def test_prices_are_probabilities(book: Book) -> None:
    prices = lmsr.compute_prices_micro(book.shares, book.beta)
    assert TOKEN - len(prices) <= sum(prices) <= TOKEN
    pairs = sorted(zip(book.shares, prices, strict=True))
    assert [price for _, price in pairs] == sorted(prices)
