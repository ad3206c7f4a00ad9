"""Rights and fee allowances, asked of a real network through the gateway: by gRPC and by REST."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

import grpc
import pytest
from blockenergy.authz.v1.state_pb2 import TradeAuthorization
from cosmos.authz.v1beta1 import query_pb2 as authz
from cosmos.authz.v1beta1.authz_pb2 import Grant
from cosmos.authz.v1beta1.tx_pb2 import MsgGrant, MsgRevoke
from cosmos.base.v1beta1.coin_pb2 import Coin
from cosmos.feegrant.v1beta1 import query_pb2 as feegrant
from cosmos.feegrant.v1beta1.feegrant_pb2 import BasicAllowance
from cosmos.feegrant.v1beta1.tx_pb2 import MsgGrantAllowance, MsgRevokeAllowance
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from wallet_keys import BIDDER, DEADLINE_S, RECEIVER

from client.account import Signer
from client.node.rpc import Rpc
from client.signing.tx import pack
from node_config.localnet.network import Network

pytestmark = pytest.mark.network

BUY = "/blockenergy.market.v1.MsgBuy"
RIGHT = TradeAuthorization(messages=[BUY], money_per_day=5_000_000, quantity_per_slot_wh=2_000)
PAIR = {"granter": BIDDER.address, "grantee": RECEIVER.address}


def get(gateway: Any, path: str) -> Any:
    with urllib.request.urlopen(gateway.rest + path, timeout=DEADLINE_S) as response:
        return json.load(response)


def call(gateway: Any, request: Message, response_type: type[Any]) -> Any:
    """The answer of the query service of a request, such as QueryGrantsRequest."""
    package, _, name = request.DESCRIPTOR.full_name.rpartition(".")
    rpc = name.removeprefix("Query").removesuffix("Request")
    with grpc.insecure_channel(gateway.grpc) as channel:
        ask = channel.unary_unary(
            f"/{package}.Query/{rpc}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response_type.FromString,
        )
        return ask(request, timeout=DEADLINE_S)


def test_rights_and_allowances_are_given_shown_and_taken_back(
    network: Network, gateway: Any
) -> None:
    rpc = Rpc(network.rpc_urls[0])
    signer = Signer(rpc, BIDDER, chain_id=rpc.status().chain_id, wait_s=DEADLINE_S)
    ends_s = int(time.time()) + 3600
    right = Grant(authorization=pack(RIGHT), expiration=Timestamp(seconds=ends_s))
    allowance = BasicAllowance(spend_limit=[Coin(denom="ueur", amount="700000")])
    given = [
        MsgGrant(**PAIR, grant=right),
        MsgGrantAllowance(**PAIR, allowance=pack(allowance)),
    ]
    signer.send(given).require_ok()

    rights = call(gateway, authz.QueryGrantsRequest(**PAIR), authz.QueryGrantsResponse)
    assert list(rights.grants) == [right]
    by_grantee = authz.QueryGranteeGrantsRequest(grantee=RECEIVER.address)
    [found] = call(gateway, by_grantee, authz.QueryGranteeGrantsResponse).grants
    assert (found.granter, found.authorization) == (BIDDER.address, pack(RIGHT))
    paid = call(gateway, feegrant.QueryAllowanceRequest(**PAIR), feegrant.QueryAllowanceResponse)
    assert paid.allowance.allowance == pack(allowance)

    shown = {
        "@type": "/blockenergy.authz.v1.TradeAuthorization",
        "messages": [BUY],
        "money_per_day": "5000000",
        "quantity_per_slot_wh": "2000",
    }
    pair = f"granter={BIDDER.address}&grantee={RECEIVER.address}"
    for path in (f"?{pair}", f"/granter/{BIDDER.address}", f"/grantee/{RECEIVER.address}"):
        [entry] = get(gateway, f"/cosmos/authz/v1beta1/grants{path}")["grants"]
        assert entry["authorization"] == shown
    feegrants = "/cosmos/feegrant/v1beta1"
    one = get(gateway, f"{feegrants}/allowance/{BIDDER.address}/{RECEIVER.address}")["allowance"]
    assert one["allowance"]["spend_limit"] == [{"denom": "ueur", "amount": "700000"}]
    assert get(gateway, f"{feegrants}/allowances/{RECEIVER.address}")["allowances"] == [one]
    assert get(gateway, f"{feegrants}/issued/{BIDDER.address}")["allowances"] == [one]

    signer.send([MsgRevoke(**PAIR, msg_type_url=BUY), MsgRevokeAllowance(**PAIR)]).require_ok()
    assert get(gateway, f"/cosmos/authz/v1beta1/grants/granter/{BIDDER.address}")["grants"] == []
    with pytest.raises(grpc.RpcError) as gone:
        call(gateway, feegrant.QueryAllowanceRequest(**PAIR), feegrant.QueryAllowanceResponse)
    assert gone.value.code() == grpc.StatusCode.NOT_FOUND
