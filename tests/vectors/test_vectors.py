"""Every vector, run through the chain; tests/support/vectors.py says how to read one."""

from __future__ import annotations

import pytest

from tests.support import vectors
from tests.support.vectors import Vector


@pytest.mark.parametrize("vector", vectors.load_all(), ids=lambda vector: vector.name)
def test_vector(vector: Vector) -> None:
    vectors.run(vector)
