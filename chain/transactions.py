"""What happens to every transaction, whatever its messages: admitted, then executed.

A transaction that is not admitted changes nothing. One that is admitted has used up its sequence
and paid its fee, even if its messages fail; the messages are executed all or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from blockenergy.auth.v1 import state_pb2 as auth_pb2
from cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData
from google.protobuf.any_pb2 import Any as AnyMessage

from chain import auth, bank, registry
from chain.runtime import bech32, codec
from chain.runtime.context import BlockInfo, Context, CosmosEvent, Event
from chain.runtime.errors import ChainError, ErrorCode, SdkError
from chain.runtime.module import Handler
from chain.runtime.store import Overlay
from chain.runtime.tx import DecodedTx, Purpose, TxCache

OK = 0
# Faults that depend on the machine: they must stop the node, not decide about a transaction.
MACHINE_FAULTS = (MemoryError, RecursionError, OSError)


@dataclass(slots=True)
class TxResult:
    """What became of a transaction. Code 0 is success; code and data enter the next block hash."""

    code: int = OK
    codespace: str = ""
    log: str = ""
    data: bytes = b""
    gas_wanted: int = 0
    gas_used: int = 0
    events: list[Event] = field(default_factory=list)
    # Set if a fault of the chain, not of the sender, refused it: to be logged loudly.
    fault: BaseException | None = None


def check_tx(store: Overlay, block: BlockInfo, cache: TxCache, raw: bytes) -> TxResult:
    """Whether a transaction may wait for a block: form, permission, signature, sequence, fee.

    `store` is the state of the mempool: it keeps the sequence that the transaction uses up.
    """
    try:
        tx = cache.get(raw)
        gas = admit(Context(store, block, tx.signer), tx)
    except ChainError as refusal:
        return _refuse(refusal)
    return TxResult(gas_wanted=tx.gas_limit, gas_used=gas)


def foresee_signature(
    store: Overlay, block: BlockInfo, cache: TxCache, raw: bytes
) -> tuple[DecodedTx, Purpose] | None:
    """The signature check that `check_tx` or `deliver_tx` will make of a transaction, so that it
    can be made ahead: whoever finds it good notes that in the transaction (`verified_for`).

    None if it has been made, or if the transaction will be refused before. A guess that turns out
    wrong costs time and changes nothing: the check is then made for what the state really says.
    """
    try:
        tx = cache.get(raw)
    except ChainError:
        return None
    if tx.verified_for is not None:
        return None
    purpose = auth.foresee_purpose(Context(store, block, tx.signer), tx)
    return None if purpose is None else (tx, purpose)


def deliver_tx(store: Overlay, block: BlockInfo, cache: TxCache, raw: bytes) -> TxResult:
    """Executes a transaction of a block."""
    try:
        tx = cache.get(raw)
        ctx = Context(store, block, tx.signer)
        gas = admit(ctx, tx)
    except ChainError as refusal:
        return _refuse(refusal)
    result = TxResult(gas_wanted=tx.gas_limit, gas_used=gas)
    result.events.append(_tx_event(tx))
    attempt = Context(Overlay(store), block, tx.signer)
    try:
        result.data = execute(attempt, tx)
    except ChainError as refusal:
        _fail(result, refusal.error, refusal.log)
    except MACHINE_FAULTS:
        raise
    except Exception as fault:  # noqa: BLE001 - one poisonous transaction must not stop the network
        _fail(result, SdkError.PANIC, SdkError.PANIC.text)
        result.fault = fault
    else:
        attempt.store.merge_into(store)
        result.events += attempt.events
    return result


def simulate_tx(store: Overlay, block: BlockInfo, tx: DecodedTx) -> TxResult:
    """Executes a transaction without its signature and fee, for its gas and its outcome."""
    ctx = Context(Overlay(store), block, tx.signer)
    _require_permission(ctx, tx)
    data = execute(ctx, tx)
    gas = auth.compute_gas(tx, auth.get_params(ctx))
    return TxResult(data=data, gas_wanted=gas, gas_used=gas, events=ctx.events)


def admit(ctx: Context, tx: DecodedTx) -> int:
    """Lets a transaction in, uses up its sequence and takes its fee; returns its gas.

    It refuses before it changes anything.
    """
    params = auth.get_params(ctx)
    auth.require_form(tx, params, ctx.block.height)
    _require_permission(ctx, tx)
    for denom, amount in tx.fee:
        if bank.get_balance(ctx, tx.signer, denom) < amount:
            raise ChainError(SdkError.INSUFFICIENT_FUNDS, f"the fee is {amount}{denom}")
    auth.authenticate(ctx, tx)
    _take_fee(ctx, tx, params)
    return auth.compute_gas(tx, params)


def execute(ctx: Context, tx: DecodedTx) -> bytes:
    """Runs the messages in their order; returns the TxMsgData with their responses."""
    responses = []
    for index, (handler, message) in enumerate(tx.messages):
        response = handler.run(ctx, message)
        ctx.emit(_message_event(handler, tx, index))
        responses.append((handler.response_type_url, codec.encode(response)))
    return _encode_responses(tuple(responses))


# Most responses say nothing but that it was done, so few are different.
@lru_cache(1 << 10)
def _encode_responses(responses: tuple[tuple[str, bytes], ...]) -> bytes:
    packed = [AnyMessage(type_url=type_url, value=value) for type_url, value in responses]
    return codec.encode(TxMsgData(msg_responses=packed))


def _require_permission(ctx: Context, tx: DecodedTx) -> None:
    for handler, _ in tx.messages:
        registry.require_permission(ctx, tx.signer, handler.roles)


def _take_fee(ctx: Context, tx: DecodedTx, params: auth_pb2.Params) -> None:
    collector = bech32.decode(params.fee_collector) if tx.fee else b""
    for denom, amount in tx.fee:
        bank.transfer(ctx, tx.signer, collector, denom, amount)


def _refuse(refusal: ChainError) -> TxResult:
    result = TxResult()
    _fail(result, refusal.error, refusal.log)
    return result


def _fail(result: TxResult, error: ErrorCode, log: str) -> None:
    result.code, result.codespace, result.log = error.code, error.codespace, log


def _tx_event(tx: DecodedTx) -> CosmosEvent:
    sequence = ("acc_seq", f"{bech32.encode(tx.signer)}/{tx.sequence}")
    if not tx.fee:
        return CosmosEvent("tx", (sequence,))
    fee = ",".join(f"{amount}{denom}" for denom, amount in tx.fee)
    return CosmosEvent("tx", (sequence, ("fee", fee)))


def _message_event(handler: Handler, tx: DecodedTx, index: int) -> CosmosEvent:
    return CosmosEvent(
        "message",
        (
            ("action", handler.type_url),
            ("sender", bech32.encode(tx.signer)),
            ("msg_index", str(index)),
        ),
    )
