"""Paying fees out of allowances."""

from __future__ import annotations

from blockenergy.feegrant.v1 import errors_pb2, state_pb2

from chain import registry
from chain.feegrant.state import ALLOWANCES
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, ErrorCodes, require

FeegrantError = ErrorCodes("feegrant", errors_pb2.Error.DESCRIPTOR)
ALLOWANCES_MAX = 8


def require_allowance(ctx: Context, granter: bytes, grantee: bytes, fee: int) -> None:
    """Rejects a fee that the grantee may not have paid by the granter."""
    registry.require_active(ctx, granter)
    allowance = ALLOWANCES.get_shared(ctx, (granter, grantee))
    if allowance is None or has_ended(allowance, ctx.block.time_s):
        raise ChainError(FeegrantError.ALLOWANCE_UNKNOWN)
    covered = allowance.unlimited or fee <= allowance.left
    require(covered, FeegrantError.ALLOWANCE_USED_UP, f"{allowance.left} of {fee}")


def use(ctx: Context, granter: bytes, grantee: bytes, fee: int) -> None:
    """Takes a fee from an allowance that covers it; one that is used up is gone."""
    key = granter, grantee
    allowance = ALLOWANCES.get(ctx, key)
    assert allowance is not None
    if allowance.unlimited:
        return
    allowance.left -= fee
    if allowance.left:
        ALLOWANCES.set(ctx, key, allowance)
    else:
        ALLOWANCES.delete(ctx, key)


def has_ended(allowance: state_pb2.Allowance, time_s: int) -> bool:
    """Whether an allowance is of no use at a time."""
    return 0 < allowance.ends_at_s <= time_s
