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


# Tests in them share what they build or start for the whole session.
SHARING = ("agents", "clients/ics23", "clients/wallets", "docs")


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Shares tests out to processes by file, and folders that share something as one. `make test`
    leaves them in their order: those with networks, which mostly wait, come early and beside others
    that compute.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        shared = (folder for folder in SHARING if file.startswith(f"tests/{folder}/"))
        return next(shared, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)
