"""What happens to every transaction of a block, whatever its messages: the ante handler, then its
messages, which are executed all or not at all.
"""

from __future__ import annotations

from functools import lru_cache

from blockenergy.auth.v1.state_pb2 import Params
from cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData
from google.protobuf.any_pb2 import Any as AnyMessage

from chain import ante, auth
from chain.runtime.context import BlockInfo, Context, CosmosEvent, Event
from chain.runtime.encoding import bech32, codec
from chain.runtime.errors import ChainError, ErrorCode, SdkError
from chain.runtime.state.store import CacheStore
from chain.runtime.tx import DecodedTx

OK = 0
# Errors that depend on the machine: they must stop the node, not decide about a transaction.
MACHINE_ERRORS = (MemoryError, RecursionError, OSError)


class TxResult:
    """The outcome of a transaction. Code 0 is success; code and data enter the next block hash."""

    __slots__ = (
        "code",
        "codespace",
        "data",
        "events",
        "exception",
        "gas_used",
        "gas_wanted",
        "log",
    )

    # Written out, because every transaction has several and a generated one is not compiled.
    def __init__(
        self,
        code: int = OK,
        codespace: str = "",
        log: str = "",
        data: bytes = b"",
        gas_wanted: int = 0,
        gas_used: int = 0,
        events: list[Event] | None = None,
    ) -> None:
        self.code = code
        self.codespace = codespace
        self.log = log
        self.data = data
        self.gas_wanted = gas_wanted
        self.gas_used = gas_used
        self.events: list[Event] = [] if events is None else events
        # An error of the chain, not of the sender, that failed it: to be logged loudly.
        self.exception: BaseException | None = None

    def fail(self, error: ErrorCode, log: str) -> None:
        """Notes why it failed."""
        self.code, self.codespace, self.log = error.code, error.codespace, log


def reject(error: ChainError) -> TxResult:
    """The result of a transaction that does not pass the ante handler."""
    result = TxResult()
    result.fail(error.error, error.log)
    return result


def deliver_tx(store: CacheStore, block: BlockInfo, tx: DecodedTx, params: Params) -> TxResult:
    """Executes a transaction of a block. params: those of accounts, as they are before it."""
    try:
        gas = ante.check(Context(store, block, tx.signer), tx, params)
    except ChainError as error:
        return reject(error)
    result = TxResult(gas_wanted=tx.gas_limit, gas_used=gas)
    result.events.append(_tx_event(tx))
    attempt = Context(CacheStore(store), block, tx.signer)
    try:
        result.data = execute(attempt, tx)
    except ChainError as error:
        result.fail(error.error, error.log)
    except MACHINE_ERRORS:
        raise
    except Exception as exception:  # noqa: BLE001 - one poison transaction must not stop the network
        result.fail(SdkError.PANIC, SdkError.PANIC.text)
        result.exception = exception
    else:
        attempt.store.merge_into(store)
        result.events += attempt.events
    return result


def simulate_tx(store: CacheStore, block: BlockInfo, tx: DecodedTx) -> TxResult:
    """Executes a transaction without its signature and fee, for its gas and its outcome; rejects
    one that breaks a limit or whose signer may not send it before it executes anything.
    """
    ctx = Context(CacheStore(store), block, tx.signer)
    gas = auth.validate_limits(tx, auth.get_params(ctx), block.height)
    ante.require_permission(ctx, tx)
    data = execute(ctx, tx)
    return TxResult(data=data, gas_wanted=gas, gas_used=gas, events=ctx.events)


def execute(ctx: Context, tx: DecodedTx) -> bytes:
    """Runs the messages in their order; returns the TxMsgData with their responses."""
    responses = []
    for index, (handler, message) in enumerate(tx.messages):
        response = handler.run(ctx, message)
        ctx.emit(_message_event(handler.type_url, tx.signer, index))
        responses.append((handler.response_type_url, codec.encode(response)))
    return _encode_responses(tuple(responses))


# Most responses are empty, so there are few distinct ones.
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


# The same accounts keep sending the same messages.
@lru_cache(1 << 14)
def _message_event(action: str, signer: bytes, index: int) -> CosmosEvent:
    attributes = ("action", action), ("sender", bech32.encode(signer)), ("msg_index", str(index))
    return CosmosEvent("message", attributes)
