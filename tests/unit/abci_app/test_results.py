"""What CometBFT hears of a block: results and events."""

from __future__ import annotations

import pytest
from blockenergy.registry.v1 import events_pb2
from hypothesis import given
from hypothesis import strategies as st
from tendermint.abci import types_pb2 as abci

from abci_app.results import (
    encode_block_result,
    encode_events,
    encode_exec_result,
    make_check_result,
)
from chain.app import BlockResult
from chain.runtime.consensus import BlockLimits, ConsensusUpdates, ValidatorUpdate
from chain.runtime.context import CosmosEvent
from chain.runtime.encoding import codec
from chain.transactions import TxResult
from client.catalog import get_events
from client.definitions import get_message_class
from client.node.rpc_types import Event
from client.watch import decode_event

SEEN = CosmosEvent("misbehavior", ())
SENT = CosmosEvent("transfer", (("recipient", "ben"), ("sender", "anna"), ("amount", "5ueur")))
Pairs = tuple[tuple[str, str], ...]
# Lengths around those at which a length takes one byte more.
LENGTHS = (0, 120, 127, 128, 16_383, 16_384)
TEXTS = st.one_of(st.text(max_size=4), st.sampled_from([size * "x" for size in LENGTHS]))
PAIRS = st.lists(st.tuples(st.one_of(TEXTS, st.just("amount")), TEXTS), max_size=4).map(tuple)


def test_a_result_is_what_became_of_the_transaction() -> None:
    done = TxResult(data=b"done", gas_wanted=9, gas_used=7, events=[SENT])
    (event,) = abci.ExecTxResult.FromString(encode_exec_result(done)).events
    assert event.type == "transfer"
    assert [(a.key, a.value, a.index) for a in event.attributes] == [
        ("recipient", "ben", True),
        ("sender", "anna", True),
        # Nobody looks for that.
        ("amount", "5ueur", False),
    ]
    rejected = TxResult(code=5, codespace="sdk", log="too little", gas_wanted=9)
    assert abci.ExecTxResult.FromString(encode_exec_result(rejected)) == abci.ExecTxResult(
        code=5, codespace="sdk", log="too little", gas_wanted=9
    )


def test_a_typed_event_has_all_of_its_fields() -> None:
    event = events_pb2.EventFeederSet(feeder="north")
    (written,) = abci.ExecTxResult.FromString(encode_exec_result(TxResult(events=[event]))).events
    assert written.type == "blockenergy.registry.v1.EventFeederSet"
    found = {attribute.key: attribute.value for attribute in written.attributes}
    assert found == {"feeder": "north", "info": "{}"}
    assert all(attribute.index for attribute in written.attributes)


@pytest.mark.parametrize("name", get_events())
def test_every_event_that_is_declared_travels_there_and_back(name: str) -> None:
    kind = get_message_class(name)
    assert kind is not None
    fields = [field for field in kind.DESCRIPTOR.fields if field.message_type is not None]
    records = [field.name for field in fields if field.has_presence]
    # A record that is not there arrives as an empty one.
    whole = [one for one in codec.make_samples(kind) if all(map(one.HasField, records))]
    assert whole
    for event in whole:
        content = encode_exec_result(TxResult(events=[event]))
        (written,) = abci.ExecTxResult.FromString(content).events
        pairs = tuple((attribute.key, attribute.value) for attribute in written.attributes)
        assert decode_event(Event(written.type, pairs)) == event


@given(st.lists(st.tuples(TEXTS, PAIRS), max_size=3))
def test_events_are_the_bytes_that_protobuf_writes(events: list[tuple[str, Pairs]]) -> None:
    expected = abci.ExecTxResult(
        events=[
            abci.Event(
                type=name,
                attributes=[
                    abci.EventAttribute(key=key, value=value, index=key != "amount")
                    for key, value in pairs
                ],
            )
            for name, pairs in events
        ]
    )
    assert encode_events(events, frozenset({"amount"})) == expected.SerializeToString()


def test_a_block_has_its_results_in_order_and_its_own_events() -> None:
    results = [TxResult(gas_used=number, events=[SENT] * number) for number in range(3)]
    updates = ConsensusUpdates(
        (ValidatorUpdate(bytes(32), 7), ValidatorUpdate(b"k" * 32, 0)), BlockLimits(1 << 20, -1)
    )
    block = BlockResult({}, results, [SENT], updates)
    reply = encode_block_result(block, [SEEN], b"hash").decode()
    assert [(result.gas_used, len(result.events)) for result in reply.tx_results] == [
        (number, number) for number in range(3)
    ]
    assert [event.type for event in reply.events] == ["transfer", "misbehavior"]
    assert reply.app_hash == b"hash"
    assert [(one.pub_key.ed25519, one.power) for one in reply.validator_updates] == [
        (bytes(32), 7),
        (b"k" * 32, 0),
    ]
    limits = reply.consensus_param_updates
    assert (limits.block.max_bytes, limits.block.max_gas) == (1 << 20, -1)
    assert not limits.HasField("evidence")


def test_checks_with_other_outcomes_have_other_replies() -> None:
    assert make_check_result(TxResult(gas_wanted=1)).gas_wanted == 1
    assert make_check_result(TxResult(code=3, log="no", codespace="sdk")).log == "no"
    assert make_check_result(TxResult(code=3, log="yes", codespace="sdk")).log == "yes"
