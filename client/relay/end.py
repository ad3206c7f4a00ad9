"""One of the two chains that a relayer is between: what it knows of the other, and how to write to
it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from google.protobuf.message import Message
from ibc.core.channel.v2.packet_pb2 import Packet
from ibc.core.channel.v2.query_pb2 import (
    QueryUnreceivedAcksRequest,
    QueryUnreceivedAcksResponse,
    QueryUnreceivedPacketsRequest,
    QueryUnreceivedPacketsResponse,
)
from ibc.core.client.v1.query_pb2 import (
    QueryClientStateRequest,
    QueryClientStateResponse,
    QueryConsensusStateRequest,
    QueryConsensusStateResponse,
)
from ibc.lightclients.tendermint.v1 import tendermint_pb2

from chain import ibc, light
from client.account import Signer, TxOutcome
from client.errors import RpcError, UsageError
from client.light.provider import LightBlock, fetch_block
from client.node.rpc import Rpc
from client.queries import query, query_store
from client.relay import messages
from client.relay.messages import ProvenPacket
from client.relay.packets import Answered, Sent, read_events

# Headers between two that do not trust each other: a chain may change all its validators.
_STEPS_MAX = 16


class BehindError(RpcError):
    """A header that is older than what a client knows: the next one will do."""


class End:
    """A chain, and its client of the other one."""

    def __init__(self, rpc: Rpc, client_id: str, signer: Signer) -> None:
        self.rpc = rpc
        self.client_id = client_id
        self.signer = signer

    @property
    def chain_id(self) -> str:
        """Its id."""
        return self.signer.chain_id

    def get_height(self) -> int:
        """Its latest height."""
        return self.rpc.status().latest_height

    def list_news(self, height: int) -> list[Sent | Answered]:
        """What happened in a block to packets over its client."""
        results = self.rpc.block_results(height)
        # Some packets are sent, and some answered, at the end of a block.
        happened = [*(tx.events for tx in results.tx_results), results.block_events]
        events = [(event.type, dict(event.attributes)) for some in happened for event in some]
        found = read_events(events)
        return [one for one in found if self._is_mine(one)]

    def list_unreceived(self, packets: Iterable[Packet]) -> set[int]:
        """Which packets of the other chain it has not taken, by their sequences."""
        found: set[int] = set()
        for some in _split([packet.sequence for packet in packets]):
            request = QueryUnreceivedPacketsRequest(client_id=self.client_id, sequences=some)
            found |= {*query(self.rpc, request, QueryUnreceivedPacketsResponse).sequences}
        return found

    def list_open(self, packets: Iterable[Packet]) -> set[int]:
        """Which packets of its own have not ended, by their sequences."""
        found: set[int] = set()
        for some in _split([packet.sequence for packet in packets]):
            request = QueryUnreceivedAcksRequest(
                client_id=self.client_id, packet_ack_sequences=some
            )
            found |= {*query(self.rpc, request, QueryUnreceivedAcksResponse).sequences}
        return found

    def prove(self, packet: Packet, kind: ibc.Kind, header: LightBlock) -> ProvenPacket | None:
        """What it has of a packet, by a header; None if it has something else by now: another
        relayer was faster.
        """
        is_receipt = kind is ibc.Kind.RECEIPT
        key = ibc.make_key(self.client_id, kind, packet.sequence)
        result = query_store(self.rpc, ibc.STORE, key, height=header.height - 1)
        if bool(result.value) == is_receipt:
            return None
        proof = messages.make_proof([op.data for op in result.proof.ops])
        return ProvenPacket(packet, proof, messages.make_height(header.header))

    def make_updates(self, other: End, header: LightBlock) -> list[Message]:
        """What tells its client of a header of the other chain; nothing if it knows it.

        Raises BehindError where it knows a later one, told by another relayer since. Where too many
        validators have changed in between, headers between the two come first.
        """
        known = self.get_client().latest_height.revision_height
        if known == header.height:
            return []
        if known > header.height:
            raise BehindError(f"the node at {other.rpc.node} is behind what its chain has shown")
        blocks = [fetch_block(other.rpc, known), header]
        place = 0
        while place + 1 < len(blocks):
            below, above = blocks[place], blocks[place + 1]
            if _is_trusted(below, above):
                place += 1
            elif len(blocks) > _STEPS_MAX:
                raise RpcError("too many headers are needed to follow the validators")
            else:
                middle = (below.height + above.height) // 2
                blocks.insert(place + 1, fetch_block(other.rpc, middle))
        return [
            messages.update_client(
                self.client_id,
                messages.make_header(
                    above.signed_header,
                    above.validators,
                    messages.make_height(below.header),
                    below.next_validators,
                ),
                self.signer.address,
            )
            for below, above in itertools.pairwise(blocks)
        ]

    def get_client(self) -> tendermint_pb2.ClientState:
        """Its client of the other chain; UsageError if that is none of CometBFT."""
        request = QueryClientStateRequest(client_id=self.client_id)
        packed = query(self.rpc, request, QueryClientStateResponse).client_state
        found = tendermint_pb2.ClientState()
        if not packed.Unpack(found):
            raise UsageError(f"{self.client_id} is not a client of type 07-tendermint")
        return found

    def get_client_life(self, now: LightBlock) -> tuple[int, int]:
        """How many seconds are left until its client expires, and of how many. now: the latest
        header of the other chain.
        """
        period_s = self.get_client().trusting_period.seconds
        request = QueryConsensusStateRequest(client_id=self.client_id, latest_height=True)
        packed = query(self.rpc, request, QueryConsensusStateResponse).consensus_state
        known = tendermint_pb2.ConsensusState()
        packed.Unpack(known)
        return known.timestamp.seconds + period_s - now.header.time.seconds, period_s

    def send(self, sent: Sequence[Message]) -> TxOutcome:
        """Sends messages in one transaction, and waits for what becomes of it."""
        return self.signer.send(sent)

    def _is_mine(self, one: Sent | Answered) -> bool:
        packet = one.packet
        own = packet.source_client if isinstance(one, Sent) else packet.destination_client
        return own == self.client_id


def _is_trusted(below: LightBlock, above: LightBlock) -> bool:
    """Whether a client that knows the lower header takes the upper one."""
    if above.height == below.height + 1:
        return True
    chain_id, commit = below.header.chain_id, above.signed_header.commit
    try:
        light.verify_trust(chain_id, below.next_validators, commit, (1, 3))
    except light.NotEnoughTrustError:
        return False
    except light.InvalidHeaderError as error:
        raise RpcError(f"a node has sent a commit that is none: {error}") from error
    return True


def _split(sequences: Sequence[int]) -> Iterable[Sequence[int]]:
    for start in range(0, len(sequences), ibc.SEQUENCES_MAX):
        yield sequences[start : start + ibc.SEQUENCES_MAX]
