"""What became of the transactions of the last block, by the names of the rejections."""

from __future__ import annotations

from tests.support.vectors import ERRORS
from tests.support.world import World


def rejections(world: World) -> list[str]:
    """For each transaction the name of its error code; empty where it succeeded."""
    return [
        ERRORS[result.codespace].Name(result.code) if result.code else ""
        for result in world.results
    ]
