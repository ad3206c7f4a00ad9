"""What a proposal can hold, and its execution: a change of the set, or a message of the chain that
is signed by the account of the vote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from google.protobuf.message import Message

from chain import params, registry
from chain.runtime.context import Context
from chain.runtime.encoding import untrusted
from chain.runtime.errors import ChainError, require
from chain.runtime.module import Handler
from chain.runtime.state.store import CacheStore
from chain.validators.changes import CHANGES
from chain.validators.keeper import VOTE_ACCOUNT, VOTE_ADDRESS, ValidatorsError

CONTENT_BYTES_MAX = 16 * 1024
_TYPE_URL_CHARACTERS_MAX = 200


class Contents:
    """Executes contents. `handlers` are those of all other modules: no vote holds another."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers

    def run(self, ctx: Context, type_url: str, value: bytes) -> Context:
        """Executes a content on top of a state, which stays as it is; returns what came of it.

        Raises ChainError where it cannot be executed.
        """
        attempt = Context(CacheStore(ctx.store), ctx.block, VOTE_ADDRESS)
        self._find(type_url, value)(attempt)
        return attempt

    def _find(self, type_url: str, value: bytes) -> Callable[[Context], None]:
        fits = len(value) <= CONTENT_BYTES_MAX
        detail = f"more than {CONTENT_BYTES_MAX} bytes"
        require(fits, ValidatorsError.CONTENT_INVALID, detail)
        change = CHANGES.get(type_url)
        if change is not None:
            message = untrusted.decode(change.message_type, value, ValidatorsError.CONTENT_INVALID)
            return lambda ctx: change.run(ctx, message)
        handler = self._handlers.get(type_url)
        if handler is None:
            raise ChainError(ValidatorsError.CONTENT_UNKNOWN, type_url[:_TYPE_URL_CHARACTERS_MAX])
        message = untrusted.decode(handler.message_type, value, ValidatorsError.CONTENT_INVALID)
        return _bind(handler, message)


def _bind(handler: Handler, message: Message) -> Callable[[Context], None]:
    signed = getattr(message, handler.signer_field) == VOTE_ACCOUNT
    detail = f"{handler.signer_field} has to be the account of the vote"
    require(signed, ValidatorsError.CONTENT_INVALID, detail)

    def run(ctx: Context) -> None:
        if not params.is_change_by_authority(ctx, handler.type_url, VOTE_ADDRESS):
            registry.require_permission(ctx, VOTE_ADDRESS, handler.roles)
        handler.run(ctx, message)

    return run
