"""Passing on transactions that a wallet has signed. The server holds no key."""

from __future__ import annotations

from blockenergy.dashboard.v1 import account_pb2

from client.errors import UsageError
from client.signing import tx as txs
from dashboard.errors import ApiError, Code
from dashboard.signers import find_signer
from dashboard.site import Visit


def send_tx(visit: Visit, request: account_pb2.SendTxRequest) -> account_pb2.SendTxResponse:
    """Passes a transaction on that a wallet of this session has signed."""
    raw = request.tx_bytes
    if len(raw) > visit.moment.auth.tx_bytes_max:
        raise ApiError(Code.TOO_LARGE)
    try:
        signer = find_signer(txs.decode(raw))
    except UsageError as error:
        raise ApiError(Code.INVALID_REQUEST, error.sentence) from error
    if signer not in visit.visitor.accounts:
        raise ApiError(Code.NOT_YOUR_TRANSACTION)
    result = visit.site.present.rpc.broadcast_tx_sync(raw)
    return visit.date(
        account_pb2.SendTxResponse(
            hash=result.hash.hex().upper(),
            code=result.code,
            codespace=result.codespace,
            text=result.log,
        )
    )
