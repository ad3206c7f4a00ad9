"""Sums of rounded quotients in closed form, so that a linear order needs no loop over its Wh."""

from __future__ import annotations


def floor_sum(count: int, divisor: int, step: int, first: int) -> int:
    """The sum of floor((step i + first) / divisor) for i from 0 to count - 1.

    Neither step nor first may be negative. The sum counts the lattice points below a line. Its
    whole part is a triangle and a rectangle; of the rest the axes change places, which leads to a
    smaller problem of the same form, as in Euclid's algorithm (Graham, Knuth, Patashnik, Concrete
    Mathematics, section 3.5).
    """
    total = 0
    while count > 0:
        total += count * (count - 1) // 2 * (step // divisor) + count * (first // divisor)
        step, first = step % divisor, first % divisor
        count, first = divmod(step * count + first, divisor)
        divisor, step = step, divisor
    return total


def ceil_sum(count: int, divisor: int, step: int, first: int) -> int:
    """The sum of ceil((step i + first) / divisor) for i from 0 to count - 1."""
    return floor_sum(count, divisor, step, first + divisor - 1)
