"""Processes of a network that are started with something else than what they should be."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from node_config.localnet.process import Process

Rewrite = Callable[[list[str]], list[str]]


class Faults:
    """What is changed about commands, by the name of the process, such as `node2-cometbft`."""

    def __init__(self) -> None:
        # For every start, and for the next one only.
        self.always: dict[str, Rewrite] = {}
        self.once: dict[str, Rewrite] = {}

    def make_process(self, name: str, command: Sequence[str], folder: Path, log: Path) -> Process:
        """A process of a network, to which these faults happen."""
        return FaultyProcess(self, name, command, folder, log)


class FaultyProcess(Process):
    """Asks at every start what it should be started with."""

    def __init__(
        self, faults: Faults, name: str, command: Sequence[str], folder: Path, log: Path
    ) -> None:
        super().__init__(name, command, folder, log)
        self._faults = faults
        self._proper_command = list(command)

    def start(self) -> None:
        self._command = list(self._proper_command)
        for rewrites in (self._faults.always.get, lambda name: self._faults.once.pop(name, None)):
            rewrite = rewrites(self.name)
            if rewrite is not None:
                self._command = rewrite(self._command)
        super().start()


def with_variable(name: str, value: str) -> Rewrite:
    """Sets an environment variable."""
    return behind([find_tool("env"), f"{name}={value}"])


def behind(prefix: Sequence[str]) -> Rewrite:
    """Has another program start the process."""
    return lambda command: [*prefix, *command]


def find_tool(name: str) -> str:
    """The path of a program; skips the test where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} on the PATH")
    return found
