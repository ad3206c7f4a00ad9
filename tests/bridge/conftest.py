"""Fixtures of the bridge tests."""

import pytest

from tests.bridge.fakes import FakeChain


@pytest.fixture
def chain() -> FakeChain:
    chain = FakeChain()
    chain.add_meter()
    return chain
