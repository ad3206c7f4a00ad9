"""Sends transactions with one key: tracks its sequence, waits for inclusion, resends if needed.

A transaction that may have reached the node is resent only as the same bytes, so it takes effect at
most once. It is signed anew only if the node rejected its sequence and never accepted it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from blockenergy.auth.v1 import errors_pb2
from blockenergy.auth.v1.query_pb2 import QueryParamsRequest, QueryParamsResponse
from blockenergy.auth.v1.state_pb2 import Params
from cosmos.auth.v1beta1.auth_pb2 import BaseAccount
from cosmos.auth.v1beta1.query_pb2 import QueryAccountRequest, QueryAccountResponse
from cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf.message import DecodeError, Message

from chain.runtime.encoding import bech32
from client.cost import Cost, GasPrice, Wish, compute_cost
from client.errors import RejectedError, RpcError
from client.node.rpc import POLL_INTERVAL_S, Rpc
from client.node.rpc_types import BroadcastResult, Event, TxResult
from client.queries import query
from client.signing import tx
from client.signing.keys import AccountKey

DEFAULT_WAIT_S = 30.0
_WRONG_SEQUENCE = ("sdk", errors_pb2.WRONG_SEQUENCE)
# The parameters of fees may have changed since they were read.
_WRONG_COST = (("sdk", errors_pb2.INSUFFICIENT_FEE), ("sdk", errors_pb2.OUT_OF_GAS))
_NOT_FOUND = ("sdk", errors_pb2.KEY_NOT_FOUND)
_SIGNINGS_MAX = 5
_EXPECTED_SEQUENCE = re.compile(r"expected (\d+)", re.ASCII)
# CometBFT's errors for a transaction that it already has, and for a full mempool.
_ALREADY_IN_MEMPOOL = "already exists in cache"
_MEMPOOL_FULL = "mempool is full"


@dataclass(frozen=True, slots=True)
class TxOutcome:
    """The result of a sent transaction.

    Height 0: not in a block, because it was rejected (code not 0) or not waited for (code 0).
    """

    hash: bytes
    height: int
    code: int
    codespace: str
    log: str
    gas_used: int = 0
    # One per message, of the rpc's response type; none if the transaction failed.
    responses: tuple[Message, ...] = ()
    events: tuple[Event, ...] = ()

    def require_ok(self) -> TxOutcome:
        """Returns the outcome; raises RejectedError if the transaction was rejected or failed."""
        if self.code:
            raise RejectedError(self.codespace, self.code, self.log, self.hash, self.height)
        return self


@dataclass(frozen=True, slots=True)
class Account:
    """The account numbers that a signature covers."""

    account_number: int
    sequence: int


def get_account(rpc: Rpc, address: str) -> Account:
    """The account of an address; raises RejectedError if the address is not registered."""
    try:
        packed = query(rpc, QueryAccountRequest(address=address), QueryAccountResponse).account
    except RejectedError as error:
        if (error.codespace, error.code) != _NOT_FOUND:
            raise
        # The chain's own text here is written for wallets.
        log = f"the address {address} is not registered; ask the registrar to add it"
        raise RejectedError(error.codespace, error.code, log) from error
    account = tx.unpack(packed)
    if not isinstance(account, BaseAccount):
        raise RpcError(f"the node returned account {address} as {packed.type_url or 'nothing'}")
    return Account(account.account_number, account.sequence)


class Signer:
    """Signs and sends with one key. Thread-safe.

    It signs for `chain_id` only, whatever the node says that it is on. `gas_limit` and `fee` are
    computed from each transaction and the chain's parameters unless given; `gas_price` takes the
    place of the chain's minimum. `fee_granter` is the account that pays the fees, if another does.
    `get_params` fetches the parameters, if not as the node says them. For a chain of another kind,
    `prefix` is that of its addresses, and `get_cost` says what a transaction costs there.
    Two programs can send with the same key at the same time, but each collision of sequences costs
    a new signature.
    """

    def __init__(
        self,
        rpc: Rpc,
        key: AccountKey,
        *,
        chain_id: str,
        fee: Sequence[Coin] | None = None,
        gas_limit: int = 0,
        gas_price: GasPrice | None = None,
        fee_granter: str = "",
        wait_s: float = DEFAULT_WAIT_S,
        get_params: Callable[[], Params] | None = None,
        prefix: str = bech32.PREFIX,
        get_cost: Callable[[Sequence[Message]], Cost] | None = None,
    ) -> None:
        self.rpc = rpc
        self.key = key
        self.address = bech32.encode_with_prefix(bech32.decode(key.address), prefix)
        self.chain_id = chain_id
        self._wish = Wish(gas_limit, fee, gas_price)
        self._fee_granter = fee_granter
        self._wait_s = wait_s
        self._get_params = get_params or (lambda: _get_params(rpc))
        self._get_cost = get_cost
        self._lock = threading.Lock()
        self._account: Account | None = None
        self._params: Params | None = None

    def send(
        self,
        messages: Sequence[Message],
        *,
        wait: bool = True,
        memo: str = "",
        timeout_height: int = 0,
    ) -> TxOutcome:
        """Sends the messages in one transaction and, with `wait`, waits until it is in a block.

        A rejection is returned in the outcome. Raises RpcError if the node fails or does not
        include the transaction in time; it may still be included later.
        """
        deadline = time.monotonic() + self._wait_s
        with self._lock:
            sent = self._send_in_sequence(messages, memo, timeout_height, deadline)
        if sent.code or not wait:
            return TxOutcome(sent.hash, 0, sent.code, sent.codespace, sent.log)
        try:
            outcome = _make_outcome(self._wait(sent.hash, deadline))
        except RpcError:
            self.forget_sequence()
            raise
        if (outcome.codespace, outcome.code) == _WRONG_SEQUENCE:
            self.forget_sequence()
        return outcome

    def sign(self, messages: Sequence[Message], *, timeout_height: int = 0) -> bytes:
        """The bytes of a transaction with the sequence that the chain expects now; not sent."""
        with self._lock:
            return self._sign(messages, "", timeout_height, get_account(self.rpc, self.address))

    def send_signed(self, raw: bytes, *, wait: bool = True) -> TxOutcome:
        """Sends signed bytes, which take effect at most once, and waits as `send` does.

        A rejection is returned in the outcome. Raises RpcError as `send` does.
        """
        deadline = time.monotonic() + self._wait_s
        self.forget_sequence()
        sent = self._broadcast(raw, deadline)
        if sent.code or not wait:
            return TxOutcome(sent.hash, 0, sent.code, sent.codespace, sent.log)
        return _make_outcome(self._wait(sent.hash, deadline))

    def forget_sequence(self) -> None:
        """Makes the next transaction fetch the sequence from the chain."""
        with self._lock:
            self._account = None

    def _send_in_sequence(
        self, messages: Sequence[Message], memo: str, timeout_height: int, deadline: float
    ) -> BroadcastResult:
        for _ in range(_SIGNINGS_MAX):
            account = self._account or get_account(self.rpc, self.address)
            self._account = None
            knew_params = self._params is not None
            raw = self._sign(messages, memo, timeout_height, account)
            sent = self._broadcast(raw, deadline)
            if sent.code == 0:
                self._account = Account(account.account_number, account.sequence + 1)
                return sent
            if (sent.codespace, sent.code) != _WRONG_SEQUENCE:
                self._account = account
                if (sent.codespace, sent.code) in _WRONG_COST and knew_params:
                    self._params = None
                    continue
                return sent
            # The node includes its mempool in the expected sequence; the account query does not.
            expected = _EXPECTED_SEQUENCE.search(sent.log)
            if expected:
                self._account = Account(account.account_number, int(expected[1]))
        return sent

    def _sign(
        self, messages: Sequence[Message], memo: str, timeout_height: int, account: Account
    ) -> bytes:
        gas_limit, fee = self._compute_cost(messages, memo, timeout_height)
        return tx.sign(
            messages,
            self.key,
            self.chain_id,
            account.account_number,
            account.sequence,
            fee,
            gas_limit,
            memo,
            timeout_height,
            self._fee_granter,
        )

    def _compute_cost(self, messages: Sequence[Message], memo: str, timeout_height: int) -> Cost:
        if self._get_cost is not None:
            return self._get_cost(messages)
        if self._wish.gas_limit and self._wish.fee is not None:
            return Cost(self._wish.gas_limit, self._wish.fee)
        params = self._params = self._params or self._get_params()
        return compute_cost(
            params,
            messages,
            self.key.pub_key,
            memo,
            timeout_height,
            self._wish,
            self._fee_granter,
        )

    def _broadcast(self, raw: bytes, deadline: float) -> BroadcastResult:
        """Resends the same bytes until the node accepts or rejects them."""
        tx_hash = tx.compute_hash(raw)
        is_lost = False
        while True:
            try:
                sent = self.rpc.broadcast_tx_sync(raw)
                break
            except RpcError as error:
                if _ALREADY_IN_MEMPOOL in error.detail:
                    return BroadcastResult(tx_hash, 0, "", "")
                is_temporary = not error.detail or _MEMPOOL_FULL in error.detail
                if not is_temporary or time.monotonic() >= deadline:
                    raise
                is_lost = is_lost or not error.detail
            time.sleep(POLL_INTERVAL_S)
        if is_lost and (sent.codespace, sent.code) == _WRONG_SEQUENCE:
            # An earlier attempt may have been accepted although its response was lost.
            self._wait(tx_hash, deadline)
            return BroadcastResult(tx_hash, 0, "", "")
        return sent

    def _wait(self, tx_hash: bytes, deadline: float) -> TxResult:
        return self.rpc.wait_for_tx(tx_hash, max(0.0, deadline - time.monotonic()))


def _get_params(rpc: Rpc) -> Params:
    return query(rpc, QueryParamsRequest(), QueryParamsResponse).params


def read_responses(data: bytes) -> tuple[Message, ...]:
    """What the messages of a transaction have answered, from its data. Raises RpcError."""
    try:
        return tuple(tx.unpack(one) for one in TxMsgData.FromString(data).msg_responses)
    except DecodeError as error:
        raise RpcError("the result of the transaction cannot be decoded") from error


def _make_outcome(found: TxResult) -> TxOutcome:
    result = found.result
    return TxOutcome(
        hash=found.hash,
        height=found.height,
        code=result.code,
        codespace=result.codespace,
        log=result.log,
        gas_used=result.gas_used,
        responses=read_responses(result.data),
        events=result.events,
    )
