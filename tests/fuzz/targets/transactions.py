"""Transactions: untrusted bytes, and valid ones with any message inside.

What is decoded is decoded again to the same, and written again to the same bytes. What is rejected
changes nothing, or, once admitted, nothing but its signer's sequence and the fee. Nothing that a
message says breaks a handler, its events, or the invariants after its block.
"""

from __future__ import annotations

import zlib
from random import Random
from typing import Any

from cosmos.tx.v1beta1 import tx_pb2

from abci_app.results import encode_exec_result, make_check_result
from chain import app, auth
from chain.auth.state import ACCOUNTS
from chain.bank.state import BALANCES
from chain.mempool import Mempool
from chain.runtime.context import BlockInfo
from chain.runtime.errors import ChainError
from chain.runtime.state.store import CacheStore
from chain.runtime.tx import DecodedTx, decode, sign_bytes
from chain.transactions import TxResult
from tests.fuzz.making import wire
from tests.fuzz.making.street import choose_street, get_street, get_streets, split_street
from tests.fuzz.target import ACCEPTED, judge_rejection, require
from tests.support.streets import people
from tests.support.transactions import sign_content
from tests.support.world import World

CORPUS = 400
# Max size of the responses and events of one transaction.
RESULT_BYTES_MAX = 256 * 1024
_FEE_KEYS = (ACCOUNTS.prefix, BALANCES.prefix)


class Transactions:
    """Bytes of transactions, mutated at the level of the wire; some are signed again."""

    name = "transactions"
    batch = 5_000

    def __init__(self) -> None:
        self.street = get_street()
        random = Random(1)
        messages = [self.street.make_message(random) for _ in range(CORPUS)]
        self._corpus = [self.street.sign(message, random) for message in messages]

    def begin(self) -> None:
        """Nothing is carried over."""

    def make(self, random: Random) -> bytes:
        raw = random.choice(self._corpus)
        if random.random() < 0.2:
            return self._sign_again(raw, random)
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            raw = wire.mutate(raw, random, self.street.tokens)
        return raw

    def check(self, data: bytes) -> str:
        try:
            decoded = decode(data, app.RULES.handlers)
        except ChainError as error:
            outcome = judge_rejection(error.error.codespace, error.error.code, error.log)
            require(error.error.codespace == "sdk", "a decoder rejects with codes of the SDK")
            decoded = None
        if decoded is None:
            _require_rejected_without_signature(data)
        else:
            outcome = ACCEPTED
            again = decode(data, app.RULES.handlers)
            require(
                _list_content(again) == _list_content(decoded), "decoded twice to other content"
            )
            _require_one_form(data, decoded)
        executed = judge_execution(self.street.world, data)
        require(decoded is not None or executed == outcome, f"decoding: {outcome}, not {executed}")
        return executed if decoded is not None else outcome

    def end(self) -> None:
        """Nothing is left behind."""

    def close(self) -> None:
        """Nothing was opened."""

    def _sign_again(self, raw: bytes, random: Random) -> bytes:
        """Another body or other authentication data, with a signature that fits."""
        tx = tx_pb2.TxRaw.FromString(raw)
        body, auth_info = tx.body_bytes, tx.auth_info_bytes
        if random.random() < 0.7:
            body = wire.mutate(body, random, self.street.tokens)
        else:
            auth_info = wire.mutate(auth_info, random, self.street.tokens)
        name = self._signers(raw)
        account = auth.get_account(self.street.world.state, people.wallet(name).address)
        number = account.account_number if account else 0
        content = sign_bytes(body, auth_info, self.street.world.block_info.chain_id, number)
        signature = sign_content(people.wallet(name), content)
        signed = tx_pb2.TxRaw(body_bytes=body, auth_info_bytes=auth_info, signatures=[signature])
        return wire.encode_canonically(signed)

    def _signers(self, raw: bytes) -> str:
        """Who signed a transaction of the corpus."""
        item = tx_pb2.TxBody.FromString(tx_pb2.TxRaw.FromString(raw).body_bytes).messages[0]
        handler = app.RULES.handlers[item.type_url]
        return people.name_of(
            getattr(handler.message_type.FromString(item.value), handler.signer_field)
        )


