"""What a fuzzing target is: it makes an input from a random number generator, and judges it.

A target's `check` returns what became of the input, "accepted" or "rejected <codespace> <code>".
Whatever it raises is a finding: `Violation` where a promise is seen to be broken, any other
exception where the product let it out. Each input is judged from the same state, or from one that
`begin` made anew for its batch, so that an input can be looked at again.
"""

from __future__ import annotations

from importlib import import_module
from random import Random
from typing import Protocol

from chain import app

ACCEPTED = "accepted"
# A rejection is a sentence, even about an input of a megabyte.
LOG_CHARACTERS_MAX = 1_000


def _read_codes() -> dict[str, dict[int, str]]:
    """The names of all codes by codespace, as the errors.proto of each module has them."""
    modules = {module.name: f"blockenergy.{module.name}.v1.errors_pb2" for module in app.MODULES}
    # The codes of the Cosmos SDK are kept by the module that every transaction passes.
    modules["sdk"] = modules.pop("auth")
    return {
        codespace: {number: name for name, number in import_module(path).Error.items()}
        for codespace, path in modules.items()
    }


_NAMES = _read_codes()


class Violation(AssertionError):  # noqa: N818, the name says what was found.
    """A promise of the product that an input has broken."""


class Target(Protocol):
    """One way into the product."""

    name: str
    # Inputs between two calls of `begin`.
    batch: int

    def begin(self) -> None:
        """Puts the state back to where every batch begins."""

    def make(self, random: Random) -> bytes:
        """The next input."""

    def check(self, data: bytes) -> str:
        """Judges an input; returns what became of it."""

    def end(self) -> None:
        """Judges what the batch has left behind."""

    def close(self) -> None:
        """Gives back files, ports and threads."""


def require(condition: object, problem: str) -> None:
    """Reports a broken promise unless the condition holds."""
    if not condition:
        raise Violation(problem)


def judge_rejection(codespace: str, code: int, log: str) -> str:
    """The outcome of a rejection; a violation if it has no known code, or no sentence."""
    name = _NAMES.get(codespace, {}).get(code)
    require(name and code, f"rejected with the unknown code {codespace}/{code}: {log[:200]}")
    require(name != "PANIC", f"rejected because the chain broke: {log[:200]}")
    require(log.strip(), f"rejected with {codespace}/{name} and without a sentence")
    require(len(log) <= LOG_CHARACTERS_MAX, f"{codespace}/{name}: {len(log)} characters of log")
    return f"rejected {codespace} {name}"
