"""Takes back the last block of a node, in CometBFT and in the application alike.

For a node whose application has computed another state than the network, with a release that is
wrong: the block is executed again when the node starts with the right one.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path

from abci_app.storage.persistence import Database, DatabaseError
from abci_app.storage.snapshot import HeightError
from client.errors import MissingError, UsageError
from node_config.localnet.network import find_cometbft
from node_config.localnet.supervisor import lock_home
from node_config.node.archive import require_unused
from node_config.node.home import NodeHome

DEADLINE_S = 300
_ROLLED_BACK = re.compile(r"Rolled back state to height (\d+)")


def roll_back(path: Path) -> int:
    """Takes back one block of a stopped node; returns the height that it has then.

    Raises UsageError if it cannot go back, MissingError if the disk or CometBFT fails.
    """
    home = NodeHome(path.absolute())
    home.load()
    with contextlib.closing(lock_home(home.path, "a node")):
        require_unused(home)
        try:
            with Database.open(home.app_data) as database:
                last = database.last()
                if last is None:
                    raise UsageError(f"{home.app_data} has no block yet")
                database.require_undoable()
                height = _roll_back_cometbft(home.path)
                # A crash may have left the application one block behind already.
                if last[0] > height:
                    database.undo_last()
                found = database.last()
        except HeightError as error:
            raise UsageError(f"the application cannot go back: {error}") from error
        except DatabaseError as error:
            raise MissingError(str(error)) from error
    assert found is not None
    if found[0] > height:
        raise UsageError(f"the application is at {found[0]} and CometBFT at {height}; repeat it")
    return height


def _roll_back_cometbft(home: Path) -> int:
    done = subprocess.run(
        [find_cometbft(), "rollback", "--home", str(home)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    found = _ROLLED_BACK.search(done.stdout)
    if done.returncode or found is None:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise MissingError(f"cometbft rollback failed: {said[0] if said else done.returncode}")
    return int(found[1])
