"""Events decode to the messages that the chain emitted, and no block is skipped."""

import json
from typing import Any

import pytest
from blockenergy.bank.v1.events_pb2 import EventHoldEnded
from blockenergy.market.v1.events_pb2 import EventOrderPlaced
from blockenergy.market.v1.state_pb2 import SIDE_SELL
from blockenergy.registry.v1.events_pb2 import EventParticipantAdded
from blockenergy.registry.v1.role_pb2 import ROLE_BRIDGE, ROLE_PROSUMER
from blockenergy.settlement.v1.events_pb2 import EventSlotSettled
from blockenergy.settlement.v1.state_pb2 import SlotResult
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf import json_format
from google.protobuf.message import Message
from loopback_node import LoopbackNode

from client.errors import RpcError
from client.node.rpc import Rpc
from client.node.rpc_types import Event
from client.watch import decode_event, decode_events, watch_blocks

EVENTS = [
    EventOrderPlaced(order_id=(1 << 64) - 1, slot=4711, owner="energy1a", side=SIDE_SELL),
    EventParticipantAdded(address='with "quotes"', roles=[ROLE_PROSUMER, ROLE_BRIDGE]),
    EventHoldEnded(hold_id=5, expired=True),
    EventSlotSettled(slot=4711, result=SlotResult(parties=20, cash=7), lines_root=bytes(32)),
    EventSlotSettled(),
]


def to_abci(message: Message) -> Event:
    """Encodes as the node does: each field as JSON, strings without quotes."""
    fields = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return Event(
        type=message.DESCRIPTOR.full_name,
        attributes=tuple(
            (name, value if isinstance(value, str) else json.dumps(value))
            for name, value in fields.items()
        ),
    )


@pytest.mark.parametrize("message", EVENTS, ids=lambda message: message.DESCRIPTOR.name)
def test_event_decodes_to_the_same_message(message: Message) -> None:
    assert decode_event(to_abci(message)) == message


def test_attributes_of_the_node_are_ignored() -> None:
    event = to_abci(EVENTS[0])
    marked = Event(event.type, (*event.attributes, ("msg_index", "0")))
    assert decode_event(marked) == EVENTS[0]


def test_wallet_events_are_not_typed() -> None:
    others = [Event("tx", (("fee", "1ueur"),)), Event("transfer", ()), Event("a.b.v1.EventC", ())]
    assert decode_events([*others, to_abci(EVENTS[0])]) == (EVENTS[0],)


@pytest.mark.parametrize("value", ["-1", "x", "18446744073709551616", "[5]"])
def test_values_that_do_not_match(value: str) -> None:
    with pytest.raises(RpcError, match="EventOrderPlaced"):
        decode_event(Event("blockenergy.market.v1.EventOrderPlaced", (("order_id", value),)))


PAID = {
    "type": "tx",
    "attributes": [{"key": "acc_seq", "value": "anna/3"}, {"key": "fee", "value": "70ueur"}],
}


def test_every_block_is_returned_once_and_in_order() -> None:
    latest = iter([3, 3, 5, 5, 6])

    def get_status(_: object) -> dict[str, Any]:
        return {
            "node_info": {"id": "", "network": "chain", "moniker": "", "version": ""},
            "sync_info": {
                "latest_block_height": str(next(latest)),
                "latest_block_time": "2026-10-01T12:00:00Z",
                "latest_app_hash": "",
                "catching_up": False,
            },
            "validator_info": {"address": "", "voting_power": "0"},
        }

    def get_results(params: dict[str, Any]) -> dict[str, Any]:
        events = [
            {
                "type": event.type,
                "attributes": [{"key": key, "value": value} for key, value in event.attributes],
            }
            for event in (to_abci(EVENTS[0]), to_abci(EVENTS[2]))
        ]
        return {
            "height": params["height"],
            "txs_results": [{"code": 0, "events": events[:1]}, {"code": 5, "events": [PAID]}],
            "finalize_block_events": events[1:],
            "app_hash": "",
        }

    with LoopbackNode().running() as node:
        node.responses |= {"status": get_status, "block_results": get_results}
        blocks = watch_blocks(Rpc(node.url), 2, interval_s=0.01)
        seen = [next(blocks) for _ in range(5)]
    assert [block.height for block in seen] == [2, 3, 4, 5, 6]
    assert {block.tx_codes for block in seen} == {(0, 5)}
    assert list(seen[0].events) == [EVENTS[0], EVENTS[2]]
    assert seen[0].tx_events == ((EVENTS[0],), ())
    # A fee is paid for a failed transaction as well.
    assert seen[0].fees == (("anna", Coin(denom="ueur", amount="70")),)
