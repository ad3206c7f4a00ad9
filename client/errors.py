"""Every failure that a user can cause or encounter: one sentence and an exit code.

The exit codes are those of the command line: 1 rejected by the chain, 2 wrong usage, 3 the node
cannot be reached or does not respond in time, 4 a file or key is missing or cannot be used, 7 what
was looked up is not there.
"""

from __future__ import annotations

from typing import ClassVar


class ClientError(Exception):
    """A failure with one sentence for the user."""

    exit_code: ClassVar[int] = 1

    @property
    def sentence(self) -> str:
        """What is wrong, and what to do about it."""
        return str(self)


class RejectedError(ClientError):
    """The chain rejected a transaction or a query.

    `tx_hash` is set for a transaction, `height` if it failed in a block.
    """

    exit_code = 1

    def __init__(
        self, codespace: str, code: int, log: str, tx_hash: bytes = b"", height: int = 0
    ) -> None:
        super().__init__(log or f"the chain returned error {code} of codespace {codespace}")
        self.codespace = codespace
        self.code = code
        self.log = log
        self.tx_hash = tx_hash
        self.height = height


class UsageError(ClientError):
    """An invalid value or option, detected before anything was sent."""

    exit_code = 2


class RpcError(ClientError):
    """The node cannot be reached, does not respond in time, or responds with an error of its own.

    `detail` is the node's own text, for example `tx already exists in cache`.
    """

    exit_code = 3

    def __init__(self, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.detail = detail


class MissingError(ClientError):
    """A file or key is missing, damaged or locked."""

    exit_code = 4


class NotFoundError(ClientError):
    """The node does not have what was looked up."""

    exit_code = 7
