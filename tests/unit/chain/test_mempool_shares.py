"""The mempool and the blocks are shared: nobody fills them, readings and cancellations go first."""

from __future__ import annotations

from collections import Counter

import pytest
from blockenergy.auth.v1 import errors_pb2
from blockenergy.bank.v1 import tx_pb2 as bank_tx_pb2
from blockenergy.metering.v1 import tx_pb2 as metering_tx_pb2
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf.message import Message

from chain import app
from chain.mempool import MORE_BYTES_MAX, Mempool
from chain.pace import Pace
from chain.proposals import BlockSize
from chain.runtime.gas import compute_message_gas
from chain.runtime.tx import DecodedTx
from tests.support.streets import people
from tests.support.world import World

FULL = errors_pb2.MEMPOOL_IS_FULL
MANY = 10**7
GAS_LIMIT = 50_000


def send(name: str) -> MsgSend:
    """A payment of one to somebody else."""
    target = "clara" if name == "ben" else "ben"
    return MsgSend(
        from_address=people.address_text(name),
        to_address=people.address_text(target),
        amount=[Coin(denom="ueur", amount="1")],
    )


def reading() -> Message:
    """A message with a reading of nobody's meter: it is executed, and the reading rejected."""
    bridge = people.address_text("bridge")
    return metering_tx_pb2.MsgSubmitReadings(
        bridge=bridge, readings=[metering_tx_pb2.MsgSubmitReadings().readings.add()]
    )


def void() -> Message:
    """A hold that is given back, or would be if there were one."""
    return bank_tx_pb2.MsgVoidHold(
        beneficiary=people.address_text("clara"), owner=people.address_text("ben"), hold_id=1
    )


def name_senders(txs: list[bytes]) -> list[bytes]:
    return [decode(raw).signer for raw in txs]


def decode(raw: bytes) -> DecodedTx:
    return app.RULES.decode_tx(raw, 16)


def sign(world: World, name: str, *messages: Message) -> bytes:
    return world.sign(name, *messages, gas_limit=GAS_LIMIT)


class TestMempool:
    @staticmethod
    def fill(mempool: Mempool, world: World, name: str) -> int:
        """Sends until the mempool rejects; returns how many it took."""
        for count in range(1000):
            code = app.check_tx(mempool, world.sign(name, send(name))).code
            if code:
                assert code == FULL
                return count
        raise AssertionError("the mempool took everything")

    def test_who_sends_without_end_leaves_room_for_everybody_else(self) -> None:
        world = World()
        world.block()
        size = len(world.sign("ben", send("ben")))
        world = World()
        world.block()
        mempool = Mempool(world.store, world.block_info, 90 * (size + 8))
        counts = [self.fill(mempool, world, name) for name in ("ben", "clara", "anna")]
        # Its first, and an eighth, then an eighth of what that leaves, and so on.
        assert counts[0] == 11
        assert all(count > 1 for count in counts)

    def test_everybody_has_room_for_one_when_there_is_none_for_more(self) -> None:
        world = World()
        world.block()
        mempool = Mempool(world.store, world.block_info, 0)
        assert [self.fill(mempool, world, name) for name in ("ben", "clara", "anna")] == [1, 1, 1]

    def test_what_waits_already_is_never_rejected_for_lack_of_room(self) -> None:
        world = World()
        world.block()
        txs = [world.sign("ben", send("ben")) for _ in range(3)]
        mempool = Mempool(world.store, world.block_info, 8 * len(txs[0]) + 20)
        assert [app.check_tx(mempool, raw).code for raw in txs] == [0, 0, FULL]
        again = Mempool(world.store, world.block_info, 0)
        assert [app.check_tx(again, raw, is_new=False).code for raw in txs] == [0, 0, 0]

    def test_a_large_first_one_takes_none_of_the_room_for_small_ones(self) -> None:
        world = World()
        world.block()
        mempool = Mempool(world.store, world.block_info, 0)
        large = world.sign("ben", *[send("ben")] * 16)
        assert len(large) > 2048
        assert app.check_tx(mempool, large).code == FULL

    def test_readings_and_cancellations_have_rooms_of_their_own(self) -> None:
        world = World()
        world.block()
        mempool = Mempool(world.store, world.block_info, 0)
        assert self.fill(mempool, world, "ben") == 1
        assert app.check_tx(mempool, world.sign("bridge", reading())).code == 0
        assert app.check_tx(mempool, world.sign("clara", void())).code == 0

    def test_what_is_rejected_is_not_remembered_and_needs_no_signature(self) -> None:
        world = World()
        world.block()
        mempool = Mempool(world.store, world.block_info, 0)
        assert app.check_tx(mempool, world.sign("ben", send("ben"))).code == 0
        raw = world.sign("ben", send("ben"))
        found = app.find_signer_data(mempool.store, mempool.block, raw, mempool)
        assert found is None
        assert app.check_tx(mempool, raw).code == FULL
        assert raw not in app.RULES._txs._entries
        wrong = world.spoil("ben", send("ben"), chain_id="street-2")
        assert app.check_tx(Mempool(world.store, world.block_info), wrong).code
        assert wrong not in app.RULES._txs._entries


