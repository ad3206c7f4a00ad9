"""What happens around messages: ante handler, all or nothing, errors, simulation, proposals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from blockenergy.auth.v1 import errors_pb2
from blockenergy.market.v1 import tx_pb2 as market_tx_pb2
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData
from cosmos.base.v1beta1.coin_pb2 import Coin
from cosmos.tx.v1beta1 import tx_pb2
from google.protobuf.message import Message

from chain import app
from chain.mempool import MORE_BYTES_MAX, Mempool
from chain.proposals import BlockSize
from chain.registry.state import METERS_BY_OWNER
from chain.ruleset import Ruleset
from chain.runtime.context import Context, CosmosEvent
from chain.runtime.errors import ChainError
from chain.runtime.tx import DecodedTx, SignerData
from chain.transactions import TxResult
from tests.support.streets import people
from tests.support.world import World

SEND_URL = "/cosmos.bank.v1beta1.MsgSend"
SIMULATE = "/cosmos.tx.v1beta1.Service/Simulate"


def _send(amount: int, target: str = "anna") -> MsgSend:
    return MsgSend(
        from_address=people.address_text("ben"),
        to_address=people.address_text(target),
        amount=[Coin(denom="ueur", amount=str(amount))],
    )


class TestResults:
    def test_a_success_has_a_response_per_message(self) -> None:
        world = World()
        world.block(world.sign("ben", _send(1), _send(2)))
        (result,) = world.results
        responses = TxMsgData.FromString(result.data).msg_responses
        assert [response.type_url for response in responses] == [
            "/cosmos.bank.v1beta1.MsgSendResponse"
        ] * 2
        assert (result.code, result.codespace, result.log) == (0, "", "")

    def test_events_name_signer_and_message(self) -> None:
        world = World()
        world.block(world.sign("ben", _send(1), fee=[("ueur", 3)]))
        events = [event for event in world.results[0].events if isinstance(event, CosmosEvent)]
        ben = people.address_text("ben")
        assert events[0].type == "tx"
        assert events[0].attributes == (("acc_seq", f"{ben}/0"), ("fee", "3ueur"))
        assert [event.type for event in events] == ["tx", "transfer", "message"]
        assert dict(events[2].attributes) == {"action": SEND_URL, "sender": ben, "msg_index": "0"}

    def test_a_failure_keeps_only_the_event_of_its_fee(self) -> None:
        world = World()
        world.block(world.sign("ben", _send(1), _send(1, "fred")))
        assert [event.type for event in world.results[0].events] == ["tx"]  # type: ignore[union-attr]
        assert world.results[0].data == b""

    def test_a_rejection_has_a_sentence_that_helps(self) -> None:
        world = World()
        world.block(world.send("ben", "fred", 1))
        assert world.results[0].log == "The address is not registered; ask the registrar to add it."


class TestFaults:
    """A handler that raises, replacing a good one."""

    @staticmethod
    def deliver(world: World, fault: BaseException) -> TxResult:
        def broken(ctx: Context, message: Any) -> Message:
            app.RULES.handlers[SEND_URL].run(ctx, message)
            raise fault

        ruleset = Ruleset(app.MODULES)
        ruleset.handlers[SEND_URL] = replace(ruleset.handlers[SEND_URL], run=broken)
        poison, good = world.send("ben", "anna", 5), world.sign("clara", _from_clara())
        result = app.finalize_block(world.store, world.block_info, [poison, good], ruleset)
        world.store.apply(result.changes)
        assert not app.check_invariants(world.store)
        return result.tx_results[0]

    @pytest.mark.parametrize("fault", [AssertionError("a broken promise"), KeyError("lost")])
    def test_a_poisonous_transaction_does_not_stop_the_chain(self, fault: Exception) -> None:
        world = World()
        world.block()
        result = self.deliver(world, fault)
        assert (result.codespace, result.code) == ("sdk", errors_pb2.PANIC)
        assert result.exception is fault
        assert str(fault) not in result.log
        assert world.balance("anna") == 100_000_000
        assert world.short()["auth.accounts[ben]"]["sequence"] == "1"

    @pytest.mark.parametrize(
        "fault", [MemoryError(), RecursionError(), OSError(), KeyboardInterrupt()]
    )
    def test_what_differs_between_machines_stops_the_node_instead(
        self, fault: BaseException
    ) -> None:
        world = World()
        world.block()
        with pytest.raises(type(fault)):
            self.deliver(world, fault)


def _from_clara() -> Message:
    return market_tx_pb2.MsgBuy(
        buyer=people.address_text("clara"),
        slot=World().slot_ahead(1),
        quantity_wh=1,
        price_limit_per_kwh=300_000,
    )


class Node:
    """What CheckTx keeps between two blocks."""

    def __init__(self, world: World, more_bytes: int = MORE_BYTES_MAX) -> None:
        self.mempool = Mempool(world.store, world.block_info, more_bytes)
        # What others have verified is not known here.
        self._ruleset = Ruleset(app.MODULES)

    def check(self, raw: bytes, *, is_new: bool = True) -> TxResult:
        return app.check_tx(self.mempool, raw, is_new=is_new, ruleset=self._ruleset)

    def find_signer_data(self, raw: bytes) -> tuple[DecodedTx, SignerData] | None:
        store, block = self.mempool.store, self.mempool.block
        return app.find_signer_data(store, block, raw, self.mempool, self._ruleset)


class TestCheckTx:
    """What may wait for a block; nothing is executed."""

    @staticmethod
    def start(changes: dict[str, Any] | None = None) -> tuple[World, Node]:
        world = World(changes or {})
        world.block()
        return world, Node(world)

    def test_it_counts_sequences_without_a_block(self) -> None:
        world, node = self.start()
        first, second = world.send("ben", "anna", 1), world.send("ben", "anna", 1)
        codes = [node.check(raw).code for raw in (second, first, second, second)]
        assert codes == [errors_pb2.WRONG_SEQUENCE, 0, 0, errors_pb2.WRONG_SEQUENCE]
        assert world.short()["auth.accounts[ben]"].get("sequence") is None

    def test_it_takes_fees_so_that_nobody_promises_them_twice(self) -> None:
        world, node = self.start({"bank.balances[ben, ueur]": 150})
        txs = [world.sign("ben", _send(1), fee=[("ueur", 100)]) for _ in range(2)]
        assert [node.check(raw).code for raw in txs] == [0, errors_pb2.INSUFFICIENT_FUNDS]

    def test_it_does_not_execute(self) -> None:
        world, node = self.start()
        # Fred is nobody: the payment will fail, and its sequence will be used up.
        raw = world.send("ben", "fred", 1)
        assert node.check(raw).code == 0
        assert world.block(raw).tx_results[0].code != 0

    def test_what_is_rejected_changes_nothing(self) -> None:
        world, node = self.start({"bank.balances[ben, ueur]": 100})
        good = world.sign("ben", _send(1), fee=[("ueur", 100)])
        wrong = [
            b"\xff",
            good[:-1] + bytes([good[-1] ^ 1]),
            world.spoil("ben", _send(1), chain_id="street-2", sequence=0),
            world.spoil("ben", _send(1), fee=[("ueur", 101)], sequence=0),
            world.spoil("ben", _from_clara(), sequence=0),
        ]
        for raw in wrong:
            assert node.check(raw).code != 0
        assert node.check(good).code == 0

    def test_it_says_what_execution_will_say(self) -> None:
        """Whatever is offered in whatever order, the block that holds it lets the same pass."""
        world, node = self.start()
        txs = [world.send("ben", "anna", 1) for _ in range(3)]
        txs += [world.send("anna", "ben", 1), b"noise", world.spoil("clara", _send(1))]
        offered = [txs[number] for number in (0, 2, 1, 1, 4, 3, 2, 5, 0)]
        codes = [node.check(raw).code for raw in offered]
        assert codes == [result.code for result in world.block(*offered).tx_results]
        assert codes.count(0) == 4

    def test_it_knows_ahead_which_signature_it_will_ask_for(self) -> None:
        world, node = self.start()
        first, second = world.send("ben", "anna", 1), world.send("ben", "anna", 1)
        assert node.find_signer_data(b"noise") is None
        for raw in (first, second):
            foreseen = node.find_signer_data(raw)
            assert foreseen is not None
            tx, signer_data = foreseen
            # A prefetched result is trusted: the signature is not verified again.
            tx.signature = bytes(64)
            tx.verified_for = signer_data
            assert node.find_signer_data(raw) is None
        assert [node.check(raw).code for raw in (first, second)] == [0, 0]


class TestProposals:
    @staticmethod
    def prepare(world: World, txs: list[bytes], max_tx_bytes: int = 10**6) -> list[bytes]:
        return app.prepare_proposal(
            world.store, world.block_info, txs, BlockSize(max_tx_bytes, 10**9)
        )

    @staticmethod
    def accepts(world: World, txs: list[bytes]) -> bool:
        return app.process_proposal(world.store, world.block_info, txs)

    def test_what_cannot_be_admitted_is_left_out(self) -> None:
        world = World()
        world.block()
        good, replayed = world.send("ben", "anna", 1), world.send("clara", "anna", 1)
        world.block(replayed)
        proposal = self.prepare(world, [replayed, good, b"noise"])
        assert proposal == [good]
        assert self.accepts(world, proposal)
        assert not self.accepts(world, [replayed, good])
        assert not self.accepts(world, [good, good])

    def test_it_fits_the_block(self) -> None:
        world = World()
        world.block()
        txs = [world.send("ben", "anna", 100 + number) for number in range(5)]
        # Each transaction takes a tag and its length, two bytes here, beside itself.
        three = sum(len(raw) + 3 for raw in txs[:3])
        assert self.prepare(world, txs, three) == txs[:3]
        assert self.prepare(world, txs, three - 1) == txs[:2]

    def test_what_is_proposed_is_what_protobuf_counts(self) -> None:
        world = World()
        world.block()
        txs = [world.send("ben", "anna", 1), world.sign("clara", _from_clara(), memo="x" * 200)]
        size = len(tx_pb2.TxRaw(signatures=txs).SerializeToString())
        assert self.prepare(world, txs, size) == txs
        assert self.prepare(world, txs, size - 1) == txs[:1]

    def test_an_empty_block_is_a_good_one(self) -> None:
        world = World()
        world.block()
        assert self.prepare(world, []) == []
        assert self.accepts(world, [])

    def test_nothing_is_changed_by_proposing(self) -> None:
        world = World()
        world.block()
        before = dict(world.store.data)
        proposal = self.prepare(world, [world.send("ben", "anna", 1)])
        self.accepts(world, proposal)
        assert world.store.data == before


class TestQueries:
    def test_a_request_of_many_bytes_is_not_decoded(self) -> None:
        world = World()
        path = "/cosmos.bank.v1beta1.Query/Balance"
        with pytest.raises(ChainError, match="more than 4096 bytes"):
            app.query(world.store, world.block_info, path, b"\x0a" * 4097)

    @pytest.mark.parametrize("path", [*sorted(app.RULES.queries), SIMULATE])
    @pytest.mark.parametrize("data", [b"\xff", b"\x0a", b"\x0b", b"\x0a\xff"])
    def test_noise_is_rejected_and_never_breaks(self, path: str, data: bytes) -> None:
        world = World()
        world.block()
        with pytest.raises(ChainError) as caught:
            app.query(world.store, world.block_info, path, data)
        assert caught.value.error.name == "INVALID_REQUEST"

    @pytest.mark.parametrize("path", ["", "/", "x" * 5000, "/blockenergy.bank.v1.Msg/Send"])
    def test_unknown_paths_are_rejected(self, path: str) -> None:
        world = World()
        with pytest.raises(ChainError, match="does not know") as caught:
            app.query(world.store, world.block_info, path, b"")
        assert len(caught.value.log) < 500

    def test_store_keys_are_named_by_module(self) -> None:
        world = World()
        parts = app.KEYSPACE.split_by_module(dict(world.store.data))
        rebuilt = {
            app.KEYSPACE.get_store_key(module, key): value
            for module, content in parts.items()
            for key, value in content.items()
        }
        in_tree = {
            key: value for key, value in world.store.data.items() if app.KEYSPACE.is_in_tree(key)
        }
        assert rebuilt == in_tree
        # Nobody has granted anything, and no line crosses the border.
        assert set(parts) == {module.name for module in app.MODULES} - {
            "authz",
            "feegrant",
            "tielines",
        }
        with pytest.raises(ChainError):
            app.KEYSPACE.get_store_key("gold", b"")

    def test_the_app_hash_covers_collections_and_no_indexes(self) -> None:
        schemas = [module.schema for module in app.MODULES]
        exported = [collection.prefix for schema in schemas for collection in schema.collections]
        assert all(app.KEYSPACE.is_in_tree(prefix + b"key") for prefix in exported)
        indexes = [index.prefix for schema in schemas for index in schema.indexes]
        assert METERS_BY_OWNER.prefix in indexes
        assert not any(app.KEYSPACE.is_in_tree(prefix + b"key") for prefix in indexes)

    def test_keys_of_indexes_are_rejected(self) -> None:
        key = METERS_BY_OWNER.prefix[1:] + bytes(20)
        with pytest.raises(ChainError, match="collection 3 of registry is an index") as caught:
            app.KEYSPACE.get_store_key("registry", key)
        assert caught.value.error.name == "INVALID_REQUEST"

    def test_an_index_that_does_not_fit_its_map_is_a_problem(self) -> None:
        world = World()
        index_key = next(key for key in world.store.data if not app.KEYSPACE.is_in_tree(key))
        world.store.apply({index_key: None})
        assert app.check_invariants(world.store) == [
            "registry: an index of meters does not follow from them"
        ]
