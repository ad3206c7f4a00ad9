"""What relayers, senders and the authority do between a simulated street and a chain elsewhere,
which may lie.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from blockenergy.ibc.v1 import tx_pb2
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf import json_format
from google.protobuf.message import Message
from ibc.applications.transfer.v1 import tx_pb2 as transfer_pb2
from ibc.core.channel.v2 import tx_pb2 as channel_pb2
from ibc.core.channel.v2.packet_pb2 import Packet, Payload
from ibc.core.client.v1 import tx_pb2 as client_pb2
from ibc.core.client.v1.client_pb2 import Height
from ibc.lightclients.tendermint.v1 import tendermint_pb2

from chain import bank, ibc
from chain.ibc import transfer as ics20
from chain.ibc.packets import ERROR_ACKNOWLEDGEMENT
from chain.ibc.state import CLIENTS, LIMITS, PACKETS
from chain.ibc.transfer_data import JSON, PROTOBUF, SUCCESS, TransferData
from chain.runtime.context import CosmosEvent, Event
from client.relay import messages
from client.relay.packets import Sent, read_events
from client.signing.tx import pack
from tests.support.others.other_chain import OtherChain
from tests.support.streets import people
from tests.support.world import DENOM, START_S

if TYPE_CHECKING:
    from chain import app
    from tests.support.simulated.simulation import Simulation

RELAYER = "rita"
_DAY_S = 86_400
_THERE = "07-tendermint-9"
_PATH = "transfer/07-tendermint-0/uatom"


class Sightings:
    """Packets that the street has sent, the latest last."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []

    def follow(self, result: app.BlockResult) -> None:
        for tx in result.tx_results:
            self._note(tx.events)
        self._note(result.events)
        self.packets = self.packets[-20:]

    def _note(self, events: Sequence[Event]) -> None:
        shown = [(one.type, dict(one.attributes)) for one in events if isinstance(one, CosmosEvent)]
        self.packets += [one.packet for one in read_events(shown) if isinstance(one, Sent)]


def begin() -> OtherChain:
    """The chain elsewhere as a simulation finds it."""
    other = OtherChain(time_s=START_S)
    other.add_block(START_S)
    return other


def draw() -> dict[str, Any]:
    """A client that packets go over from the beginning."""
    header = begin().blocks[1].header
    message = messages.create_client(header, _DAY_S, 2 * _DAY_S, "")
    state = tendermint_pb2.ClientState.FromString(message.client_state.value)
    consensus = tendermint_pb2.ConsensusState.FromString(message.consensus_state.value)
    limit = {"sent_per_day_max": 1_000_000, "received_per_day_max": 1_000_000}
    return {
        "ibc.params": {"clients_max": 50},
        "ibc.client_count": 1,
        "ibc.clients[07-tendermint-0]": {
            "state": _describe(state), "creator": RELAYER, "counterparty": _THERE,
        },
        "ibc.consensus_states[07-tendermint-0, 4 & 1]": _describe(consensus),
        f"ibc.limits[07-tendermint-0, {DENOM}]": limit,
        f"ibc.limits[07-tendermint-0, {_PATH}]": limit,
        f"bank.denoms[{ibc.get_denom(_PATH)}]": {"symbol": "uatom"},
    }  # fmt: skip


