"""What tests of the web API share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from served import Served, serving
from street_node import StreetNode

from dashboard.model.accounts import SERVER_METADATA
from dashboard.model.tables import open_tables
from tests.support.world import World


@pytest.fixture
def served(make_place: Callable[[], str]) -> Iterator[Served]:
    with StreetNode(World()).running() as node:
        assert isinstance(node, StreetNode)
        with serving(node, open_tables(make_place(), SERVER_METADATA)) as running:
            yield running
