"""Bytes from users, as messages: what is not the canonical encoding is rejected with a code."""

from __future__ import annotations

from chain.runtime.encoding import strict
from chain.runtime.encoding.codec import EncodingError, M
from chain.runtime.errors import ChainError, ErrorCode


def decode(message_type: type[M], data: bytes, error: ErrorCode) -> M:
    """The message of some bytes; rejects with the error what is not its canonical encoding."""
    try:
        return strict.decode(message_type, data)
    except EncodingError as wrong:
        raise ChainError(error, str(wrong)) from None
