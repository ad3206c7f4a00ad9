"""A chain elsewhere that commits to whatever it is told to, and whose validators sign it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from ibc.core.channel.v2.packet_pb2 import Acknowledgement, Packet
from ibc.core.client.v1.client_pb2 import Height
from ibc.lightclients.tendermint.v1 import tendermint_pb2

from chain import ibc
from chain.ibc.packets import (
    RECEIPT,
    Payload,
    compute_acknowledgement_commitment,
    compute_packet_commitment,
)
from chain.runtime.trees.multistore import Multistore
from chain.runtime.trees.ordered import OrderedTree
from chain.runtime.trees.proofs import build_proof_ops
from chain.runtime.trees.top import AbsencePath, LeafPath
from client.relay import messages
from client.relay.messages import ProvenPacket
from tests.support.others.headers import Block, make_block, make_signers

STORE = "ibc"


class _State:
    """What an app hash stood for."""

    def __init__(self, multistore: Multistore, values: Mapping[bytes, bytes]) -> None:
        self.roots: Mapping[str, bytes] = dict(multistore.roots)
        self._tree: OrderedTree = multistore.copy_ordered_tree()
        self.values = dict(values)

    def prove(self, _: str, key: bytes) -> LeafPath | AbsencePath:
        return self._tree.prove(key)


class OtherChain:
    """Blocks with one validator, and a store `ibc`."""

    def __init__(self, chain_id: str = "south-4", time_s: int = 0) -> None:
        self.chain_id = chain_id
        self.signers = make_signers([10], first=50)
        self.time_s = time_s
        self.blocks: dict[int, Block] = {}
        self._multistore = Multistore(["bank", STORE])
        self._values: dict[bytes, bytes] = {}
        self._change({b"nextClientSequence": b"1"})
        self._past: dict[int, _State] = {}

    @property
    def height(self) -> int:
        return len(self.blocks)

    def add_block(self, time_s: int, changes: Mapping[bytes, bytes] | None = None) -> Block:
        """A block that makes changes; a second later than the last one at least."""
        self.time_s = max(self.time_s + 1, time_s)
        height = self.height + 1
        self.blocks[height] = self.sign(height)
        self._change(changes or {})
        self._past[height] = _State(self._multistore, self._values)
        return self.blocks[height]

    def sign(self, height: int, **changes: Any) -> Block:
        """A header of this height as the state is now, with changes."""
        fields = {
            "chain_id": self.chain_id,
            "app_hash": self._multistore.app_hash,
            "time": Timestamp(seconds=self.time_s),
        }
        return make_block(height, self.signers, **{**fields, **changes})

    def make_header(self, block: Block, trusted: Height) -> tendermint_pb2.Header:
        """A header for a client that knows a height of this chain."""
        validators = [one.validator for one in self.signers]
        return messages.make_header(block.signed, block.validators, trusted, validators)

    def prove(self, time_s: int, packet: Packet, kind: ibc.Kind) -> ProvenPacket:
        """What there is now of a packet, by the header of a block that is added."""
        client_id = packet.source_client
        if kind is not ibc.Kind.COMMITMENT:
            client_id = packet.destination_client
        past, key = self._past[self.height], ibc.make_key(client_id, kind, packet.sequence)
        ops = build_proof_ops(past, STORE, key, past.values.get)
        header = self.add_block(time_s).header
        proof = messages.make_proof([op.data for op in ops])
        return ProvenPacket(packet, proof, messages.make_height(header))

    def send(self, time_s: int, packet: Packet) -> None:
        """Commits to a packet."""
        payloads = [
            Payload(one.source_port, one.destination_port, one.version, one.encoding, one.value)
            for one in packet.payloads
        ]
        value = compute_packet_commitment(
            packet.destination_client, packet.timeout_timestamp, payloads
        )
        key = ibc.make_key(packet.source_client, ibc.Kind.COMMITMENT, packet.sequence)
        self.add_block(time_s, {key: value})

    def answer(self, time_s: int, packet: Packet, answers: Sequence[bytes]) -> Acknowledgement:
        """Takes a packet, and commits to an answer."""
        client_id = packet.destination_client
        receipt = ibc.make_key(client_id, ibc.Kind.RECEIPT, packet.sequence)
        answered = ibc.make_key(client_id, ibc.Kind.ACKNOWLEDGEMENT, packet.sequence)
        commitment = compute_acknowledgement_commitment(answers)
        self.add_block(time_s, {receipt: RECEIPT, answered: commitment})
        return Acknowledgement(app_acknowledgements=answers)

    def _change(self, changes: Mapping[bytes, bytes]) -> None:
        self._values |= changes
        self._multistore.update({STORE: dict(changes)})
