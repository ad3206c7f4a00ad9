"""What relayers bring: headers, proofs, packets, answers and timeouts that are nearly right.

The chain elsewhere signs and commits to whatever it is told, so that what is wrong comes as far as
it can: a header with odd fields has good signatures, an odd payload has a good proof. The rest is
changed on its way, as a relayer could do it.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from blockenergy.tielines.v1 import packet_pb2
from blockenergy.tielines.v1.tx_pb2 import MsgTradeOverTieLine
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp
from ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.core.channel.v2.packet_pb2 import Packet, Payload
from ibc.core.client.v1.client_pb2 import Height
from ibc.core.client.v1.tx_pb2 import MsgUpdateClient
from ibc.lightclients.tendermint.v1.tendermint_pb2 import Misbehaviour

from chain import ibc
from chain.app import BlockResult
from chain.ibc.packets import ERROR_ACKNOWLEDGEMENT
from chain.ibc.transfer_data import JSON, PORT, PROTOBUF, SUCCESS, VERSION, TransferData, write
from chain.tielines import packets as tielines
from client.relay import messages
from client.relay.packets import Sent, read_events
from client.signing.tx import pack
from tests.fuzz.making import carbon_packets, wire
from tests.fuzz.targets.transactions import judge_execution
from tests.support import tie_lines
from tests.support.others.headers import Block
from tests.support.others.other_chain import OtherChain
from tests.support.others.two_chains import RELAYER, RELAYS
from tests.support.simulated import ibc_actions
from tests.support.streets import people
from tests.support.world import DENOM, World

CLIENT, THERE = "07-tendermint-0", "07-tendermint-9"
FIRST = Height(revision_number=4, revision_height=1)
TEXTS = (
    "", " ", "uatom", DENOM, "ibc/00", f"transfer/{THERE}/{DENOM}", f"transfer/{CLIENT}/uatom",
    "transfer//x", "/", "transfer/" * 9 + "x", "a" * 129, "a" * 5_000, "\u0663", "\x00", "0", "-1",
    "01", "1e3", "9223372036854775807", "9223372036854775808", "9" * 4_000, "energy1", '"', "\\",
    PORT, VERSION, JSON, PROTOBUF, "ics20-2", "application/x-solidity-abi",
)  # fmt: skip
TOKENS = tuple(text.encode() for text in TEXTS) + tuple(
    f'{{"denom":{value}}}'.encode() for value in ("[" * 400, "1e999", '"\\ud800"', "{}", "null")
)
NUMBERS = (0, 1, 2, 7, (1 << 31) - 1, (1 << 62), (1 << 63) - 1)
HEIGHTS = (0, 1, 2, 3, 1 << 31, 1 << 62)
HASHES = (b"", bytes(31), bytes(32), bytes(33))
ASKED_WH = 1_000
TIE_LINE = {
    f"tielines.tie_lines[{tie_lines.NAME}]": {
        "client_id": CLIENT, "operator": tie_lines.OPERATOR, "notice_s": 5,
        "capacity_wh": tie_lines.CAPACITY_WH, "packets_per_slot_max": 5,
        "traded_per_day_max_wh": 100_000,
    },
}  # fmt: skip


class Relaying:
    """Transactions of a relayer, with a header and what it proves."""

    name = "relaying"
    batch = 5_000

    def __init__(self) -> None:
        drawn = {**ibc_actions.draw(), **tie_lines.LINE, **TIE_LINE}
        drawn[f"ibc.clients[{CLIENT}]"]["creator"] = RELAYER
        self._world = World({**carbon_packets.STREET, **RELAYS, **drawn})
        self._sent = [self._send(timeout_s, JSON * (timeout_s == 900)) for timeout_s in (5, 900)]
        self._sent += [self._ask(), self._ask()]
        for message in carbon_packets.make_sent(CLIENT, self._world.time_s):
            self._sent.append(self._find_sent(self._world.block(self._world.sign("anna", message))))
        self._now_s = self._world.time_s
        self._signer = people.address_text(RELAYER)
        self._makers: tuple[Callable[[OtherChain, Random], Message | None], ...] = (
            *(self._bring_transfer, self._bring_request, self._bring_carbon),
            *(self._bring_answer, self._bring_timeout, self._show_two_blocks, lambda *_: None),
        )

    def begin(self) -> None:
        """Nothing is carried over."""

    def make(self, random: Random) -> bytes:
        other = ibc_actions.begin()
        message = random.choice(self._makers)(other, random)
        if other.height < 2:
            other.add_block(self._now_s)
        block = other.blocks[other.height]
        if random.random() < 0.2:
            block = _sign_oddly(other, random)
        sent: list[Message] = [self._update(other, block)]
        sent += [message] if message is not None else []
        if random.random() < 0.5:
            place = random.randrange(len(sent))
            sent[place] = _spoil(sent[place], random)
        return self._world.spoil(RELAYER, *sent)

    def check(self, data: bytes) -> str:
        return judge_execution(self._world, data)

    def end(self) -> None:
        """Nothing is left behind."""

    def close(self) -> None:
        """Nothing was opened."""

    def _send(self, timeout_s: int, encoding: str) -> Packet:
        """A packet of this chain that has not ended."""
        anna = people.address_text("anna")
        message = MsgTransfer(
            source_port=PORT,
            source_channel=CLIENT,
            token=Coin(denom=DENOM, amount="700"),
            sender=anna,
            receiver="elsewhere",
            timeout_timestamp=self._world.time_s + timeout_s,
            encoding=encoding,
        )
        return self._find_sent(self._world.block(self._world.sign("anna", message)))

    def _ask(self) -> Packet:
        """What this chain asks the region elsewhere for."""
        message = MsgTradeOverTieLine(
            operator=people.address_text(tie_lines.OPERATOR),
            tie_line=tie_lines.NAME,
            slot=self._world.slot_ahead(2),
            side=tie_lines.BUY,
            quantity_wh=ASKED_WH,
            price_limit_per_kwh=300_000,
            price_limit_there_per_kwh=80_000,
        )
        return self._find_sent(self._world.block(self._world.sign(tie_lines.OPERATOR, message)))

    def _find_sent(self, result: BlockResult) -> Packet:
        events = [*self._world.results[0].events, *result.events]
        shown = [(one.type, dict(one.attributes)) for one in events if not isinstance(one, Message)]
        (sent,) = (one for one in read_events(shown) if isinstance(one, Sent))
        return sent.packet

    def _update(self, other: OtherChain, block: Block) -> MsgUpdateClient:
        return messages.update_client(CLIENT, other.make_header(block, FIRST), self._signer)

    def _bring_carbon(self, other: OtherChain, random: Random) -> Message:
        payload = carbon_packets.make_payload(random, TOKENS)
        return self._bring_payloads(other, random, [payload])

    def _bring_transfer(self, other: OtherChain, random: Random) -> Message:
        parties = ["elsewhere", people.address_text("anna")]
        data = TransferData("uatom", random.choice((1, 500, 10**9)), *parties)
        encoding = random.choice((JSON, PROTOBUF))
        if random.random() < 0.3:
            texts = [*parties, "uatom"]
            texts[random.randrange(3)] = _text(random)
            data = TransferData(texts[2], data.amount, *texts[:2])
        parts = {"version": VERSION, "encoding": encoding, "value": write(data, encoding)}
        return self._bring_packet(other, PORT, parts, random)

    def _bring_request(self, other: OtherChain, random: Random) -> Message:
        """The region elsewhere asks for energy, sometimes as no rule of ours does."""
        fields: dict[str, Any] = {
            "tie_line": tie_lines.NAME, "slot": self._world.slot_ahead(2), "slot_length_s": 60,
            "side": random.choice((tie_lines.BUY, tie_lines.SELL)),
            "quantity_wh": random.choice((1, ASKED_WH, tie_lines.CAPACITY_WH)),
            "price_limit_per_kwh": random.choice((80_000, 300_000)),
        }  # fmt: skip
        if random.random() < 0.3:
            name = random.choice(list(fields))
            odd = _text(random) if name == "tie_line" else random.choice(NUMBERS)
            fields[name] = odd % 9 if name == "side" else odd
        value = packet_pb2.Request(**fields).SerializeToString()
        parts = {"version": tielines.VERSION, "encoding": tielines.ENCODING, "value": value}
        return self._bring_packet(other, tielines.PORT, parts, random)

    def _bring_packet(
        self, other: OtherChain, port: str, parts: dict[str, Any], random: Random
    ) -> Message:
        """A packet whose value, or another part, is sometimes wrong."""
        parts |= {"source_port": port, "destination_port": port}
        if random.random() < 0.1:
            texts = [name for name in parts if name != "value"]
            parts[random.choice(texts)] = _text(random)
        if random.random() < 0.5:
            parts["value"] = wire.mutate(parts["value"], random, TOKENS)
        payloads = [Payload(**parts)] * random.choice((1, 1, 1, 1, 0, 2))
        return self._bring_payloads(other, random, payloads)

    def _bring_payloads(
        self, other: OtherChain, random: Random, payloads: list[Payload]
    ) -> Message:
        packet = Packet(
            sequence=random.choice(NUMBERS),
            source_client=THERE,
            destination_client=CLIENT,
            timeout_timestamp=self._now_s + random.choice((-1, 0, 600, 600, 600, 600)),
            payloads=payloads,
        )
        other.send(self._now_s, packet)
        proven = other.prove(self._now_s, packet, ibc.Kind.COMMITMENT)
        return messages.recv_packet(proven, self._signer)

    def _bring_answer(self, other: OtherChain, random: Random) -> Message:
        packet = random.choice(self._sent)
        right = SUCCESS
        if packet.payloads[0].source_port == tielines.PORT:
            executed_wh = random.choice((ASKED_WH, ASKED_WH // 2, ASKED_WH + 1, *NUMBERS))
            right = packet_pb2.Answer(executed_wh=executed_wh).SerializeToString()
        answer = random.choice((right, right, ERROR_ACKNOWLEDGEMENT, b"", b'{"error":"no"}'))
        if random.random() < 0.2:
            answer = wire.mutate_bytes(answer, random, TOKENS)
        answers = [answer] * random.choice((1, 1, 1, 0, 2))
        answered = other.answer(self._now_s, packet, answers)
        proven = other.prove(self._now_s, packet, ibc.Kind.ACKNOWLEDGEMENT)
        return messages.acknowledge(proven, answered, self._signer)

    def _bring_timeout(self, other: OtherChain, random: Random) -> Message:
        packet = random.choice(self._sent)
        if random.random() < 0.2:
            other.answer(self._now_s, packet, [SUCCESS])
        time_s = self._now_s + random.choice((0, 6))
        other.add_block(time_s)
        proven = other.prove(time_s, packet, ibc.Kind.RECEIPT)
        return messages.time_out(proven, self._signer)

    def _show_two_blocks(self, other: OtherChain, random: Random) -> Message:
        true = other.add_block(self._now_s)
        blocks = [true, _sign_oddly(other, random)]
        headers = [other.make_header(block, FIRST) for block in blocks]
        content = Misbehaviour(header_1=headers[0], header_2=headers[1])
        return MsgUpdateClient(client_id=CLIENT, client_message=pack(content), signer=self._signer)


def _sign_oddly(other: OtherChain, random: Random) -> Block:
    """The last block with an odd value in a field of its header, which is signed with it."""
    name = random.choice(("time", "height", "chain_id", "app_hash", "next_validators_hash"))
    if name == "height":
        return other.sign(random.choice(HEIGHTS))
    if name == "time":
        seconds = random.choice((0, 1, 1_700_000_000, 4_000_000_000, 250_000_000_000))
        time = Timestamp(seconds=seconds, nanos=random.choice((0, 999_999_999)))
        return other.sign(other.height, time=time)
    values = ("south-5", "south", "", "south-04", "x" * 60) if name == "chain_id" else HASHES
    return other.sign(other.height, **{name: random.choice(values)})


def _text(random: Random) -> str:
    return random.choice(TEXTS)


def _spoil(message: Message, random: Random) -> Message:
    """A message with something changed in its bytes, or in those of the header in it."""
    if isinstance(message, MsgUpdateClient) and random.random() < 0.8:
        message.client_message.value = wire.mutate(message.client_message.value, random, TOKENS)
        return message
    try:
        return type(message).FromString(wire.mutate(message.SerializeToString(), random, TOKENS))
    except DecodeError:
        return message
