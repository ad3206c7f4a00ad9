"""Files that nobody but their owner may read: keys.

They are created under a random name that did not exist, never through a link that somebody has
prepared, and then linked or renamed to their own name, so that a reader finds all or nothing.
"""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

FOLDER_MODE = 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def write_new(path: Path, text: str) -> None:
    """Creates a file with mode 0600; FileExistsError if there is one, OSError if that fails."""
    _write(path, text, is_new=True)


def replace(path: Path, text: str) -> None:
    """Creates a file with mode 0600, in place of one that may be there; OSError if that fails."""
    _write(path, text, is_new=False)


def warn_if_exposed(file: IO[bytes]) -> None:
    """Logs a warning if others than its owner may read or change an open file with a key."""
    mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    if mode & _OTHERS:
        log.warning(
            "%s can be used by others (mode %04o); run chmod 600 on it, and change the key if "
            "that was so for long",
            file.name,
            mode,
        )


def _write(path: Path, text: str, *, is_new: bool) -> None:
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    # O_EXCL, O_NOFOLLOW and mode 0600.
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            os.link(draft, path)
            os.unlink(draft)
        else:
            os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
