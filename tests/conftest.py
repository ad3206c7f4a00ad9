"""What tests of several folders share.

Failures inside the shared helpers of tests show what differs, as those inside tests do.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from node_config.compiled import build, find_obstacle

# Tests reach servers on loopback only, and children as well; those about proxies set them anew.
for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]

# An example that takes long on a busy machine has found nothing.
settings.register_profile("without a deadline", deadline=None)
settings.load_profile("without a deadline")

pytest.register_assert_rewrite("tests.support.vectors", "tests.support.world")


@pytest.fixture(scope="session")
def compiled() -> Path:
    """The folder with the compiled rules of these sources."""
    if obstacle := find_obstacle():
        pytest.skip(f"the rules cannot be compiled: {obstacle}")
    return build()


# Their tests share what they build and the networks that they start.
WITH_PROCESSES = ("agents", "bridge", "clients", "docs", "node")


class ByFolder(LoadScopeScheduling):  # type: ignore[misc]
    """Shares tests out to processes: folders that start networks as one, the others by file. `make
    test` leaves them in their order, in which those that take long are not the last.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.split("/")[1]
        return folder if folder in WITH_PROCESSES else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFolder:
    return ByFolder(config, log)
