"""Accounts as Cosmos wallets read them."""

from __future__ import annotations

from blockenergy.auth.v1 import query_pb2
from cosmos.auth.v1beta1 import auth_pb2
from cosmos.auth.v1beta1 import query_pb2 as cosmos_query_pb2
from cosmos.base.node.v1beta1 import query_pb2 as node_query_pb2
from cosmos.crypto.secp256k1.keys_pb2 import PubKey
from google.protobuf.any_pb2 import Any

from chain.auth.state import ACCOUNTS, PARAMS
from chain.runtime.context import Context
from chain.runtime.encoding import codec
from chain.runtime.errors import ChainError, SdkError
from chain.runtime.tx import PUB_KEY_TYPE_URL, decode_address
from chain.runtime.units import MICRO


def account(
    ctx: Context, request: cosmos_query_pb2.QueryAccountRequest
) -> cosmos_query_pb2.QueryAccountResponse:
    """The account of an address, as a BaseAccount."""
    found = ACCOUNTS.get(ctx, decode_address(request.address))
    if found is None:
        # Wallets tell an absent account from a failure by this wording.
        detail = f"rpc error: code = NotFound desc = account {request.address} not found"
        raise ChainError(SdkError.KEY_NOT_FOUND, detail)
    base = auth_pb2.BaseAccount(
        address=request.address,
        account_number=found.account_number,
        sequence=found.sequence,
    )
    if found.pub_key:
        key = codec.encode(PubKey(key=found.pub_key))
        base.pub_key.CopyFrom(Any(type_url=PUB_KEY_TYPE_URL, value=key))
    value = Any(type_url="/cosmos.auth.v1beta1.BaseAccount", value=codec.encode(base))
    return cosmos_query_pb2.QueryAccountResponse(account=value)


def params(ctx: Context, _: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    """The limits and prices of transactions."""
    return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))


def config(ctx: Context, _: node_query_pb2.ConfigRequest) -> node_query_pb2.ConfigResponse:
    """The minimum gas price, as Cosmos wallets look for it."""
    params = PARAMS.get_shared(ctx)
    whole, millionths = divmod(params.min_gas_price_micro, MICRO)
    price = f"{whole}.{millionths:06}{params.fee_denom}"
    return node_query_pb2.ConfigResponse(minimum_gas_price=price)