class TestPace:
    """A proposer gives blocks as much as they get through in the time they are meant to take."""

    @staticmethod
    def follow(pace: Pace, gas_per_ms: int, tx_gas: int = 1, empty_ms: int = 0) -> Pace:
        """After 300 full blocks of equal transactions, on machines of some speed."""
        for _ in range(300):
            gas = pace.gas // tx_gas * tx_gas
            pace.note_block(gas, empty_ms + gas // gas_per_ms)
        return pace

    @pytest.mark.parametrize("tx_gas", [1, 15_000, 600_000])
    @pytest.mark.parametrize("gas_per_ms", [50_000, 160_000, 1_000_000])
    def test_full_blocks_come_to_take_the_time(self, gas_per_ms: int, tx_gas: int) -> None:
        pace = self.follow(Pace(120), gas_per_ms, tx_gas)
        assert 90 <= pace.gas // gas_per_ms <= 140

    def test_there_is_room_however_slow_blocks_are(self) -> None:
        pace = self.follow(Pace(120), 1)
        assert pace.gas == 3_000_000
        assert pace.more_bytes > 64 * 1024

    def test_a_block_that_is_not_full_tells_nothing(self) -> None:
        pace = Pace()
        before = pace.gas
        pace.note_block(before // 3, 10_000)
        pace.note_block(0, 0)
        assert pace.gas == before

    def test_quick_blocks_never_lower_it(self) -> None:
        pace = Pace()
        before = pace.gas
        for _ in range(100):
            pace.note_block(before * 51 // 100, 5)
        assert pace.gas == before

    def test_the_way_between_validators_does_not_count(self) -> None:
        pace = Pace(120)
        for _ in range(50):
            pace.note_block(0, 200)
        self.follow(pace, 160_000, empty_ms=200)
        assert 90 <= pace.gas // 160_000 <= 160

    def test_a_large_block_of_somebody_else_is_measured_by_its_size(self) -> None:
        pace = Pace(120)
        for _ in range(100):
            pace.note_block(200_000_000, 1_250)
            self.follow(pace, 160_000)
        assert 90 <= pace.gas // 160_000 <= 140

    def test_what_waits_for_a_proposer_stays_within_what_cometbft_holds(self) -> None:
        assert self.follow(Pace(60_000), 10_000_000).more_bytes == MORE_BYTES_MAX


class TestBlocks:
    @staticmethod
    def propose(
        world: World, txs: list[bytes], max_tx_bytes: int = MANY, wanted_gas: int = 10**12
    ) -> list[bytes]:
        """The proposal, which others accept."""
        chosen = app.prepare_proposal(
            world.store, world.block_info, txs, BlockSize(max_tx_bytes, wanted_gas)
        )
        assert app.process_proposal(world.store, world.block_info, chosen)
        return chosen

    @staticmethod
    def start(transfers: int) -> World:
        """A world whose blocks have gas for this many transfers."""
        world = World()
        size = len(sign(world, "ben", send("ben"))) + 8
        gas = transfers * (10_000 + 10 * size + compute_message_gas(send("ben")))
        limits = {"auth.params": {"gas_per_block_max": gas, "gas_limit_max": GAS_LIMIT}}
        world = World(limits)
        world.block()
        return world

    def test_a_block_is_shared_by_accounts_and_not_by_who_was_first(self) -> None:
        world = self.start(transfers=6)
        flood = [sign(world, "ben", send("ben")) for _ in range(20)]
        late = [sign(world, "clara", send("clara")) for _ in range(2)]
        chosen = self.propose(world, flood + late)
        senders = Counter(name_senders(chosen))
        assert sorted(senders.values()) == [2, 4]
        assert [raw for raw in chosen if raw in flood] == flood[:4]

    def test_readings_and_cancellations_go_first_and_leave_a_quarter(self) -> None:
        world = self.start(transfers=16)
        others = [sign(world, "ben", send("ben")) for _ in range(20)]
        readings = [sign(world, "bridge", reading()) for _ in range(20)]
        voids = [sign(world, "clara", void()) for _ in range(20)]
        chosen = self.propose(world, others + readings + voids)
        lanes = Counter(decode(raw).lane for raw in chosen)
        assert chosen[0] == readings[0]
        assert lanes[1] >= 3
        assert lanes[2] >= 1
        assert lanes[0] >= 2

    def test_what_others_leave_is_used(self) -> None:
        world = self.start(transfers=16)
        readings = [sign(world, "bridge", reading()) for _ in range(9)]
        assert len(self.propose(world, readings)) >= 7

    def test_more_work_than_a_block_may_have_is_not_accepted(self) -> None:
        world = self.start(transfers=4)
        txs = [sign(world, "ben", send("ben")) for _ in range(6)]
        assert app.process_proposal(world.store, world.block_info, txs[:4])
        assert not app.process_proposal(world.store, world.block_info, txs)
        assert app.fits_in_block(world.store, world.block_info, txs[:4], BlockSize(MANY, 10**12))
        assert not app.fits_in_block(world.store, world.block_info, txs, BlockSize(MANY, 10**12))

    def test_a_proposer_may_want_less_than_a_block_can_have(self) -> None:
        world = self.start(transfers=16)
        txs = [sign(world, "ben", send("ben")) for _ in range(10)]
        assert 2 <= len(self.propose(world, txs, wanted_gas=50_000)) <= 4

    @pytest.mark.parametrize("beside", [[], ["void"], ["reading"], ["void", "reading", "flood"]])
    def test_a_transaction_of_more_gas_than_that_still_gets_into_a_block(
        self, beside: list[str]
    ) -> None:
        """The lanes before it do not use up what it needs."""
        world = self.start(transfers=16)
        large = sign(world, "anna", send("anna"))
        others = {
            "void": [sign(world, "clara", void())],
            "reading": [sign(world, "bridge", reading())],
            "flood": [sign(world, "ben", send("ben")) for _ in range(20)],
        }
        waiting = [raw for kind in beside for raw in others[kind]]
        assert large in self.propose(world, [large, *waiting], wanted_gas=20_000)

    def test_the_fee_collector_may_not_rely_on_fees_that_are_not_in_the_block(self) -> None:
        """It has nothing but what those who wait before it pay; it goes first, and some of them
        are not chosen.
        """
        price = {"auth.params": {"min_gas_price_micro": 50}, "bank.balances[treasury, ueur]": None}
        world = World(price)
        world.block()
        txs = [world.sign("ben", send("ben")) for _ in range(12)]
        release = bank_tx_pb2.MsgVoidHold(
            beneficiary=people.address_text("treasury"), owner=people.address_text("ben"), hold_id=1
        )
        txs.append(world.sign("treasury", release))
        mempool = Mempool(world.store, world.block_info)
        assert {app.check_tx(mempool, raw).code for raw in txs} == {0}
        assert mempool.passed == txs
        size = BlockSize(MANY, 120_000)
        chosen = app.prepare_proposal(world.store, world.block_info, txs, size, checked=True)
        assert 0 < len(chosen) < len(txs)
        assert app.process_proposal(world.store, world.block_info, chosen)

    @pytest.mark.parametrize("kept", [1, 2])
    def test_an_account_whose_next_transaction_does_not_fit_does_not_hold_up_others(
        self, kept: int
    ) -> None:
        world = self.start(transfers=5)
        large = sign(world, "ben", *[send("ben")] * 16)
        after = sign(world, "ben", send("ben"))
        small = [sign(world, "clara", send("clara")) for _ in range(kept)]
        size = sum(len(raw) + 3 for raw in small)
        assert self.propose(world, [large, after, *small], size) == small
