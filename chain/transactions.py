"""What happens to every transaction, whatever its messages: admitted, then executed.

A transaction that is not admitted changes nothing. One that is admitted has used up its sequence
and paid its fee, even if its messages fail; the messages are executed all or not at all.
"""

from __future__ import annotations

from functools import lru_cache

from cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData
from google.protobuf.any_pb2 import Any as AnyMessage

from chain import auth
from chain.admission import TxResult, admit, refuse, require_permission
from chain.runtime import bech32, codec
from chain.runtime.context import BlockInfo, Context, CosmosEvent, UndecidedError
from chain.runtime.errors import ChainError, SdkError
from chain.runtime.store import CacheStore
from chain.runtime.tx import DecodedTx, TxCache

# Faults that depend on the machine: they must stop the node, not decide about a transaction.
MACHINE_ERRORS = (MemoryError, RecursionError, OSError)


def deliver_tx(store: CacheStore, block: BlockInfo, cache: TxCache, raw: bytes) -> TxResult:
    """Executes a transaction of a block."""
    try:
        tx = cache.get(raw)
        ctx = Context(store, block, tx.signer)
        gas = admit(ctx, tx)
    except ChainError as refusal:
        return refuse(refusal)
    result = TxResult(gas_wanted=tx.gas_limit, gas_used=gas)
    result.events.append(_tx_event(tx))
    attempt = Context(CacheStore(store), block, tx.signer)
    try:
        result.data = execute(attempt, tx)
    except ChainError as refusal:
        result.fail(refusal.error, refusal.log)
    except (*MACHINE_ERRORS, UndecidedError):
        raise
    except Exception as fault:  # noqa: BLE001 - one poisonous transaction must not stop the network
        result.fail(SdkError.PANIC, SdkError.PANIC.text)
        result.fault = fault
    else:
        attempt.store.merge_into(store)
        result.events += attempt.events
    return result


def simulate_tx(store: CacheStore, block: BlockInfo, tx: DecodedTx) -> TxResult:
    """Executes a transaction without its signature and fee, for its gas and its outcome."""
    ctx = Context(CacheStore(store), block, tx.signer)
    require_permission(ctx, tx)
    data = execute(ctx, tx)
    gas = auth.compute_gas(tx, auth.get_params(ctx))
    return TxResult(data=data, gas_wanted=gas, gas_used=gas, events=ctx.events)


def execute(ctx: Context, tx: DecodedTx) -> bytes:
    """Runs the messages in their order; returns the TxMsgData with their responses."""
    responses = []
    for index, (handler, message) in enumerate(tx.messages):
        response = handler.run(ctx, message)
        ctx.emit(_message_event(handler.type_url, tx.signer, index))
        responses.append((handler.response_type_url, codec.encode(response)))
    return _encode_responses(tuple(responses))


# Most responses say nothing but that it was done, so few are different.
@lru_cache(1 << 10)
def _encode_responses(responses: tuple[tuple[str, bytes], ...]) -> bytes:
    packed = [AnyMessage(type_url=type_url, value=value) for type_url, value in responses]
    return codec.encode(TxMsgData(msg_responses=packed))


def _tx_event(tx: DecodedTx) -> CosmosEvent:
    sequence = ("acc_seq", f"{bech32.encode(tx.signer)}/{tx.sequence}")
    if not tx.fee:
        return CosmosEvent("tx", (sequence,))
    fee = ",".join(f"{amount}{denom}" for denom, amount in tx.fee)
    return CosmosEvent("tx", (sequence, ("fee", fee)))


# The same accounts come back with the same kinds of messages.
@lru_cache(1 << 14)
def _message_event(action: str, signer: bytes, index: int) -> CosmosEvent:
    attributes = ("action", action), ("sender", bech32.encode(signer)), ("msg_index", str(index))
    return CosmosEvent("message", attributes)
