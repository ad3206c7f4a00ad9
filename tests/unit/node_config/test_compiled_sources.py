"""Which files are compiled: a pattern that finds nothing would only show as a slow node."""

from __future__ import annotations

import pytest

from node_config.compiled import FILES, NATIVE, ROOT


@pytest.mark.parametrize("pattern", [*FILES, NATIVE])
def test_every_pattern_finds_files(pattern: str) -> None:
    assert list(ROOT.glob(pattern)), f"{pattern} names no file"
