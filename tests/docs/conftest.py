"""The street that README.md starts, for all that runs in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from node_config.localnet.background import ENV, is_running
from tests.docs.pages import ROOT, read_blocks
from tests.docs.shell import Shell
from tests.support.running.networks import require_cometbft

HOME = ".localnet"
STOP = f"```sh\n.venv/bin/blockenergy localnet stop --home {HOME}\n```"


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell after the commands of README.md."""
    require_cometbft()
    shell = Shell.make(tmp_path_factory.mktemp("docs"))
    home = shell.folder / HOME
    try:
        shell.run("README.md", read_blocks((ROOT / "README.md").read_text()))
        yield Shell(shell.folder, f". {home / ENV}")
    finally:
        if home.exists() and is_running(home):
            shell.run("the end", read_blocks(STOP))
    assert not is_running(home)
