"""docs/promises.md names tests; each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "promises.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+)`", PAGE)))


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 20


@pytest.mark.parametrize("name", NAMED)
def test_what_the_page_names_is_there(name: str) -> None:
    path = ROOT / name
    files = [path] if path.is_file() else sorted(path.glob("test_*.py"))
    assert any(re.search(r"^(    )?def test_", f.read_text(), re.MULTILINE) for f in files)


def test_every_promise_has_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]
    promises = [row for row in rows if not row.startswith("| promise ")]
    assert promises and all("`tests/" in row for row in promises)
