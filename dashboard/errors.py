"""The errors of the web API, as errors.proto names them."""

from __future__ import annotations

from blockenergy.dashboard.v1 import errors_pb2

from chain.runtime.errors import ErrorCode, ErrorCodes
from client.catalog import get_errors
from client.errors import ClientError, RejectedError

Code = ErrorCodes("dashboard", errors_pb2.Error.DESCRIPTOR)


class ApiError(ClientError):
    """A call is rejected: a code, and one sentence for the user."""

    def __init__(self, error: ErrorCode, detail: str = "") -> None:
        super().__init__(f"{error.text[:-1]}: {detail}." if detail else error.text)
        self.codespace, self.code, self.name = error.codespace, error.code, error.name

    @classmethod
    def of_chain(cls, error: RejectedError) -> ApiError:
        """An error of the chain, which passes through with its own code and sentence."""
        known = get_errors().get((error.codespace, error.code))
        name = known.name if known else ""
        return cls(ErrorCode(error.codespace, error.code, name, error.sentence))