class Messages:
    """Good transactions with any message: what the handlers make of it. Behind the number of the
    street that they are for.
    """

    name = "messages"
    batch = 5_000

    def __init__(self) -> None:
        get_streets()

    def begin(self) -> None:
        """Nothing is carried over."""

    def make(self, random: Random) -> bytes:
        number, street = choose_street(random)
        return number + street.sign(street.make_message(random), random)

    def check(self, data: bytes) -> str:
        street, raw = split_street(data)
        return judge_execution(street.world, raw)

    def end(self) -> None:
        """Nothing is left behind."""

    def close(self) -> None:
        """Nothing was opened."""


def judge_execution(world: World, raw: bytes) -> str:
    """Admits and executes a transaction in the next block of a world."""
    block = BlockInfo(world.block_info.chain_id, world.height + 1, world.time_s + 1)
    mempool = Mempool(world.store, block)
    admitted = app.check_tx(mempool, raw)
    make_check_result(admitted)
    if admitted.code:
        again = app.check_tx(mempool, raw)
        same = (again.code, again.log) == (admitted.code, admitted.log)
        require(same, "rejected, and then rejected for another reason")
    store = CacheStore(world.store)
    result = app.deliver_tx(store, block, raw)
    app.RULES.forget_txs([raw])
    if result.exception is not None:
        raise result.exception
    _require_bounded(result)
    if result.code:
        outcome = judge_rejection(result.codespace, result.code, result.log)
        _require_nothing_but_the_fee(store, is_admitted=not admitted.code)
    else:
        require(not admitted.code, "executed, but CheckTx had rejected it")
        outcome = ACCEPTED
    if not admitted.code and zlib.crc32(raw) % 8 == 0:
        _require_invariants(world, block, raw)
    return outcome


def _require_bounded(result: TxResult) -> None:
    size = len(encode_exec_result(result))
    require(size <= RESULT_BYTES_MAX, f"the result has {size} bytes")


def _require_nothing_but_the_fee(store: CacheStore, is_admitted: bool) -> None:
    if not is_admitted:
        require(not store.changes, "not admitted, but the state has changed")
    wrong = [key.hex() for key in store.changes if not key.startswith(_FEE_KEYS)]
    require(not wrong, f"rejected, but changes {wrong[:5]}")


def _require_invariants(world: World, block: BlockInfo, raw: bytes) -> None:
    """A whole block with the transaction: whatever it did, every invariant holds after it."""
    result = app.finalize_block(world.store, block, [raw])
    after = CacheStore(world.store)
    after.changes.update(result.changes)
    problems = app.check_invariants(after)
    require(not problems, f"after its block: {problems[:3]}")


def _require_rejected_without_signature(data: bytes) -> None:
    """Simulation decodes what has no signature; it may take more, but not break."""
    try:
        decode(data, app.RULES.handlers, signed=False)
    except ChainError as error:
        judge_rejection(error.error.codespace, error.error.code, error.log)


def _list_content(tx: DecodedTx) -> tuple[Any, ...]:
    return (
        *(tx.messages, tx.signer, tx.pub_key, tx.sequence, tx.fee, tx.gas_limit, tx.memo_bytes),
        *(tx.timeout_height, tx.body_bytes, tx.auth_info_bytes, tx.signature),
    )


def _require_one_form(raw: bytes, decoded: DecodedTx) -> None:
    """What was accepted is the canonical encoding of its content, at every level."""
    for kind, data in (
        (tx_pb2.TxRaw, raw),
        (tx_pb2.TxBody, decoded.body_bytes),
        (tx_pb2.AuthInfo, decoded.auth_info_bytes),
    ):
        again = wire.encode_canonically(kind.FromString(data))
        require(again == data, f"accepted a {kind.DESCRIPTOR.name} that is not canonical")
    body = tx_pb2.TxBody.FromString(decoded.body_bytes)
    for item, (_, message) in zip(body.messages, decoded.messages, strict=True):
        again = wire.encode_canonically(message)
        require(again == item.value, f"accepted a {item.type_url} that is not canonical")
