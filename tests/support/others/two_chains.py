"""Two chains in memory, with headers, stores that are proven, and a relayer between them.

north, south = make_chains()
link = Link(north, south)
link.allow(north, "ueur", DAY, DAY)
link.transfer(north, "anna", "ben", "ueur", 1_000)
link.relay()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from blockenergy.ibc.v1 import tx_pb2 as ibc_pb2
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from ibc.applications.transfer.v1 import tx_pb2 as transfer_pb2
from ibc.core.channel.v2.packet_pb2 import Acknowledgement, Packet
from ibc.core.client.v1 import tx_pb2 as client_pb2
from ibc.core.client.v1.client_pb2 import Height

from chain import app, ibc
from chain.ibc.packets import RECEIPT
from chain.ibc.state import CLIENTS, PACKETS
from chain.ibc.tendermint import Height as ClientHeight
from chain.runtime.context import Context, CosmosEvent
from chain.runtime.state.store import CacheStore
from chain.runtime.trees.multistore import Multistore
from chain.runtime.trees.ordered import OrderedTree
from chain.runtime.trees.proofs import build_proof_ops
from chain.runtime.trees.top import AbsencePath, LeafPath
from client.relay import messages
from client.relay.messages import ProvenPacket
from client.relay.packets import Answered, Sent, read_events
from tests.support.others.headers import Block, Signer, make_block, make_signers
from tests.support.streets import people
from tests.support.world import World, response

RELAYER = "auditor"
STORE = "ibc"
DAY_S = 86_400
# Roles, so that one account can relay.
RELAYS = {
    f"registry.participants[{RELAYER}]": {"roles": ["ROLE_AUDITOR", "ROLE_RELAYER"]},
}


class _Past(NamedTuple):
    """What an app hash stood for, as far as the store `ibc` goes."""

    roots: Mapping[str, bytes]
    tree: OrderedTree
    values: Mapping[bytes, bytes]

    def prove(self, _: str, key: bytes) -> LeafPath | AbsencePath:
        return self.tree.prove(key)


class Chain(World):
    """A world whose blocks have headers, signed by validators of its own."""

    def __init__(
        self, chain_id: str, signers: Sequence[Signer], changes: Mapping[str, Any] | None = None
    ) -> None:
        self.chain_id = chain_id
        self.signers = list(signers)
        self.multistore = Multistore(module.name for module in app.MODULES)
        self.past: dict[int, _Past] = {}
        self.headers: dict[int, Block] = {}
        self.happened: list[tuple[int, Sent | Answered]] = []
        super().__init__({**RELAYS, **(changes or {})})
        self._commit(self.store.data)

    def block_unchecked(self, *txs: bytes, at: int | None = None) -> app.BlockResult:
        """As the world's; without a time, a second later."""
        before = self.multistore.app_hash
        result = super().block_unchecked(*txs, at=self.time_s + 1 if at is None else at)
        self.headers[self.height] = self.sign_header(app_hash=before)
        self._commit(result.changes)
        for events in (*(tx.events for tx in result.tx_results), result.events):
            shown = [(e.type, dict(e.attributes)) for e in events if isinstance(e, CosmosEvent)]
            self.happened += [(self.height, one) for one in read_events(shown)]
        return result

    def sign_header(self, **changes: Any) -> Block:
        """A header of the last block, with changes."""
        time = Timestamp(seconds=self.time_s, nanos=self.height % 1000)
        fields = {"chain_id": self.chain_id, "time": time, **changes}
        return make_block(self.height, self.signers, **fields)

    def prove(self, height: int, key: bytes) -> bytes:
        """The proof of what the store has under a key in the state of a height."""
        past = self.past[height]
        ops = build_proof_ops(past, STORE, key, past.values.get)
        return messages.make_proof([op.data for op in ops])

    def send_messages(self, who: str, *sent: Message) -> None:
        """Executes messages in a block of their own; AssertionError if they are rejected."""
        self.block(self.sign(who, *sent))
        assert self.results[0].code == 0, self.results[0].log

    def forge(self, packet: Packet) -> None:
        """Sends a packet that no message asks for: a chain whose rules are others."""
        ctx = Context(CacheStore(self.store), self.block_info)
        ibc.send(ctx, packet, lambda _, __: None)
        self._forge(ctx, Sent(packet))

    def forge_answer(self, packet: Packet, answer: bytes) -> None:
        """Answers a packet, or answers it once more, as no rule of ours does."""
        ctx = Context(CacheStore(self.store), self.block_info)
        ibc.write_answer(ctx, packet, answer)
        receipt = (packet.destination_client, ibc.Kind.RECEIPT), packet.sequence
        PACKETS.set(ctx, receipt, RECEIPT)
        answered = Acknowledgement(app_acknowledgements=[answer])
        self._forge(ctx, Answered(packet, answered))

    def _forge(self, ctx: Context, one: Sent | Answered) -> None:
        self.store.apply(ctx.store.changes)
        self._commit(ctx.store.changes)
        self.happened.append((self.height, one))

    def _commit(self, changes: Mapping[bytes, bytes | None]) -> None:
        self.multistore.update(app.KEYSPACE.split_by_module(changes))
        first, end = app.KEYSPACE.get_range(STORE)
        values = {key[1:]: value for key, value in self.store.items(first, end)}
        tree = self.multistore.copy_ordered_tree()
        self.past[self.height] = _Past(dict(self.multistore.roots), tree, values)


