"""Rights that were given, as Cosmos wallets read them."""

from __future__ import annotations

from collections.abc import Iterable

from blockenergy.authz.v1 import state_pb2
from cosmos.authz.v1beta1 import authz_pb2, query_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.timestamp_pb2 import Timestamp

from chain.authz import rules
from chain.authz.state import GRANTS, GRANTS_BY_GRANTEE
from chain.runtime.context import Context
from chain.runtime.encoding import bech32, codec
from chain.runtime.state.paging import get_index_page, get_page
from chain.runtime.tx import decode_address


def grants(ctx: Context, request: query_pb2.QueryGrantsRequest) -> query_pb2.QueryGrantsResponse:
    """The right of a grantee from a granter, if it is to the message that is named."""
    key = decode_address(request.granter), decode_address(request.grantee)
    found = GRANTS.get_shared(ctx, key)
    name = request.msg_type_url
    if found is None or (name and name not in found.authorization.messages):
        return query_pb2.QueryGrantsResponse()
    grant = authz_pb2.Grant(authorization=_pack(found), expiration=_get_end(found))
    return query_pb2.QueryGrantsResponse(grants=[grant])


def granter_grants(
    ctx: Context, request: query_pb2.QueryGranterGrantsRequest
) -> query_pb2.QueryGranterGrantsResponse:
    """The rights that a granter has given."""
    granter = decode_address(request.granter)
    page, pagination = get_page(ctx, GRANTS.under(granter), request.pagination)
    given = [((granter, grantee), grant) for grantee, grant in page]
    return query_pb2.QueryGranterGrantsResponse(grants=_describe(given), pagination=pagination)


def grantee_grants(
    ctx: Context, request: query_pb2.QueryGranteeGrantsRequest
) -> query_pb2.QueryGranteeGrantsResponse:
    """The rights that a grantee has."""
    grantee = decode_address(request.grantee)
    page, pagination = get_index_page(ctx, GRANTS_BY_GRANTEE, grantee, request.pagination)
    return query_pb2.QueryGranteeGrantsResponse(grants=_describe(page), pagination=pagination)


def _describe(
    page: Iterable[tuple[tuple[bytes, bytes], state_pb2.Grant]],
) -> list[authz_pb2.GrantAuthorization]:
    return [
        authz_pb2.GrantAuthorization(
            granter=bech32.encode(granter),
            grantee=bech32.encode(grantee),
            authorization=_pack(grant),
            expiration=_get_end(grant),
        )
        for (granter, grantee), grant in page
    ]


def _pack(grant: state_pb2.Grant) -> AnyMessage:
    value = codec.encode(grant.authorization)
    return AnyMessage(type_url=rules.AUTHORIZATION_TYPE_URL, value=value)


def _get_end(grant: state_pb2.Grant) -> Timestamp:
    return Timestamp(seconds=grant.ends_at_s)
