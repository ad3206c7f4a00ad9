"""What the tests of the application share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.application.driven_node import Node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node after its first block."""
    node = Node(tmp_path / "state")
    node.begin()
    yield node
    node.stop()
