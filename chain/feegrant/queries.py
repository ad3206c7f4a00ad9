"""Allowances as Cosmos wallets read them."""

from __future__ import annotations

from blockenergy.feegrant.v1 import state_pb2
from cosmos.base.v1beta1.coin_pb2 import Coin
from cosmos.feegrant.v1beta1 import feegrant_pb2, query_pb2
from google.protobuf.any_pb2 import Any as AnyMessage

from chain import auth
from chain.feegrant.keeper import FeegrantError
from chain.feegrant.msgs import ALLOWANCE_TYPE_URL
from chain.feegrant.state import ALLOWANCES, ALLOWANCES_BY_GRANTEE
from chain.runtime.context import Context
from chain.runtime.encoding import bech32, codec
from chain.runtime.errors import ChainError
from chain.runtime.state.paging import get_index_page, get_page
from chain.runtime.tx import decode_address


def allowance(
    ctx: Context, request: query_pb2.QueryAllowanceRequest
) -> query_pb2.QueryAllowanceResponse:
    """The allowance of a grantee from a granter; rejects if there is none."""
    key = decode_address(request.granter), decode_address(request.grantee)
    found = ALLOWANCES.get_shared(ctx, key)
    if found is None:
        raise ChainError(FeegrantError.ALLOWANCE_UNKNOWN)
    return query_pb2.QueryAllowanceResponse(allowance=_describe(ctx, key, found))


def allowances(
    ctx: Context, request: query_pb2.QueryAllowancesRequest
) -> query_pb2.QueryAllowancesResponse:
    """The allowances that a grantee has."""
    grantee = decode_address(request.grantee)
    page, pagination = get_index_page(ctx, ALLOWANCES_BY_GRANTEE, grantee, request.pagination)
    given = [_describe(ctx, key, found) for key, found in page]
    return query_pb2.QueryAllowancesResponse(allowances=given, pagination=pagination)


def allowances_by_granter(
    ctx: Context, request: query_pb2.QueryAllowancesByGranterRequest
) -> query_pb2.QueryAllowancesByGranterResponse:
    """The allowances that a granter has given."""
    granter = decode_address(request.granter)
    page, pagination = get_page(ctx, ALLOWANCES.under(granter), request.pagination)
    given = [_describe(ctx, (granter, grantee), found) for grantee, found in page]
    return query_pb2.QueryAllowancesByGranterResponse(allowances=given, pagination=pagination)


def _describe(
    ctx: Context, key: tuple[bytes, bytes], found: state_pb2.Allowance
) -> feegrant_pb2.Grant:
    basic = feegrant_pb2.BasicAllowance()
    if not found.unlimited:
        denom = auth.get_params(ctx).fee_denom
        basic.spend_limit.append(Coin(denom=denom, amount=str(found.left)))
    if found.ends_at_s:
        basic.expiration.seconds = found.ends_at_s
    return feegrant_pb2.Grant(
        granter=bech32.encode(key[0]),
        grantee=bech32.encode(key[1]),
        allowance=AnyMessage(type_url=ALLOWANCE_TYPE_URL, value=codec.encode(basic)),
    )
