"""Messages of granters."""

from __future__ import annotations

from blockenergy.feegrant.v1 import events_pb2, state_pb2
from cosmos.feegrant.v1beta1 import feegrant_pb2, tx_pb2
from google.protobuf.any_pb2 import Any as AnyMessage

from chain import auth, registry
from chain.feegrant.keeper import ALLOWANCES_MAX, FeegrantError, has_ended
from chain.feegrant.state import ALLOWANCES
from chain.runtime.context import Context
from chain.runtime.encoding import untrusted
from chain.runtime.errors import require
from chain.runtime.tx import decode_address, decode_coins

ALLOWANCE_TYPE_URL = f"/{feegrant_pb2.BasicAllowance.DESCRIPTOR.full_name}"


def grant_allowance(
    ctx: Context, msg: tx_pb2.MsgGrantAllowance
) -> tx_pb2.MsgGrantAllowanceResponse:
    """Gives an allowance. Those of the granter that have ended make room for it."""
    granter, grantee = decode_address(msg.granter), decode_address(msg.grantee)
    require(granter != grantee, FeegrantError.GRANTEE_IS_GRANTER)
    registry.require_active(ctx, grantee)
    allowance = _read_allowance(ctx, msg.allowance)
    given = list(ALLOWANCES.under(granter).items(ctx))
    ended = [other for other, found in given if has_ended(found, ctx.block.time_s)]
    lasting = {other for other, _ in given} - set(ended)
    require(grantee not in lasting, FeegrantError.ALLOWANCE_EXISTS)
    few = len(lasting) < ALLOWANCES_MAX
    require(few, FeegrantError.TOO_MANY_ALLOWANCES, f"{ALLOWANCES_MAX} at a time")
    for other in ended:
        ALLOWANCES.delete(ctx, (granter, other))
    ALLOWANCES.set(ctx, (granter, grantee), allowance)
    ctx.emit(
        events_pb2.EventAllowanceGranted(
            granter=msg.granter, grantee=msg.grantee, allowance=allowance
        )
    )
    return tx_pb2.MsgGrantAllowanceResponse()


def revoke_allowance(
    ctx: Context, msg: tx_pb2.MsgRevokeAllowance
) -> tx_pb2.MsgRevokeAllowanceResponse:
    """Takes an allowance back."""
    key = decode_address(msg.granter), decode_address(msg.grantee)
    require(ALLOWANCES.has(ctx, key), FeegrantError.ALLOWANCE_UNKNOWN)
    ALLOWANCES.delete(ctx, key)
    ctx.emit(events_pb2.EventAllowanceRevoked(granter=msg.granter, grantee=msg.grantee))
    return tx_pb2.MsgRevokeAllowanceResponse()


def _read_allowance(ctx: Context, packed: AnyMessage) -> state_pb2.Allowance:
    known = packed.type_url == ALLOWANCE_TYPE_URL
    detail = f"{ALLOWANCE_TYPE_URL} is expected, not {packed.type_url[:100]!r}"
    require(known, FeegrantError.ALLOWANCE_INVALID, detail)
    invalid = FeegrantError.ALLOWANCE_INVALID
    basic = untrusted.decode(feegrant_pb2.BasicAllowance, packed.value, invalid)
    denom = auth.get_params(ctx).fee_denom
    limit = decode_coins(basic.spend_limit)
    own = all(name == denom for name, _ in limit)
    require(own, FeegrantError.ALLOWANCE_INVALID, f"fees are paid in {denom}")
    ends_at_s = 0
    if basic.HasField("expiration"):
        ends_at_s = basic.expiration.seconds
        good = ends_at_s > ctx.block.time_s and 0 <= basic.expiration.nanos < 10**9
        require(good, FeegrantError.ALLOWANCE_INVALID, "its end has passed")
    left = sum(amount for _, amount in limit)
    return state_pb2.Allowance(unlimited=not limit, left=left, ends_at_s=ends_at_s)