class Link:
    """A client on each of two chains, and a relayer."""

    def __init__(self, *chains: Chain) -> None:
        self.chains = chains
        self.ids: dict[Chain, str] = {}
        for chain in chains:
            chain.block()
            chain.block()
        for chain in chains:
            header = self.other(chain).headers[self.other(chain).height].header
            relayer = people.address_text(RELAYER)
            message = messages.create_client(header, 14 * DAY_S, 21 * DAY_S, relayer)
            chain.send_messages(RELAYER, message)
            created = response(chain.results[0], client_pb2.MsgCreateClientResponse)
            self.ids[chain] = created.client_id
        for chain in chains:
            counterparty = self.ids[self.other(chain)]
            chain.send_messages(
                RELAYER,
                messages.register_counterparty(
                    self.ids[chain], counterparty, people.address_text(RELAYER)
                ),
            )
        self.seen = dict.fromkeys(chains, 0)

    def other(self, chain: Chain) -> Chain:
        return self.chains[1] if chain is self.chains[0] else self.chains[0]

    def allow(self, chain: Chain, path: str, sent: int, received: int) -> str:
        """Allows transfers on a chain; returns the denomination."""
        message = ibc_pb2.MsgSetTransferLimit(
            authority=people.address_text("distributor"),
            client_id=self.ids[chain],
            path=path,
            sent_per_day_max=sent,
            received_per_day_max=received,
        )
        chain.send_messages("distributor", message)
        return response(chain.results[0], ibc_pb2.MsgSetTransferLimitResponse).denom

    def path(self, chain: Chain, denom: str) -> str:
        """The path on a chain of a denomination of the other one."""
        return f"transfer/{self.ids[chain]}/{denom}"

    def make_transfer(
        self, chain: Chain, sender: str, receiver: str, denom: str, amount: int, **changes: Any
    ) -> transfer_pb2.MsgTransfer:
        fields: dict[str, Any] = {
            "source_port": "transfer",
            "source_channel": self.ids[chain],
            "token": Coin(denom=denom, amount=str(amount)),
            "sender": people.address_text(sender),
            "receiver": people.address_text(receiver),
            "timeout_timestamp": chain.time_s + 3_600,
        }
        return transfer_pb2.MsgTransfer(**{**fields, **changes})

    def transfer(
        self, chain: Chain, sender: str, receiver: str, denom: str, amount: int, **changes: Any
    ) -> Packet:
        """Sends money; returns the packet."""
        message = self.make_transfer(chain, sender, receiver, denom, amount, **changes)
        chain.send_messages(sender, message)
        (last,) = [one for height, one in chain.happened if height == chain.height]
        return last.packet

    def update(self, chain: Chain) -> client_pb2.MsgUpdateClient:
        """The message that tells a chain of the last header of the other one."""
        other = self.other(chain)
        return self.make_update(chain, other.headers[other.height])

    def make_update(self, chain: Chain, block: Block) -> client_pb2.MsgUpdateClient:
        client = CLIENTS.get(chain.state, self.ids[chain])
        assert client is not None
        known = client.state.latest_height
        trusted = self.other(chain).headers[known.revision_height]
        header = messages.make_header(
            block.signed, block.validators, known, trusted.trusted.next_validators
        )
        relayer = people.address_text(RELAYER)
        return messages.update_client(self.ids[chain], header, relayer)

    def relay(self) -> int:
        """Brings to each chain what has happened on the other one, until nothing more does;
        returns how much it was.
        """
        count = 0
        while any(self._relay_to(chain) for chain in self.chains):
            count += 1
        return count

    def prove(self, chain: Chain, packet: Packet, kind: ibc.Kind) -> ProvenPacket:
        """What a chain has of a packet now, for the other one: a block follows."""
        client_id = packet.source_client
        if kind is not ibc.Kind.COMMITMENT:
            client_id = packet.destination_client
        key = ibc.make_key(client_id, kind, packet.sequence)
        proof = chain.prove(chain.height, key)
        chain.block()
        header = chain.headers[chain.height].header
        return ProvenPacket(packet, proof, messages.make_height(header))

    def make_message(self, chain: Chain, one: Sent | Answered) -> Message:
        """The message for a chain about what has happened on the other one."""
        relayer = people.address_text(RELAYER)
        if isinstance(one, Sent):
            proven = self.prove(self.other(chain), one.packet, ibc.Kind.COMMITMENT)
            return messages.recv_packet(proven, relayer)
        proven = self.prove(self.other(chain), one.packet, ibc.Kind.ACKNOWLEDGEMENT)
        return messages.acknowledge(proven, one.acknowledgement, relayer)

    def time_out(self, chain: Chain, packet: Packet) -> None:
        """Ends a packet of a chain that the other one has not taken in time."""
        other = self.other(chain)
        other.block(at=max(packet.timeout_timestamp, other.time_s + 1))
        proven = self.prove(other, packet, ibc.Kind.RECEIPT)
        chain.block(at=max(chain.time_s + 1, other.time_s))
        relayer = people.address_text(RELAYER)
        chain.send_messages(RELAYER, self.update(chain), messages.time_out(proven, relayer))

    def _relay_to(self, chain: Chain) -> bool:
        other = self.other(chain)
        news = other.happened[self.seen[other] :]
        self.seen[other] = len(other.happened)
        for _, one in news:
            message = self.make_message(chain, one)
            chain.block(at=max(chain.time_s + 1, other.time_s))
            chain.send_messages(RELAYER, self.update(chain), message)
        return bool(news)


def make_chains(changes: Mapping[str, Any] | None = None) -> tuple[Chain, Chain]:
    """Two streets with validators of their own."""
    north = Chain("north-1", make_signers([10, 10, 10, 10]), changes)
    return north, Chain("south-4", make_signers([10, 20, 30], first=50), changes)


def at(chain: Chain) -> Height:
    """The height of the last header of a chain."""
    return messages.make_height(chain.headers[chain.height].header)


__all__ = [
    "Acknowledgement",
    "Chain",
    "ClientHeight",
    "Link",
    "at",
    "make_chains",
]
