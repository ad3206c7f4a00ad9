"""Every command of every page, typed from top to bottom into the street that README.md starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node_config.cometbft.toolchain import ToolchainError, cometbft_binary
from node_config.localnet.background import ENV, is_running
from tests.docs.pages import ROOT, RUN, list_pages, read_blocks
from tests.docs.shell import PageError, Shell

pytestmark = pytest.mark.docs

README = ROOT / "README.md"
HOME = ".localnet"
# The tutorial's numbers are those of a slot in which nobody else trades.
FIRST = [ROOT / "docs" / "first-trade.md"]
PAGES = [*FIRST, *(page for page in list_pages() if page not in (README, *FIRST))]
PAGES = [
    page
    for page in PAGES
    if any(block.language in RUN and not block.reason for block in read_blocks(page.read_text()))
]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell after the commands of README.md, which start the street."""
    try:
        cometbft_binary()
    except ToolchainError as error:
        pytest.skip(str(error))
    shell = Shell.make(tmp_path_factory.mktemp("docs"))
    home = shell.folder / HOME
    try:
        shell.run(name(README), read_blocks(README.read_text()))
        yield Shell(shell.folder, f". {home / ENV}")
    finally:
        if home.exists() and is_running(home):
            shell.run(
                "the end",
                read_blocks(f"```sh\n.venv/bin/blockenergy localnet stop --home {HOME}\n```"),
            )
    assert not is_running(home)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page(street: Shell, page: Path) -> None:
    street.run(name(page), read_blocks(page.read_text()))


def test_a_page_that_is_wrong_is_found(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    fails, lies = "```sh\ntrue\nfalse\n```\n", "```sh\necho 2\n```\n\n```text\n3\n```\n"
    with pytest.raises(PageError, match=r"page:1: a command ended with 1"):
        shell.run("page", read_blocks(fails))
    with pytest.raises(PageError, match=r"the page shows\n    3\nbut it printed\n2"):
        shell.run("page", read_blocks(lies))
