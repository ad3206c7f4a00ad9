"""Blocks are kept for ever, so no message takes free text about a person (docs/privacy.md)."""

from __future__ import annotations

from collections.abc import Iterator

from blockenergy.options.v1 import options_pb2 as options
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from client.catalog import get_messages
from client.definitions import get_unit

# Names of things, in a form that the rules check.
IDENTIFIERS = {
    *{"amount", "denom", "feeder", "meter_id", "name", "networks", "node_id", "parent", "symbol"},
    *("type_url", "msg_type_url", "messages"),
    *("backing_registry", "foreign_id", "name"),
    *("batch", "class_id", "foreign_account", "jurisdiction", "methodology", "origin", "project"),
    *("purpose", "receipt", "registry"),
    *("client_id", "counterparty_client_id", "subject_client_id", "substitute_client_id"),
    *("source_client", "destination_client", "source_channel", "source_port", "destination_port"),
    *("path", "version", "encoding", "tie_line"),
}
# An account of another chain, letters and digits only; and what has to be empty.
OF_OTHER_CHAINS = {
    "ibc.applications.transfer.v1.MsgTransfer.receiver",
    "ibc.applications.transfer.v1.MsgTransfer.memo",
}
# Free text, about the grid and its machines: what a distributor tells the owners of curtailed
# positions, the name of a node, what a distributor or issuer asks in a prediction market, what a
# device is, and why it was suspended, and where a release is.
ABOUT_THINGS = {
    "blockenergy.forecast.v1.MsgCreateMarket.names",
    "blockenergy.forecast.v1.MsgCreateMarket.question",
    "blockenergy.market.v1.MsgCurtail.reason",
    "blockenergy.peers.v1.MsgSetPeer.moniker",
    "blockenergy.upgrade.v1.Plan.info",
    "blockenergy.carbon.v1.MsgCertifyDevice.technology",
    "blockenergy.carbon.v1.MsgSuspendDevice.reason",
    "blockenergy.carbon.v1.MsgReinstateDevice.reason",
}


def list_texts(message: Descriptor, seen: set[str]) -> Iterator[FieldDescriptor]:
    """The text fields of a message and of those in it, without addresses."""
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    for field in message.fields:
        if field.message_type is not None:
            yield from list_texts(field.message_type, seen)
        elif field.type == FieldDescriptor.TYPE_STRING and get_unit(field) != options.UNIT_ADDRESS:
            yield field


def test_no_message_takes_text_about_a_person() -> None:
    seen: set[str] = set()
    found = {
        field.full_name
        for operations in get_messages().values()
        for operation in operations.values()
        for field in list_texts(operation.request, seen)
        if field.name not in IDENTIFIERS
    }
    assert found == ABOUT_THINGS | OF_OTHER_CHAINS
