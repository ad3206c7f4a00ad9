"""A process that commits heights to a database until it is killed; the tests kill it.

Run `python -m tests.node.application.state_writer FOLDER [BYTES]`. Each line of its output is a
height that `commit` has promised to be on disk. No file may grow over BYTES, as on a disk
that is full.
"""

from __future__ import annotations

import hashlib
import resource
import sys
from collections.abc import Mapping

from abci_app.storage.persistence import Database, DatabaseError

KEYS = 400
HISTORY_HEIGHTS = 30


def main() -> int:
    """Goes on from the last height that the database has."""
    if len(sys.argv) > 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    try:
        with Database.open(sys.argv[1], create=True, history_heights=HISTORY_HEIGHTS) as database:
            last = database.last()
            height = last[0] if last else 0
            while True:
                height += 1
                database.commit(make_changes(height), height, make_app_hash(height))
                sys.stdout.write(f"{height}\n")
                sys.stdout.flush()
    except DatabaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def make_changes(height: int) -> Mapping[bytes, bytes | None]:
    """Writes and deletes that depend on the height alone; every tenth height is a large one."""
    count = 200 if height % 10 == 0 else 12
    changes: dict[bytes, bytes | None] = {}
    for number in range(count):
        key = make_key(height, number)
        changes[key] = make_app_hash(height) * (1 + number % 40)
    changes[make_key(height, 1)] = None
    return changes


def make_key(height: int, number: int) -> bytes:
    return b"key %d" % ((height * 31 + number * 7) % KEYS)


def make_app_hash(height: int) -> bytes:
    return hashlib.sha256(b"%d" % height).digest()


def list_states(height: int) -> list[dict[bytes, bytes]]:
    """The states that the heights up to this one leave, that of height 0 first."""
    states: list[dict[bytes, bytes]] = [{}]
    for each in range(1, height + 1):
        merged = states[-1] | make_changes(each)
        states.append({key: value for key, value in merged.items() if value is not None})
    return states


if __name__ == "__main__":
    sys.exit(main())
