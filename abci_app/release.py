"""A block that belongs to another release: the process stops, and says which release is needed.

Cosmovisor, which starts another release when one is needed, reads that from a file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from abci_app.protocol.application import OperatorError
from chain import app, upgrade
from chain.runtime.context import BlockInfo
from chain.runtime.state.store import Reader

# In the node's folder. Its form is that of the Cosmos SDK: a plan as JSON.
UPGRADE_INFO = Path("data") / "upgrade-info.json"
_NO_TIME = "0001-01-01T00:00:00Z"


class ReleaseNeededError(OperatorError):
    """A block belongs to another release. `info` is for the file; empty if no upgrade is due."""

    def __init__(self, text: str, info: str) -> None:
        super().__init__(text)
        self.info = info


def execute(reader: Reader, block: BlockInfo, txs: Sequence[bytes]) -> app.BlockResult:
    """Executes a decided block; ReleaseNeededError if it belongs to another release."""
    try:
        return app.finalize_block(reader, block, txs)
    except upgrade.OtherReleaseError as error:
        plan = error.plan
        content = {"name": plan.name, "time": _NO_TIME, "height": plan.height, "info": plan.info}
        raise ReleaseNeededError(str(error), json.dumps(content) if plan.name else "") from error


def write_upgrade_info(home: Path, error: ReleaseNeededError) -> None:
    """Writes the file in one step, if an upgrade is due. Errors: OSError."""
    if not error.info:
        return
    path = home / UPGRADE_INFO
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".new")
    with draft.open("w") as file:
        file.write(error.info + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
