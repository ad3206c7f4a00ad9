"""What a light client trusts, in one file that is written beside the old one and renamed.

The first header and the latest ones are kept: later headers are verified by the latest, those below
all backwards from the first.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from client.errors import MissingError, RpcError
from client.files import private_file
from client.files.json_input import parse_json
from client.light.provider import LightBlock, read_block
from client.node.rpc_types import MALFORMED

FILE = "light.json"
FILE_BYTES_MAX = 64 * 1024 * 1024
BLOCKS_MAX = 200
_HINT = "remove it, and trust a header again: blockenergy light trust"


@dataclass(frozen=True, slots=True)
class Settings:
    """Whom a light client asks, and for how long it trusts."""

    chain_id: str
    node: str
    witnesses: tuple[str, ...]
    trusting_period_s: int


class TrustStore:
    """Trusted blocks by height. Nothing is on disk before `save`."""

    def __init__(self, settings: Settings, blocks: Iterable[LightBlock] = ()) -> None:
        self.settings = settings
        self._blocks = {block.height: block for block in blocks}
        self._heights = sorted(self._blocks)

    def add(self, block: LightBlock) -> None:
        """Adds a verified block; the oldest but the first make room."""
        if block.height not in self._blocks:
            bisect.insort(self._heights, block.height)
        self._blocks[block.height] = block
        if len(self._heights) > BLOCKS_MAX:
            del self._blocks[self._heights.pop(1)]

    @property
    def heights(self) -> Sequence[int]:
        """The heights of all blocks, in ascending order."""
        return self._heights

    def get(self, height: int) -> LightBlock | None:
        """The block at a height."""
        return self._blocks.get(height)

    def find_below(self, height: int) -> LightBlock | None:
        """The highest block at or below a height."""
        at = bisect.bisect_right(self._heights, height)
        return self._blocks[self._heights[at - 1]] if at else None

    @property
    def first(self) -> LightBlock:
        """The block that was trusted first, or the lowest verified backwards from it."""
        return self._blocks[self._heights[0]]

    @property
    def latest(self) -> LightBlock:
        """The highest block."""
        return self._blocks[self._heights[-1]]


def save(store: TrustStore, path: Path) -> None:
    """Writes all of a store; raises MissingError if that fails."""
    settings = store.settings
    content = {
        "chain_id": settings.chain_id,
        "node": settings.node,
        "witnesses": list(settings.witnesses),
        "trusting_period_s": settings.trusting_period_s,
        "blocks": [block.raw for height in store.heights if (block := store.get(height))],
    }
    try:
        private_file.replace(path, json.dumps(content) + "\n")
    except OSError as error:
        raise MissingError(f"{path} cannot be written: {error.strerror}") from error


def load(path: Path) -> TrustStore:
    """Reads a store; raises MissingError if there is none, or if it cannot be used."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError as error:
        message = "no header is trusted yet; name one with blockenergy light trust"
        raise MissingError(message) from error
    except OSError as error:
        raise MissingError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return _parse(parse_json(content))
    except (*MALFORMED, RpcError) as error:
        raise MissingError(f"{path} cannot be used; {_HINT}") from error


def _parse(content: Mapping[str, object]) -> TrustStore:
    blocks, witnesses = content["blocks"], content["witnesses"]
    period_s = content["trusting_period_s"]
    if not (isinstance(blocks, list) and isinstance(witnesses, list) and isinstance(period_s, int)):
        raise TypeError("a value has another type")
    settings = Settings(
        chain_id=str(content["chain_id"]),
        node=str(content["node"]),
        witnesses=tuple(map(str, witnesses)),
        trusting_period_s=period_s,
    )
    store = TrustStore(settings, [read_block(block, "the file") for block in blocks])
    if not store.heights:
        raise ValueError("there is no block in it")
    return store
