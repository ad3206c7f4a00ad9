"""Tests of the dashboard use the node on loopback that those of the client have."""

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "clients"))

from postgres import running_postgres


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    # Imported on use: where no browser is installed, its library may be missing too.
    from browsing import running_chromium

    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def make_database() -> Iterator[Callable[[], str]]:
    """Makes an empty database of PostgreSQL; skipped where that is not installed."""
    with running_postgres() as make:
        yield make


@pytest.fixture(params=["sqlite", "postgresql"])
def make_place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Where new tables are, in each of the two databases."""
    if request.param == "postgresql":
        made: Any = request.getfixturevalue("make_database")
        return lambda: str(made())
    numbers = itertools.count()
    return lambda: str(tmp_path / f"tables{next(numbers)}.sqlite")
