"""Network namespaces of our own: a thread lives in each, and it is gone when the thread is.

A namespace has no name and no file, so nothing is left behind however this program ends. Needs the
rights of root (CAP_SYS_ADMIN, CAP_NET_ADMIN) and iproute2.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tests.chaos.support.processes import Rewrite, behind, find_tool

T = TypeVar("T")
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
TUN = "/dev/net/tun"
INTERFACE = "lan"


class NamespaceError(Exception):
    """There can be no namespaces here; the text says why."""


class Namespace:
    """One machine of a network that is not there: loopback, and one interface with an address.

    What it sends comes as Ethernet frames out of `frames`, and what is written there reaches it.
    """

    def __init__(self, address: str, prefix_bits: int) -> None:
        self.address = address
        self._pool = ThreadPoolExecutor(1)
        self._thread_id = self.run(enter_new)
        self.path = Path(f"/proc/{os.getpid()}/task/{self._thread_id}/ns/net")
        self.frames = self.run(open_tap)
        for command in (
            ["link", "set", "lo", "up"],
            ["address", "add", f"{address}/{prefix_bits}", "dev", INTERFACE],
            ["link", "set", INTERFACE, "up"],
        ):
            self.run(lambda command=command: run_ip(command))  # type: ignore[misc]

    def run(self, work: Callable[[], T]) -> T:
        """Does something in the namespace: sockets that it opens there stay there."""
        return self._pool.submit(work).result()

    def put_processes(self) -> Rewrite:
        """Has a process of a network live in the namespace."""
        return behind([find_tool("nsenter"), f"--net={self.path}"])

    def close(self) -> None:
        """Gives everything back."""
        os.close(self.frames)
        self._pool.shutdown()


def enter_new() -> int:
    """Moves this thread into a new namespace; gives the thread's number."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        reason = os.strerror(ctypes.get_errno())
        raise NamespaceError(f"a network namespace cannot be made here: {reason}")
    return threading.get_native_id()


def open_tap() -> int:
    """An Ethernet interface whose cable is a file."""
    try:
        descriptor = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
        request = struct.pack("16sH22x", INTERFACE.encode(), IFF_TAP | IFF_NO_PI)
        fcntl.ioctl(descriptor, TUNSETIFF, request)
    except OSError as error:
        raise NamespaceError(f"{TUN} cannot be used here: {error.strerror}") from error
    return descriptor


def run_ip(arguments: list[str]) -> None:
    """A command of iproute2, in the namespace of this thread."""
    subprocess.run([find_tool("ip"), *arguments], check=True, capture_output=True)
