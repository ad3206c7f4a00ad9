"""Execs a program that exits with its parent, however the parent ends.

    python launcher.py PARENT_PID PROGRAM ARGUMENT…

Linux sends the signal when the thread that started this process ends, even after kill -9. Every
process starts here, so it imports only the standard library.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Requests the signal, checks that the parent is still alive, and execs the program."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() == parent:
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted.


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
