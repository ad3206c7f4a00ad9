"""Every failure that a user can cause or meet is one of these: a sentence and an exit code.

The exit codes are those of the command line: 1 refused by the chain, 2 wrong usage, 3 the node
cannot be reached or does not answer in time, 4 a file or key is missing or cannot be used.
"""

from __future__ import annotations

from typing import ClassVar


class ClientError(Exception):
    """A failure with one sentence for the user."""

    exit_code: ClassVar[int] = 1

    @property
    def sentence(self) -> str:
        """What is wrong and what to do."""
        return str(self)


class RefusedError(ClientError):
    """The chain refused a transaction or a query.

    `tx_hash` is set for a transaction, `height` for one that failed in a block.
    """

    exit_code = 1

    def __init__(
        self, codespace: str, code: int, log: str, tx_hash: bytes = b"", height: int = 0
    ) -> None:
        super().__init__(log or f"the chain refused with code {code} of codespace {codespace}")
        self.codespace = codespace
        self.code = code
        self.log = log
        self.tx_hash = tx_hash
        self.height = height


class UsageError(ClientError):
    """A value or an option that cannot be right, found before anything was sent."""

    exit_code = 2


class RpcError(ClientError):
    """The node cannot be reached, does not answer in time, or answers with an error of its own.

    `detail` is what the node said, for example `tx already exists in cache`.
    """

    exit_code = 3

    def __init__(self, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.detail = detail


class MissingError(ClientError):
    """A file or key that is missing, damaged or locked."""

    exit_code = 4
