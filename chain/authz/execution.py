"""Messages that a grantee sends for granters: which they are, their gas, and their limits."""

from __future__ import annotations

from collections.abc import Mapping

from blockenergy.authz.v1 import state_pb2
from cosmos.authz.v1beta1 import tx_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from chain import auth, bank, market, metering, registry
from chain.authz import rules
from chain.authz.keeper import AuthzError
from chain.authz.state import GRANTS
from chain.runtime.context import Context
from chain.runtime.encoding import codec, untrusted
from chain.runtime.errors import ChainError, require
from chain.runtime.gas import compute_message_gas
from chain.runtime.module import Handler
from chain.runtime.tx import decode_address


class Execution:
    """Executes messages of these handlers, by type URL."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers

    def count_gas(self, msg: Message) -> int:
        """The gas of MsgExec: its own, and that of each message in it if all can be read."""
        assert isinstance(msg, tx_pb2.MsgExec)
        gas = compute_message_gas(msg)
        try:
            return gas + sum(handler.count_gas(message) for handler, message in self._decode(msg))
        except ChainError:
            # It will be rejected when it is executed.
            return gas

    def run(self, ctx: Context, msg: tx_pb2.MsgExec) -> tx_pb2.MsgExecResponse:
        """Executes the messages, all or none."""
        attempt = ctx.begin_attempt()
        grantee = decode_address(msg.grantee)
        results = [
            codec.encode(_run_one(attempt, grantee, handler, message))
            for handler, message in self._decode(msg)
        ]
        ctx.accept(attempt)
        return tx_pb2.MsgExecResponse(results=results)

    def _decode(self, msg: tx_pb2.MsgExec) -> list[tuple[Handler, Message]]:
        count = len(msg.msgs)
        few = 0 < count <= rules.MESSAGES_MAX
        require(few, AuthzError.MESSAGES_INVALID, f"{count} messages")
        return [self._decode_one(packed) for packed in msg.msgs]

    def _decode_one(self, packed: AnyMessage) -> tuple[Handler, Message]:
        handler = self._handlers.get(packed.type_url)
        if handler is None:
            raise ChainError(AuthzError.NOT_DELEGABLE, packed.type_url[:100])
        invalid = AuthzError.MESSAGES_INVALID
        return handler, untrusted.decode(handler.message_type, packed.value, invalid)


def _run_one(ctx: Context, grantee: bytes, handler: Handler, message: Message) -> Message:
    """Executes a message of a granter within the limits of its grant."""
    granter = decode_address(getattr(message, handler.signer_field))
    grant = GRANTS.get(ctx, (granter, grantee))
    if grant is None or grant.ends_at_s <= ctx.block.time_s:
        raise ChainError(AuthzError.GRANT_UNKNOWN)
    named = handler.type_url in grant.authorization.messages
    require(named, AuthzError.GRANT_UNKNOWN, handler.type_url)
    registry.require_permission(ctx, granter, handler.roles)
    _use_quantity(ctx, grant, message)
    before = _list_balances(ctx, granter)
    inner = Context(ctx.store, ctx.block, granter)
    response = handler.run(inner, message)
    ctx.events += inner.events
    pairs = zip(before, _list_balances(ctx, granter), strict=True)
    _use_money(ctx, grant, sum(max(0, earlier - now) for earlier, now in pairs))
    GRANTS.set(ctx, (granter, grantee), grant)
    return response


def _list_balances(ctx: Context, owner: bytes) -> list[int]:
    """What an owner can spend on energy, and, if that is other money, on deposits."""
    denoms = {market.get_params(ctx).settlement_denom, auth.get_params(ctx).fee_denom}
    return [bank.get_balance(ctx, owner, denom) for denom in sorted(denoms)]


def _use_quantity(ctx: Context, grant: state_pb2.Grant, message: Message) -> None:
    ordered = rules.list_ordered(message)
    if not ordered:
        return
    first_slot = ctx.block.time_s // metering.get_params(ctx).slot_length_s
    totals = rules.add_up(grant, ordered, first_slot)
    allowed_wh = grant.authorization.quantity_per_slot_wh
    for slot, _ in ordered:
        detail = f"{totals[slot]} Wh of {allowed_wh} Wh in slot {slot}"
        require(totals[slot] <= allowed_wh, AuthzError.QUANTITY_USED_UP, detail)
    del grant.ordered[:]
    for slot in sorted(totals):
        grant.ordered.add(slot=slot, quantity_wh=totals[slot])


def _use_money(ctx: Context, grant: state_pb2.Grant, amount: int) -> None:
    """Notes what balances have fallen by; what they rise by is not given back to the limit."""
    if not amount:
        return
    day = rules.get_day(ctx.block.time_s)
    if day != grant.day:
        grant.day, grant.spent = day, 0
    grant.spent += amount
    allowed = grant.authorization.money_per_day
    detail = f"{grant.spent} of {allowed}"
    require(grant.spent <= allowed, AuthzError.MONEY_USED_UP, detail)
