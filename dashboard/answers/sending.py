"""Passing on transactions that a wallet has signed, and what they would do.

The server holds no key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from blockenergy.bank.v1 import query_pb2 as bank_pb2
from blockenergy.dashboard.v1 import account_pb2
from blockenergy.market.v1 import query_pb2
from blockenergy.market.v1 import tx_pb2 as market_pb2
from blockenergy.market.v1.state_pb2 import SIDE_BUY, SIDE_SELL
from cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData
from cosmos.crypto.secp256k1.keys_pb2 import PubKey
from cosmos.tx.v1beta1.service_pb2 import SimulateRequest, SimulateResponse
from cosmos.tx.v1beta1.tx_pb2 import Tx
from google.protobuf.message import Message

from chain.app import SIMULATE_PATH
from chain.runtime.signatures import SECP256K1_KEY_BYTES
from client.cost import compute_cost
from client.errors import RejectedError, UsageError
from client.queries import query_path
from client.signing import tx as txs
from dashboard.answers.offers import list_offers
from dashboard.answers.room import compute_reserves
from dashboard.errors import ApiError, Code
from dashboard.signers import find_signer
from dashboard.site import Visit


def preview_tx(
    visit: Visit, request: account_pb2.PreviewTxRequest
) -> account_pb2.PreviewTxResponse:
    """What a transaction of one's own would cost and do, as the chain says of its present state."""
    signer, tx = _read(visit, request.tx_bytes)
    messages = [txs.unpack(packed) for packed in tx.body.messages]
    try:
        simulated = query_path(
            visit.site.present.rpc,
            SIMULATE_PATH,
            SimulateRequest(tx_bytes=request.tx_bytes),
            SimulateResponse,
            height=visit.moment.height,
        )
    except RejectedError as error:
        return visit.date(
            account_pb2.PreviewTxResponse(
                code=error.code, codespace=error.codespace, text=error.log
            )
        )
    body = tx.body
    cost = compute_cost(visit.moment.auth, messages, _find_key(tx), body.memo, body.timeout_height)
    return visit.date(
        account_pb2.PreviewTxResponse(
            gas_limit=cost.gas_limit,
            fee=sum(int(coin.amount) for coin in cost.fee),
            reserve=compute_reserves(visit, signer, messages),
            deposit=_compute_deposits(visit, signer, messages),
            responses=TxMsgData.FromString(simulated.result.data).msg_responses,
            quote=_quote(visit, messages),
        )
    )


def send_tx(visit: Visit, request: account_pb2.SendTxRequest) -> account_pb2.SendTxResponse:
    """Passes a transaction on that a wallet of this session has signed."""
    _read(visit, request.tx_bytes)
    result = visit.site.present.rpc.broadcast_tx_sync(request.tx_bytes)
    return visit.date(
        account_pb2.SendTxResponse(
            hash=result.hash.hex().upper(),
            code=result.code,
            codespace=result.codespace,
            text=result.log,
        )
    )


def _read(visit: Visit, raw: bytes) -> tuple[str, Tx]:
    """Signer and content of a transaction; rejects that of somebody else."""
    if len(raw) > visit.moment.auth.tx_bytes_max:
        raise ApiError(Code.TOO_LARGE)
    try:
        tx = txs.decode(raw)
        signer = find_signer(tx)
    except UsageError as error:
        raise ApiError(Code.INVALID_REQUEST, error.sentence) from error
    if signer not in visit.visitor.accounts:
        raise ApiError(Code.NOT_YOUR_TRANSACTION)
    return signer, tx


def _find_key(tx: Tx) -> bytes:
    """The key of the signer; any other of its size if it is not known."""
    for info in tx.auth_info.signer_infos[:1]:
        key: Any = txs.unpack(info.public_key)
        if isinstance(key, PubKey):
            return key.key
    return bytes(SECP256K1_KEY_BYTES)


def _compute_deposits(visit: Visit, signer: str, messages: Sequence[Message]) -> int:
    params = visit.ask(bank_pb2.QueryParamsRequest(), bank_pb2.QueryParamsResponse).params
    return params.deposit_per_entry * sum(_is_new_entry(visit, signer, one) for one in messages)


def _is_new_entry(visit: Visit, signer: str, message: Message) -> bool:
    """Whether a message puts something on record that has a deposit with its hold."""
    if isinstance(message, market_pb2.MsgSetOffer):
        return message.available_wh > 0 and signer not in list_offers(visit, message.slot)
    return isinstance(message, market_pb2.MsgPlaceLimitOrder | market_pb2.MsgPlaceStandingOrder)


def _quote(visit: Visit, messages: Sequence[Message]) -> query_pb2.QueryQuoteResponse | None:
    """Of a single order to the pool."""
    order = messages[0] if len(messages) == 1 else None
    if not isinstance(order, market_pb2.MsgBuy | market_pb2.MsgSell):
        return None
    side = SIDE_BUY if isinstance(order, market_pb2.MsgBuy) else SIDE_SELL
    request = query_pb2.QueryQuoteRequest(slot=order.slot, side=side, quantity_wh=order.quantity_wh)
    return visit.ask(request, query_pb2.QueryQuoteResponse)
