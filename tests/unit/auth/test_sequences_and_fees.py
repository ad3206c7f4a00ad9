"""Order and fees: each transaction once, in its order, and paid for once."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.auth.v1 import errors_pb2
from cosmos.auth.v1beta1 import auth_pb2, query_pb2
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin
from cosmos.crypto.secp256k1.keys_pb2 import PubKey

from tests.support.streets import people
from tests.support.world import World

FEES = {"auth.params": {"min_gas_price_micro": 100_000}}
PAID: dict[str, Any] = {"gas_limit": 1_000_000, "fee": [("ueur", 100_000)]}
WRONG_SEQUENCE = errors_pb2.WRONG_SEQUENCE


def account(world: World, name: str) -> auth_pb2.BaseAccount:
    """An account as a wallet reads it before it signs."""
    path = "/cosmos.auth.v1beta1.Query/Account"
    request = query_pb2.QueryAccountRequest(address=people.address_text(name))
    answer = world.query(path, request, query_pb2.QueryAccountResponse)
    return auth_pb2.BaseAccount.FromString(answer.account.value)


class TestSequences:
    def test_one_sender_can_have_many_transactions_in_a_block(self) -> None:
        world = World()
        world.block(*(world.send("ben", "anna", 1_000) for _ in range(5)))
        assert [result.code for result in world.results] == [0] * 5
        assert account(world, "ben").sequence == 5

    def test_the_same_transaction_counts_once(self) -> None:
        world = World()
        once = world.send("ben", "anna", 1_000)
        world.block(once, once)
        assert [result.code for result in world.results] == [0, WRONG_SEQUENCE]
        world.block(once)
        assert world.results[0].code == WRONG_SEQUENCE
        assert world.balance("ben") == 100_000_000 - 1_000

    def test_a_gap_stops_what_is_behind_it(self) -> None:
        world = World()
        first, second, third = (world.send("ben", "anna", 1_000) for _ in range(3))
        world.block(first, third)
        assert [result.code for result in world.results] == [0, WRONG_SEQUENCE]
        world.block(second, third)
        assert [result.code for result in world.results] == [0, 0]

    def test_a_failed_transaction_uses_up_its_sequence(self) -> None:
        world = World()
        world.block(world.send("ben", "fred", 1), world.send("ben", "anna", 1))
        assert [result.code for result in world.results] == [errors_pb2.UNKNOWN_ADDRESS, 0]
        assert account(world, "ben").sequence == 2

    def test_a_transaction_that_is_not_admitted_does_not(self) -> None:
        world = World()
        world.block(world.sign("ben", _send(1), memo="x" * 257))
        assert account(world, "ben").sequence == 0

    def test_the_key_is_known_from_the_first_transaction_on(self) -> None:
        world = World()
        assert not account(world, "ben").HasField("pub_key")
        world.block(world.send("ben", "anna", 1))
        known = account(world, "ben").pub_key
        assert known.type_url == "/cosmos.crypto.secp256k1.PubKey"
        assert PubKey.FromString(known.value).key == people.wallet("ben").pub_key


class TestFees:
    def test_the_fee_is_taken_whether_the_messages_succeed_or_not(self) -> None:
        world = World(FEES)
        good = world.sign("ben", _send(5), **PAID)
        bad = world.sign("ben", _send(500_000_000), **PAID)
        world.block(good, bad)
        assert [result.code for result in world.results] == [0, errors_pb2.INSUFFICIENT_FUNDS]
        assert world.balance("ben") == 100_000_000 - 200_000 - 5
        # The treasury, less what it has put into the twelve purses of the day.
        assert world.balance("treasury") == 1_000_000_000 + 200_000 - 12 * 2_750_000

    def test_the_fee_is_gone_before_the_messages_run(self) -> None:
        world = World({**FEES, "bank.balances[ben, ueur]": 100_005})
        world.block(world.sign("ben", _send(6), **PAID))
        assert world.results[0].code == errors_pb2.INSUFFICIENT_FUNDS
        world.block(world.sign("ben", _send(6), fee=[("ueur", 0)]))
        assert world.results[0].code == errors_pb2.INSUFFICIENT_FEE

    def test_the_minimum_is_for_the_gas_limit_and_rounded_up(self) -> None:
        world = World({"auth.params": {"min_gas_price_micro": 1}})
        tx = world.sign("ben", _send(1), gas_limit=1_000_001, fee=[("ueur", 1)])
        world.block(tx)
        assert world.results[0].code == errors_pb2.INSUFFICIENT_FEE
        tx = world.sign("ben", _send(1), gas_limit=1_000_001, fee=[("ueur", 2)])
        world.block(tx)
        assert world.results[0].code == 0

    def test_without_a_minimum_a_fee_of_zero_may_be_named(self) -> None:
        world = World()
        world.block(world.sign("ben", _send(1), fee=[("ueur", 0)]))
        assert world.results[0].code == 0

    def test_more_than_the_minimum_may_be_paid(self) -> None:
        world = World()
        world.block(world.sign("ben", _send(1), fee=[("ueur", 77)]))
        assert world.balance("ben") == 100_000_000 - 78


class TestGas:
    def test_bytes_and_messages_take_gas(self) -> None:
        world = World()
        short, long = world.sign("ben", _send(1)), world.sign("ben", _send(1), memo="x" * 100)
        several = world.sign("ben", *[_send(1)] * 3)
        world.block(short, long, several)
        used = [result.gas_used for result in world.results]
        # 1,000 for a transfer, and 1,000 for each coin of it.
        assert used[:2] == [12_000 + 10 * len(short), 12_000 + 10 * len(long)]
        assert used[2] == 16_000 + 10 * len(several)

    @pytest.mark.parametrize(("missing", "code"), [(0, 0), (1, errors_pb2.OUT_OF_GAS)])
    def test_the_limit_may_be_used_up_to_the_last_unit(self, missing: int, code: int) -> None:
        world = World()
        size = len(world.sign("ben", _send(1), gas_limit=15_000))
        world = World()
        world.block(world.sign("ben", _send(1), gas_limit=12_000 + 10 * size - missing))
        assert world.results[0].code == code


def _send(amount: int) -> MsgSend:
    return MsgSend(
        from_address=people.address_text("ben"),
        to_address=people.address_text("anna"),
        amount=[Coin(denom="ueur", amount=str(amount))],
    )
