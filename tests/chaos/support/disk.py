"""Disks that are full, and files that a crash has left in pieces."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.chaos.support.processes import find_tool

BALLAST = "ballast"
CHUNK_BYTES = 4096
# A record of LevelDB's log: checksum, length, type, content.
CHECKSUM_BYTES, LENGTH_BYTES, HEADER_BYTES = 4, 2, 7


@contextmanager
def small_disks(size_mb: int) -> Iterator[SmallDisks]:
    """File systems in memory that are gone after the block; skips without the rights of root."""
    if os.geteuid():
        pytest.skip("only root may mount a file system of its own")
    with ExitStack() as stack:
        yield SmallDisks(size_mb, stack)


class SmallDisks:
    """Folders that are file systems of their own."""

    def __init__(self, size_mb: int, stack: ExitStack) -> None:
        self._size_mb = size_mb
        self._stack = stack

    def put_under(self, folder: Path) -> None:
        """Makes a folder such a file system, with what was in it."""
        folder.mkdir(exist_ok=True)
        content = {path.name: path.read_bytes() for path in folder.iterdir()}
        modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
        options = f"size={self._size_mb}m,mode=700"
        command = [find_tool("mount"), "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        self._stack.callback(unmount, folder)
        for name, data in content.items():
            (folder / name).write_bytes(data)
            (folder / name).chmod(modes[name])


def unmount(folder: Path) -> None:
    subprocess.run([find_tool("umount"), "--lazy", str(folder)], check=True, capture_output=True)


def fill(folder: Path) -> None:
    """Leaves no room at all."""
    with (folder / BALLAST).open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(CHUNK_BYTES))


def make_room(folder: Path) -> None:
    (folder / BALLAST).unlink()


def get_log(folder: Path) -> Path:
    """The file that LevelDB is writing: what was committed since the last start."""
    return max(folder.glob("*.log"), key=lambda path: int(path.stem))


def cut_tail(path: Path, chance: random.Random) -> int:
    """Removes some bytes from the end, as a crash of the machine may; gives how many."""
    size = path.stat().st_size
    assert size > 1, f"{path} is empty"
    cut = chance.randint(1, size // 2)
    os.truncate(path, size - cut)
    return cut


def damage(path: Path, chance: random.Random) -> None:
    """Changes a bit in the content of the first record, which others follow."""
    content = bytearray(path.read_bytes())
    length = int.from_bytes(content[CHECKSUM_BYTES : CHECKSUM_BYTES + LENGTH_BYTES], "little")
    assert HEADER_BYTES + length < len(content), f"{path} has only one record"
    content[HEADER_BYTES + chance.randrange(length)] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