def _describe(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def create_client(sim: Simulation) -> bytes:
    """Of the other chain as it is now."""
    who = _relayer(sim)
    block = sim.other.add_block(sim.world.time_s)
    periods = sim.random.choice([(_DAY_S, 2 * _DAY_S), (_DAY_S, 2 * _DAY_S), (5, 4)])
    message = messages.create_client(block.header, *periods, people.address_text(who))
    return sim.world.sign(who, message)


def register_counterparty(sim: Simulation) -> bytes:
    who = _relayer(sim)
    ids = [client_id for client_id, _ in CLIENTS.items(sim.world.state)]
    message = messages.register_counterparty(ids[-1], _THERE, people.address_text(who))
    return sim.world.sign(who, message)


def update_client(sim: Simulation) -> bytes:
    """A header of the other chain; now and then one that it has not signed."""
    who, client_id = _relayer(sim), choose_client(sim)
    block = sim.other.add_block(sim.world.time_s)
    header = _header(sim, client_id, block.header.height)
    if sim.random.random() < 0.2:
        header.signed_header.header.app_hash = bytes(32)
    return sim.world.sign(who, messages.update_client(client_id, header, people.address_text(who)))


def show_two_blocks(sim: Simulation) -> bytes:
    """Two headers of one height, or the same one twice."""
    who, client_id = _relayer(sim), choose_client(sim)
    height = sim.other.add_block(sim.world.time_s).header.height
    headers = [_header(sim, client_id, height) for _ in range(2)]
    if sim.random.random() < 0.3:
        other = sim.other.sign(height, app_hash=b"\x09" * 32)
        headers[1].signed_header.CopyFrom(other.signed)
    content = tendermint_pb2.Misbehaviour(header_1=headers[0], header_2=headers[1])
    message = client_pb2.MsgUpdateClient(
        client_id=client_id, client_message=pack(content), signer=people.address_text(who)
    )
    return sim.world.sign(who, message)


def recover_client(sim: Simulation) -> bytes:
    who = sim.random.choice(["distributor"] * 5 + [sim.anybody()])
    ids = [client_id for client_id, _ in CLIENTS.items(sim.world.state)]
    message = client_pb2.MsgRecoverClient(
        subject_client_id=sim.random.choice(["07-tendermint-0", *ids]),
        substitute_client_id=ids[-1],
        signer=people.address_text(who),
    )
    return sim.world.sign(who, message)


def set_transfer_limit(sim: Simulation) -> bytes:
    who, client_id = sim.random.choice(["distributor"] * 5 + [sim.anybody()]), choose_client(sim)
    path = sim.random.choice([DENOM, DENOM, f"transfer/{client_id}/uatom", "transfer/uatom"])
    message = tx_pb2.MsgSetTransferLimit(
        authority=people.address_text(who),
        client_id=client_id,
        path=path,
        sent_per_day_max=sim.random.choice([0, 10_000, 1_000_000, 1_000_000]),
        received_per_day_max=sim.random.choice([0, 10_000, 1_000_000, 1_000_000]),
    )
    return sim.world.sign(who, message)


def transfer_tokens(sim: Simulation) -> bytes:
    who, client_id = _sender(sim), choose_client(sim)
    message = transfer_pb2.MsgTransfer(
        source_port="transfer",
        source_channel=client_id,
        token=Coin(denom=_denom(sim), amount=str(sim.random.choice([1, 700, 20_000]))),
        sender=people.address_text(who),
        receiver="elsewhere",
        timeout_timestamp=_timeout_s(sim),
        encoding=sim.random.choice(["", JSON]),
    )
    return sim.world.sign(who, message)


def send_packet(sim: Simulation) -> bytes:
    """A transfer in a packet of one's own; now and then of somebody else's money."""
    who, client_id = _sender(sim), choose_client(sim)
    sender = people.address_text(sim.random.choice([who, who, sim.anybody()]))
    data = TransferData(DENOM, sim.random.choice([1, 700]), sender, "elsewhere")
    message = channel_pb2.MsgSendPacket(
        source_client=client_id,
        timeout_timestamp=_timeout_s(sim),
        payloads=[ics20.make_payload(data, sim.random.choice([JSON, PROTOBUF]))],
        signer=people.address_text(who),
    )
    return sim.world.sign(who, message)


def receive_packet(sim: Simulation) -> bytes:
    """What the other chain sends: its own money, what is ours, or more of it than it has."""
    client_id = choose_client(sim)
    path = sim.random.choice(["uatom", f"transfer/{_THERE}/{DENOM}", "ueur/x"])
    amount = sim.random.choice([1, 500, 500, 10**9])
    data = TransferData(path, amount, "elsewhere", people.address_text(sim.anybody()))
    return receive(sim, client_id, ics20.make_payload(data, PROTOBUF))


def receive(sim: Simulation, client_id: str, payload: Payload) -> bytes:
    """Brings a packet that the other chain sends, sometimes after its timeout."""
    packet = Packet(
        sequence=sim.random.randint(1, 50),
        source_client=_THERE,
        destination_client=client_id,
        timeout_timestamp=sim.world.time_s + sim.random.choice([0, 600, 600]),
        payloads=[payload],
    )
    sim.other.send(sim.world.time_s, packet)
    proven = sim.other.prove(sim.world.time_s, packet, ibc.Kind.COMMITMENT)
    return _bring(sim, client_id, messages.recv_packet(proven, people.address_text(RELAYER)))


def acknowledge_packet(sim: Simulation) -> bytes:
    """An answer to a packet of ours, sometimes one that no application gives."""
    answer = sim.random.choice([SUCCESS, ERROR_ACKNOWLEDGEMENT, b"maybe"])
    return acknowledge(sim, choose_sent(sim), answer)


def acknowledge(sim: Simulation, packet: Packet, answer: bytes) -> bytes:
    """Brings what the other chain answers to a packet of ours."""
    answered = sim.other.answer(sim.world.time_s, packet, [answer])
    proven = sim.other.prove(sim.world.time_s, packet, ibc.Kind.ACKNOWLEDGEMENT)
    message = messages.acknowledge(proven, answered, people.address_text(RELAYER))
    return _bring(sim, packet.source_client, message)


def time_out_packet(sim: Simulation) -> bytes:
    """The proof that a packet has not arrived, sometimes before its timeout."""
    packet = choose_sent(sim)
    proven = sim.other.prove(sim.world.time_s, packet, ibc.Kind.RECEIPT)
    message = messages.time_out(proven, people.address_text(RELAYER))
    return _bring(sim, packet.source_client, message)


def _bring(sim: Simulation, client_id: str, message: Message) -> bytes:
    """A message with the header that its proof needs."""
    header = _header(sim, client_id, sim.other.height)
    update = messages.update_client(client_id, header, people.address_text(RELAYER))
    return sim.world.sign(RELAYER, update, message)


def _header(sim: Simulation, client_id: str, height: int) -> tendermint_pb2.Header:
    client = CLIENTS.get(sim.world.state, client_id)
    known = client.state.latest_height if client else Height(revision_number=4, revision_height=1)
    return sim.other.make_header(sim.other.blocks[height], known)


def _relayer(sim: Simulation) -> str:
    return sim.random.choice([RELAYER] * 9 + [sim.anybody()])


def _sender(sim: Simulation) -> str:
    """Mostly somebody who has something."""
    state = sim.world.state
    able = [
        name
        for name in sim.all_names
        if bank.get_balance(state, people.wallet(name).address, DENOM) > 100_000
    ]
    return sim.random.choice([*able, sim.anybody()])


def choose_client(sim: Simulation) -> str:
    """Mostly one that packets go over."""
    ids = [client_id for client_id, _ in CLIENTS.items(sim.world.state)]
    return sim.random.choice([*["07-tendermint-0"] * 8, *ids[-1:], *ids[:1]])


def _denom(sim: Simulation) -> str:
    paths = [path for (_, path), _ in LIMITS.items(sim.world.state)]
    return ibc.get_denom(sim.random.choice([*paths, DENOM, DENOM]))


def _timeout_s(sim: Simulation) -> int:
    return sim.world.time_s + int(sim.random.choice([0, 30, 60, 600, _DAY_S + 100]))


def choose_sent(sim: Simulation, port: str = "") -> Packet:
    """Mostly a packet of ours that has not ended; of one port, or of any."""
    sent = [one for one in sim.sightings.packets if port in ("", one.payloads[0].source_port)]
    state = sim.world.state
    open_ones = [
        packet
        for packet in sent
        if PACKETS.has(state, ((packet.source_client, ibc.Kind.COMMITMENT), packet.sequence))
    ]
    none = Packet(sequence=1, source_client="07-tendermint-0")
    return sim.random.choice([*(open_ones * 3), *sent] or [none])


ACTIONS: list[tuple[int, Callable[[Simulation], bytes]]] = [
    (1, create_client),
    (1, register_counterparty),
    (2, update_client),
    (1, show_two_blocks),
    (6, recover_client),
    (1, set_transfer_limit),
    (3, transfer_tokens),
    (1, send_packet),
    (3, receive_packet),
    (2, acknowledge_packet),
    (2, time_out_packet),
]
