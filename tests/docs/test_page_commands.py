"""Every command of every page, typed from top to bottom into the street that README.md starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, RUN, list_pages, read_blocks
from tests.docs.shell import PageError, Shell

README = ROOT / "README.md"
# Their numbers are those of slots in which nobody else trades.
FIRST = [ROOT / "docs" / name for name in ("first-trade.md", "market.md")]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def has_commands(page: Path) -> bool:
    blocks = read_blocks(page.read_text())
    return any(block.language in RUN and not block.reason for block in blocks)


PAGES = [
    *FIRST,
    *(page for page in list_pages() if page not in (README, *FIRST) and has_commands(page)),
]


@pytest.mark.docs
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
