"""What tests of several folders share.

Failures inside the shared helpers of tests show what differs, as those inside tests do.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from node_config.compiled import build, find_obstacle

# Tests reach servers on loopback only, and children as well; those about proxies set them anew.
for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]

pytest.register_assert_rewrite("tests.support.vectors", "tests.support.world")


@pytest.fixture(scope="session")
def compiled() -> Path:
    """The folder with the compiled rules of these sources."""
    if obstacle := find_obstacle():
        pytest.skip(f"the rules cannot be compiled: {obstacle}")
    return build()


# Their tests start networks and mostly wait for them: one after the other, beside the rest.
WITH_PROCESSES = ("agents", "bridge", "clients", "docs", "node")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Share tests out to processes: one that starts networks, the others file by file."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        group = "networks" if folder in WITH_PROCESSES else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
