"""cosmos.tx.v1beta1.Service: handing transactions to the node, and finding them again."""

from __future__ import annotations

import base64
import hashlib
import re

from cosmos.base.abci.v1beta1.abci_pb2 import TxResponse
from cosmos.base.query.v1beta1.pagination_pb2 import PageResponse
from cosmos.tx.v1beta1 import service_pb2 as messages
from cosmos.tx.v1beta1.tx_pb2 import Tx
from google.protobuf.any_pb2 import Any
from tendermint.abci.types_pb2 import Event, EventAttribute

from client.errors import RpcError, UsageError
from client.node.rpc_types import Json
from client.signing import tx as txs
from gateway.errors import GatewayError, Status, make_node_error
from gateway.node import Node

TX_BYTES_MAX = 1 << 20
TXS_PER_PAGE_MAX = 100
_QUERY_CHARACTERS_MAX = 1000
_HASH = re.compile(r"(?:0x)?([0-9A-Fa-f]{64})")
_TX_URL = f"/{Tx.DESCRIPTOR.full_name}"
# What CometBFT says of a transaction that it does not take, and the code of codespace `sdk` that
# wallets know for it.
_NOT_TAKEN = {"tx already exists in cache": 19, "mempool is full": 20, "Tx too large": 21}


def broadcast_tx(node: Node, request: messages.BroadcastTxRequest) -> messages.BroadcastTxResponse:
    """Hands in a transaction; a rejection is a code in the response, not an error."""
    modes = {messages.BROADCAST_MODE_SYNC: True, messages.BROADCAST_MODE_ASYNC: False}
    if request.mode not in modes:
        message = "use BROADCAST_MODE_SYNC or BROADCAST_MODE_ASYNC"
        raise GatewayError(Status.INVALID_ARGUMENT, message)
    if not 0 < len(request.tx_bytes) <= TX_BYTES_MAX:
        message = f"a transaction has 1 to {TX_BYTES_MAX} bytes"
        raise GatewayError(Status.INVALID_ARGUMENT, message)
    result = node.broadcast(request.tx_bytes, wait=modes[request.mode])
    tx_hash = hashlib.sha256(request.tx_bytes).hexdigest().upper()
    if isinstance(result, RpcError):
        response = _describe_not_taken(result)
    else:
        response = TxResponse(codespace=result.codespace, code=result.code, raw_log=result.log)
    response.txhash = tx_hash
    return messages.BroadcastTxResponse(tx_response=response)


def get_tx(node: Node, request: messages.GetTxRequest) -> messages.GetTxResponse:
    """A transaction that is in a block."""
    found = _HASH.fullmatch(request.hash)
    if not found:
        message = "the hash of a transaction has 64 hexadecimal digits"
        raise GatewayError(Status.INVALID_ARGUMENT, message)
    content = base64.b64encode(bytes.fromhex(found[1])).decode()
    result = node.try_read(dict, "tx", {"hash": content})
    if isinstance(result, RpcError):
        if "not found" in result.detail:
            raise GatewayError(Status.NOT_FOUND, f"tx not found: {found[1].upper()}")
        raise make_node_error(result)
    tx, response = _describe_tx(node, result)
    return messages.GetTxResponse(tx=tx, tx_response=response)


def get_txs_event(node: Node, request: messages.GetTxsEventRequest) -> messages.GetTxsEventResponse:
    """Transactions by their events."""
    query = request.query or " AND ".join(request.events)
    if not 0 < len(query) <= _QUERY_CHARACTERS_MAX:
        message = f"a query of 1 to {_QUERY_CHARACTERS_MAX} characters is expected"
        raise GatewayError(Status.INVALID_ARGUMENT, message)
    if request.limit > TXS_PER_PAGE_MAX:
        message = f"a page has at most {TXS_PER_PAGE_MAX} transactions"
        raise GatewayError(Status.INVALID_ARGUMENT, message)
    latest_first = request.order_by == messages.ORDER_BY_DESC
    params = {
        "query": query,
        "page": str(request.page or 1),
        "per_page": str(request.limit or TXS_PER_PAGE_MAX),
        "order_by": "desc" if latest_first else "asc",
    }
    result = node.try_read(dict, "tx_search", params)
    if isinstance(result, RpcError):
        raise GatewayError(Status.INVALID_ARGUMENT, result.detail)
    found = [_describe_tx(node, one) for one in result["txs"]]
    total = int(result["total_count"])
    return messages.GetTxsEventResponse(
        txs=[tx for tx, _ in found],
        tx_responses=[response for _, response in found],
        pagination=PageResponse(total=total),
        total=total,
    )


def _describe_not_taken(error: RpcError) -> TxResponse:
    """The node's answer as the result of a check; raises GatewayError if it is none."""
    for beginning, code in _NOT_TAKEN.items():
        if beginning in error.detail:
            return TxResponse(codespace="sdk", code=code, raw_log=error.detail)
    raise make_node_error(error)


def _describe_tx(node: Node, found: Json) -> tuple[Tx, TxResponse]:
    raw = base64.b64decode(found["tx"])
    try:
        tx = txs.decode(raw)
    except UsageError as error:
        raise GatewayError(Status.UNKNOWN, str(error)) from error
    result, height = found["tx_result"], int(found["height"])
    response = TxResponse(
        height=height,
        txhash=found["hash"],
        codespace=result.get("codespace", ""),
        code=int(result.get("code", 0)),
        data=base64.b64decode(result.get("data") or "").hex().upper(),
        raw_log=result.get("log", ""),
        info=result.get("info", ""),
        gas_wanted=int(result.get("gas_wanted", 0)),
        gas_used=int(result.get("gas_used", 0)),
        tx=Any(type_url=_TX_URL, value=tx.SerializeToString()),
        timestamp=_get_time(node, height),
        events=[_describe_event(event) for event in result.get("events") or ()],
    )
    return tx, response


def _describe_event(event: Json) -> Event:
    attributes = event.get("attributes") or ()
    return Event(
        type=event["type"],
        attributes=[
            EventAttribute(key=one["key"], value=one.get("value", ""), index=bool(one.get("index")))
            for one in attributes
        ],
    )


def _get_time(node: Node, height: int) -> str:
    """The time of a block, to the second as the Cosmos SDK writes it."""
    time = node.read(
        lambda result: str(result["header"]["time"]), "header", {"height": str(height)}
    )
    return re.sub(r"\.\d+", "", time)
