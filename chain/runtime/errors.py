"""Errors of users: each has a codespace, a code and a sentence from a module's errors.proto.

`require` rejects a user's mistake. A broken promise of the chain itself is an `assert` and never
becomes a ChainError.
"""

from __future__ import annotations

from blockenergy.auth.v1 import errors_pb2

from chain.runtime.error_codes import ErrorCode, ErrorCodes

__all__ = ["ChainError", "ErrorCode", "ErrorCodes", "SdkError", "require"]

# A detail may quote untrusted input of up to a megabyte; an error stays a sentence.
DETAIL_CHARACTERS_MAX = 300


class ChainError(Exception):
    """A user's mistake. What was attempted leaves no trace in the state."""

    def __init__(self, error: ErrorCode, detail: str = "") -> None:
        if len(detail) > DETAIL_CHARACTERS_MAX:
            detail = f"{detail[:DETAIL_CHARACTERS_MAX]}..."
        super().__init__(f"{detail}: {error.text}" if detail else error.text)
        self.error = error

    @property
    def log(self) -> str:
        """The sentence for the user."""
        return str(self)


def require(condition: object, error: ErrorCode, detail: str = "") -> None:
    """Raises the error unless the condition holds."""
    if not condition:
        raise ChainError(error, detail)


SdkError = ErrorCodes("sdk", errors_pb2.Error.DESCRIPTOR)
