"""What the authority can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from blockenergy.params.v1 import events_pb2, tx_pb2
from google.protobuf.message import Message

from chain import market
from chain.params.keeper import Changeable, ParamsError, require_authority, require_valid
from chain.runtime.context import Context
from chain.runtime.encoding import strict
from chain.runtime.errors import ChainError, require
from chain.runtime.params import Params
from chain.runtime.state.store import CacheStore

_TYPE_URL_CHARACTERS_MAX = 200


class Msgs:
    """Messages that reach into the parameters of these modules."""

    def __init__(self, modules: Sequence[Changeable]) -> None:
        self._modules = tuple(modules)
        self._by_type_url = {module.params.type_url: module for module in modules}

    def update_params(
        self, ctx: Context, msg: tx_pb2.MsgUpdateParams
    ) -> tx_pb2.MsgUpdateParamsResponse:
        """Replaces the parameters of one module."""
        require_authority(ctx, msg.authority)
        module = self._by_type_url.get(msg.params.type_url)
        if module is None:
            detail = msg.params.type_url[:_TYPE_URL_CHARACTERS_MAX]
            raise ChainError(ParamsError.PARAMS_UNKNOWN, detail)
        new = _decode(module.params, msg.params.value)
        _require_change(module, module.params.get(ctx), new)
        tried = Context(CacheStore(ctx.store), ctx.block, ctx.signer)
        from_slot = module.params.replace(tried, new, market.get_last_opened(ctx))
        require_valid(tried, self._modules)
        # Nothing below may be rejected.
        tried.store.merge_into(ctx.store)
        ctx.emit(events_pb2.EventParamsUpdated(module=module.name, from_slot=from_slot))
        return tx_pb2.MsgUpdateParamsResponse(from_slot=from_slot)


def _decode(params: Params[Any], data: bytes) -> Message:
    try:
        new: Message = strict.decode(params.message_type, data)
        params.record.require_numbers_fit(new)
    except ValueError as error:
        raise ChainError(ParamsError.PARAMS_INVALID, str(error)) from None
    return new


def _require_change(module: Changeable, old: Message, new: Message) -> None:
    require(not module.params.is_same(old, new), ParamsError.PARAMS_UNCHANGED)
    forbidden = module.params.find_forbidden_change(old, new)
    require(not forbidden, ParamsError.PARAMS_FIXED, f"{module.name}.params.{forbidden}")
