"""Runs the blocks of a page as somebody would who types them into one shell, from top to bottom."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from node_config.localnet.ports import find_free_ports
from tests.docs.pages import ROOT, RUN, Block, find_missing

# For a page, and for each of its blocks, on a machine that others use as well.
DEADLINE_S, BLOCK_S = 480, 60
# What pages name. Packages are not linked: Python would take them for other copies.
LINKED = (".venv", "docs", "examples", "proto")
# The networks of other people and tests must not be in the way.
_INIT = re.compile(r"(localnet init\b[^\n]*)")
_MARK = "@@@ block of line "
_PYTHON = "python - <<'END_OF_BLOCK'\n{}\nEND_OF_BLOCK"


class PageError(AssertionError):
    """A command of a page failed, or printed something else than the page shows."""


@dataclass(frozen=True, slots=True)
class Shell:
    """A folder that looks like a fresh checkout, and a few lines to begin with."""

    folder: Path
    preface: str = ""

    @classmethod
    def make(cls, folder: Path) -> Shell:
        """A checkout whose files may be read, and in which new ones may be written."""
        for name in LINKED:
            (folder / name).symlink_to(ROOT / name)
        return cls(folder)

    def run(self, name: str, blocks: Sequence[Block]) -> None:
        """Runs a page; raises PageError with the block and what it printed."""
        wanted = [block for block in blocks if block.language in RUN and not block.reason]
        script = ["set -eu -o pipefail", self.preface]
        for block in wanted:
            script += [f"echo; echo '{_MARK}{block.line}'", _get_script(block)]
        code, printed = self._execute("\n".join(script) + "\n", DEADLINE_S + BLOCK_S * len(wanted))
        parts = [part.partition("\n") for part in printed.split(f"\n{_MARK}")[1:]]
        outputs = {int(number): output for number, _, output in parts}
        if code:
            line, output = list(outputs.items())[-1] if outputs else (0, printed)
            raise PageError(f"{name}:{line}: a command ended with {code}:\n{output}")
        for block in wanted:
            missing = find_missing(block.shown, outputs[block.line])
            if missing:
                raise PageError(
                    f"{name}:{block.line}: the page shows\n    {missing}\nbut it printed\n"
                    f"{outputs[block.line]}"
                )

    def _execute(self, script: str, deadline_s: float) -> tuple[int, str]:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("BLOCKENERGY")
        }
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=self.folder,
            env=environment | {"HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            printed, _ = process.communicate(timeout=deadline_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            printed, _ = process.communicate()
            return 124, printed
        # What the page has left running in the background.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return process.returncode, printed


def _get_script(block: Block) -> str:
    if block.language == "python":
        return _PYTHON.format(block.text)
    place: Callable[[re.Match[str]], str] = lambda found: (  # noqa: E731
        f"{found[1]} --base-port {find_free_ports(4).base}"
    )
    return _INIT.sub(place, block.text)
