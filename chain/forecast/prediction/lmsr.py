"""The logarithmic scoring rule as a market maker, in whole numbers. Nothing here reads state.

With q_i shares sold of each outcome the market has taken in

    C(q) = max q + ceil(beta log2(sum of 2^((q_i - max q) / beta)))

and a trade costs, or brings, the difference of C. C is one exact function of the shares, so no
sequence of trades gains by rounding; it is never below max q, which is the most that can have to be
paid; and C(0), which the creator puts in, is the most that the maker can lose.

Powers and logarithms have 64 binary digits after the point and are rounded down.
"""

from __future__ import annotations

from collections.abc import Sequence

from chain.runtime.units import MICRO, ceil_div

OUTCOMES_MAX = 16
_BITS = 64
_ONE = 1 << _BITS
# A term below it is zero.
_HALVINGS_MAX = _BITS
# Powers are looked up by eight binary digits of their exponent at a time.
_CHUNK_BITS = 8
_CHUNK = 1 << _CHUNK_BITS
# The tables are made with twice the digits.
_FINE_BITS = 2 * _BITS


def compute_cost(shares: Sequence[int], beta: int) -> int:
    """C: what a market with these shares has taken in, its funding included; in millionths."""
    most = max(shares)
    total = sum([_compute_power(most - sold, beta) for sold in shares])
    return most + ceil_div(beta * _compute_log2(total), _ONE)


def compute_funding(outcomes: int, beta: int) -> int:
    """C(0): the most that the market maker can lose."""
    return compute_cost([0] * outcomes, beta)


def trade(shares: Sequence[int], outcome: int, change: int) -> list[int]:
    """The shares after a purchase; negative: after a sale."""
    after = list(shares)
    after[outcome] += change
    return after


def compute_prices_micro(shares: Sequence[int], beta: int) -> list[int]:
    """The price of a share of each outcome, in millionths of what it can pay; rounded down."""
    most = max(shares)
    powers = [_compute_power(most - sold, beta) for sold in shares]
    total = sum(powers)
    return [power * MICRO // total for power in powers]


def _compute_power(below: int, beta: int) -> int:
    """2^(-below / beta)."""
    halvings, rest = divmod(below, beta)
    if halvings > _HALVINGS_MAX:
        return 0
    exponent = (rest << _BITS) // beta
    power = _ONE
    for table in _POWERS:
        chunk = exponent & (_CHUNK - 1)
        if chunk:
            power = power * table[chunk] >> _BITS
        exponent >>= _CHUNK_BITS
    return power >> halvings


def _compute_log2(number: int) -> int:
    """The logarithm of a number of at least 1, by squaring: whenever the square passes 2, the next
    binary digit is one.
    """
    whole = number.bit_length() - 1 - _BITS
    rest = number >> whole
    digits = 0
    for place in range(_BITS - 1, -1, -1):
        if rest == _ONE:
            break
        rest = rest * rest >> _BITS
        if rest >> (_BITS + 1):
            rest >>= 1
            digits |= 1 << place
    return (whole << _BITS) | digits


def _compute_square_root(number: int) -> int:
    """The largest whole number whose square is not above a number."""
    root = 1 << (number.bit_length() + 1) // 2
    while True:
        better = (root + number // root) // 2
        if better >= root:
            return root
        root = better


def _make_powers() -> tuple[tuple[int, ...], ...]:
    """For each chunk of an exponent, the least significant first: 2^-x of each value of it."""
    # 2^-(2^-k) for the k-th binary digit after the point, from square roots.
    roots = []
    root = 1 << (_FINE_BITS - 1)
    for _ in range(_BITS):
        root = _compute_square_root(root << _FINE_BITS)
        roots.append(root)
    tables = []
    for last in range(_BITS, 0, -_CHUNK_BITS):
        entries = [1 << _FINE_BITS]
        for digit in range(_CHUNK_BITS):
            factor = roots[last - 1 - digit]
            entries += [entry * factor >> _FINE_BITS for entry in entries]
        tables.append(tuple([entry >> _BITS for entry in entries]))
    return tuple(tables)


_POWERS = _make_powers()
