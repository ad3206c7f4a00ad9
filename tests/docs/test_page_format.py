"""How the commands of the pages are found, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import (
    OTHER,
    ROOT,
    RUN,
    find_hidden_commands,
    find_missing,
    list_pages,
    read_blocks,
)

PAGES = list_pages()
# Containers, measurements, suites, units of systemd and second networks.
SKIPPED_MAX = 54
PAGE = """\
```sh
blockenergy status
```

```text
height  ...
chain   x
```

<!-- not run: it takes a day -->
```sh
sleep 86400
```
"""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_a_block_its_output_and_a_reason() -> None:
    status, sleep = read_blocks(PAGE)
    assert (status.line, status.text, status.reason) == (1, "blockenergy status", "")
    assert status.shown == ("height  ...", "chain   x")
    assert (sleep.text, sleep.reason) == ("sleep 86400", "it takes a day")


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        (("height 7", "chain x"), ""),
        (("height ...",), ""),
        (("chain x", "height 7"), "height 7"),
        (("height",), "height"),
        (("chain ... y",), "chain ... y"),
    ],
)
def test_an_output_is_compared_by_lines(shown: tuple[str, ...], missing: str) -> None:
    assert find_missing(shown, "height   7\nother\nchain x\n") == missing


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_is_in_a_block_that_can_be_run(page: Path) -> None:
    text = page.read_text()
    assert not find_hidden_commands(text), "put it into a fenced block of sh"
    unknown = {block.language for block in read_blocks(text)} - {*RUN, *OTHER}
    assert not unknown, "say sh, python or what else it is"


def test_few_blocks_are_not_run() -> None:
    blocks = [
        (name(page), block)
        for page in PAGES
        for block in read_blocks(page.read_text())
        if block.language in RUN
    ]
    skipped = [f"{page}:{block.line}: {block.reason}" for page, block in blocks if block.reason]
    assert len(skipped) < SKIPPED_MAX, "\n".join(skipped)
