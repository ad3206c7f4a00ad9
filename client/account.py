"""Sends transactions for one key: keeps its sequence, waits for inclusion, recovers from a loss.

A transaction that was handed to the node is sent again only as the same bytes, so that it has
effect at most once. It is signed anew only after the node has refused it for its sequence without
ever having taken it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from blockenergy.auth.v1 import errors_pb2
from blockenergy.auth.v1.query_pb2 import QueryParamsRequest, QueryParamsResponse
from blockenergy.auth.v1.state_pb2 import Params
from cosmos.auth.v1beta1.auth_pb2 import BaseAccount
from cosmos.auth.v1beta1.query_pb2 import QueryAccountRequest, QueryAccountResponse
from cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf.message import DecodeError, Message

from client import tx
from client.errors import RefusedError, RpcError
from client.keys import AccountKey
from client.queries import query
from client.rpc import POLL_INTERVAL_S, Rpc
from client.rpc_types import BroadcastResult, Event, TxResult

DEFAULT_WAIT_S = 30.0
_WRONG_SEQUENCE = ("sdk", errors_pb2.WRONG_SEQUENCE)
_NOT_FOUND = ("sdk", errors_pb2.KEY_NOT_FOUND)
_SIGNINGS_MAX = 5
_EXPECTED_SEQUENCE = re.compile(r"expected (\d+)", re.ASCII)
# What CometBFT says of a transaction that it has, and of one that it has no room for.
_ALREADY_TAKEN = "already exists in cache"
_MEMPOOL_FULL = "mempool is full"
_LARGEST_AMOUNT = str((1 << 64) - 1)
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class TxOutcome:
    """What became of a transaction.

    Height 0 means that it is in no block: refused before (code not 0), or not waited for (code 0).
    """

    hash: bytes
    height: int
    code: int
    codespace: str
    log: str
    gas_used: int = 0
    # One per message, of the type that its rpc names; none if the transaction was refused.
    responses: tuple[Message, ...] = ()
    events: tuple[Event, ...] = ()

    def require_ok(self) -> TxOutcome:
        """The outcome itself; raises RefusedError if the chain refused the transaction."""
        if self.code:
            raise RefusedError(self.codespace, self.code, self.log, self.hash, self.height)
        return self


@dataclass(frozen=True, slots=True)
class Account:
    """The numbers that a signature must cover."""

    account_number: int
    sequence: int


def get_account(rpc: Rpc, address: str) -> Account:
    """The account of an address; raises RefusedError if the address is not registered."""
    try:
        packed = query(rpc, QueryAccountRequest(address=address), QueryAccountResponse).account
    except RefusedError as error:
        if (error.codespace, error.code) != _NOT_FOUND:
            raise
        # What the chain says here is worded for wallets.
        log = f"the address {address} is not registered; ask the registrar to add it"
        raise RefusedError(error.codespace, error.code, log) from error
    account = tx.unpack(packed)
    if not isinstance(account, BaseAccount):
        raise RpcError(f"the node describes account {address} by {packed.type_url or 'nothing'}")
    return Account(account.account_number, account.sequence)


class Signer:
    """Signs and sends with one key; may be used by several threads.

    `chain_id` is asked of the node if empty. `gas_limit` and `fee` follow from the size of each
    transaction and the chain's parameters unless they are given. No other program should send with
    the same key at the same time: it works, but costs a new signature each time they collide.
    """

    def __init__(
        self,
        rpc: Rpc,
        key: AccountKey,
        *,
        chain_id: str = "",
        fee: Sequence[Coin] | None = None,
        gas_limit: int = 0,
        wait_s: float = DEFAULT_WAIT_S,
    ) -> None:
        self.rpc = rpc
        self.key = key
        self.address = key.address
        self._chain_id = chain_id
        self._fee = fee
        self._gas_limit = gas_limit
        self._wait_s = wait_s
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
        """Sends one transaction with these messages and, if asked, waits until it is in a block.

        A refusal is in the outcome. Raises RpcError if the node fails or does not include the
        transaction in time: it may then still get into a block.
        """
        deadline = time.monotonic() + self._wait_s
        with self._lock:
            taken = self._send_in_sequence(messages, memo, timeout_height, deadline)
        if taken.code or not wait:
            return TxOutcome(taken.hash, 0, taken.code, taken.codespace, taken.log)
        try:
            outcome = _make_outcome(self._wait(taken.hash, deadline))
        except RpcError:
            self.forget_sequence()
            raise
        if (outcome.codespace, outcome.code) == _WRONG_SEQUENCE:
            self.forget_sequence()
        return outcome

    def forget_sequence(self) -> None:
        """Has the next transaction ask the chain for the sequence."""
        with self._lock:
            self._account = None

    def _send_in_sequence(
        self, messages: Sequence[Message], memo: str, timeout_height: int, deadline: float
    ) -> BroadcastResult:
        for _ in range(_SIGNINGS_MAX):
            account = self._account or get_account(self.rpc, self.address)
            self._account = None
            raw = self._sign(messages, memo, timeout_height, account)
            taken = self._broadcast(raw, deadline)
            if taken.code == 0:
                self._account = Account(account.account_number, account.sequence + 1)
                return taken
            if (taken.codespace, taken.code) != _WRONG_SEQUENCE:
                self._account = account
                return taken
            # The node counts what waits in its mempool; the chain's own answer does not.
            expected = _EXPECTED_SEQUENCE.search(taken.log)
            if expected:
                self._account = Account(account.account_number, int(expected[1]))
        return taken

    def _sign(
        self, messages: Sequence[Message], memo: str, timeout_height: int, account: Account
    ) -> bytes:
        gas_limit, fee = self._compute_gas_and_fee(messages, memo, timeout_height)
        self._chain_id = self._chain_id or self.rpc.status().chain_id
        return tx.sign(
            messages,
            self.key,
            self._chain_id,
            account.account_number,
            account.sequence,
            fee,
            gas_limit,
            memo,
            timeout_height,
        )

    def _compute_gas_and_fee(
        self, messages: Sequence[Message], memo: str, timeout_height: int
    ) -> tuple[int, Sequence[Coin]]:
        """What was asked for, else what the largest form of the transaction takes."""
        if self._gas_limit and self._fee is not None:
            return self._gas_limit, self._fee
        params = self._params = self._params or _get_params(self.rpc)
        fee = self._fee
        if fee is None:
            has_price = params.min_gas_price_micro > 0
            fee = [Coin(denom=params.fee_denom, amount=_LARGEST_AMOUNT)] if has_price else []
        size = tx.compute_size_max(messages, self.key.pub_key, fee, memo, timeout_height)
        estimate = params.gas_per_tx + params.gas_per_byte * size
        gas_limit = self._gas_limit or min(estimate, params.gas_limit_max)
        if self._fee is not None or not fee:
            return gas_limit, fee
        amount = -(-gas_limit * params.min_gas_price_micro // _MICRO)
        return gas_limit, [Coin(denom=params.fee_denom, amount=str(amount))]

    def _broadcast(self, raw: bytes, deadline: float) -> BroadcastResult:
        """Hands the same bytes over until the node has said yes or no to them."""
        tx_hash = tx.compute_hash(raw)
        is_lost = False
        while True:
            try:
                taken = self.rpc.broadcast_tx_sync(raw)
                break
            except RpcError as error:
                if _ALREADY_TAKEN in error.detail:
                    return BroadcastResult(tx_hash, 0, "", "")
                may_pass = not error.detail or _MEMPOOL_FULL in error.detail
                if not may_pass or time.monotonic() >= deadline:
                    raise
                is_lost = is_lost or not error.detail
            time.sleep(POLL_INTERVAL_S)
        if is_lost and (taken.codespace, taken.code) == _WRONG_SEQUENCE:
            # An earlier attempt may have been taken although its answer was lost.
            self._wait(tx_hash, deadline)
            return BroadcastResult(tx_hash, 0, "", "")
        return taken

    def _wait(self, tx_hash: bytes, deadline: float) -> TxResult:
        return self.rpc.wait_for_tx(tx_hash, max(0.0, deadline - time.monotonic()))


def _get_params(rpc: Rpc) -> Params:
    return query(rpc, QueryParamsRequest(), QueryParamsResponse).params


def _make_outcome(found: TxResult) -> TxOutcome:
    result = found.result
    try:
        responses = tuple(tx.unpack(one) for one in TxMsgData.FromString(result.data).msg_responses)
    except DecodeError as error:
        raise RpcError("the result of the transaction cannot be read") from error
    return TxOutcome(
        hash=found.hash,
        height=found.height,
        code=result.code,
        codespace=result.codespace,
        log=result.log,
        gas_used=result.gas_used,
        responses=responses,
        events=result.events,
    )
