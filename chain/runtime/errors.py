"""Refusals: each has a codespace, a code and a sentence, all taken from a module's errors.proto.

`require` refuses a user's mistake. A broken promise of the chain itself is an `assert` and is
never turned into a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass

from blockenergy.auth.v1 import errors_pb2
from blockenergy.options.v1 import options_pb2
from google.protobuf.descriptor import EnumDescriptor

from chain.runtime.options import get_option

# A detail may quote what a stranger sent, which can be a megabyte; a refusal stays a sentence.
DETAIL_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One entry of an errors.proto."""

    codespace: str
    code: int
    name: str
    text: str


class ChainError(Exception):
    """A refusal. Changes nothing in the state beyond what the refusing step undoes."""

    def __init__(self, error: ErrorCode, detail: str = "") -> None:
        if len(detail) > DETAIL_CHARACTERS_MAX:
            detail = f"{detail[:DETAIL_CHARACTERS_MAX]}..."
        super().__init__(f"{detail}: {error.text}" if detail else error.text)
        self.error = error

    @property
    def log(self) -> str:
        """The sentence for the user."""
        return str(self)


class ErrorCodes:
    """The errors of a codespace by name: `ErrorCodes("bank", …).HOLD_UNKNOWN`."""

    def __init__(self, codespace: str, enum: EnumDescriptor) -> None:
        for value in enum.values:
            text = get_option(value, options_pb2.text)
            if value.number:
                setattr(self, value.name, ErrorCode(codespace, value.number, value.name, text))

    def __getattr__(self, name: str) -> ErrorCode:
        raise AttributeError(f"errors.proto has no {name}")


def require(condition: object, error: ErrorCode, detail: str = "") -> None:
    """Refuses with the error unless the condition holds."""
    if not condition:
        raise ChainError(error, detail)


SdkError = ErrorCodes("sdk", errors_pb2.Error.DESCRIPTOR)
