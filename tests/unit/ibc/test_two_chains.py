"""Money between two chains that verify each other's headers and proofs, and what goes wrong."""

from __future__ import annotations

from random import Random

import pytest
from blockenergy.registry.v1 import tx_pb2 as registry_pb2
from google.protobuf.message import Message
from ibc.core.channel.v2 import tx_pb2 as channel_pb2
from ibc.core.channel.v2.packet_pb2 import Packet
from ibc.core.client.v1 import tx_pb2 as client_pb2
from ibc.lightclients.tendermint.v1 import tendermint_pb2

from chain import app, bank, ibc
from chain.ibc import transfer_data
from chain.ibc.packets import compute_acknowledgement_commitment
from chain.ibc.state import LIMITS, PACKETS
from chain.ibc.transfer_data import SUCCESS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError
from client.relay import messages
from client.relay.packets import Answered, Sent
from client.signing.tx import pack
from tests.support.others.two_chains import DAY_S, RELAYER, Chain, Link, make_chains
from tests.support.streets import people
from tests.support.world import response

START = 100_000_000
PEOPLE = ("anna", "ben", "clara", "dirk")


class Joined:
    """Two chains on which euros may cross, in both directions."""

    def __init__(self, most: int = 5_000) -> None:
        self.north, self.south = make_chains()
        self.link = Link(self.north, self.south)
        self.vouchers: dict[Chain, str] = {}
        for chain in self.link.chains:
            self.link.allow(chain, "ueur", most, most)
            path = self.link.path(chain, "ueur")
            self.vouchers[chain] = self.link.allow(chain, path, most, most)

    def escrow(self, chain: Chain) -> int:
        account = bech32.encode(ibc.get_escrow_account(self.link.ids[chain]))
        return int(chain.short().get(f"bank.balances[{account}, ueur]", 0))


@pytest.fixture
def joined() -> Joined:
    return Joined()


def reject(chain: Chain, who: str, *sent: Message) -> str:
    """The sentence with which messages are rejected."""
    chain.block(chain.sign(who, *sent))
    assert chain.results[0].code, "it was accepted"
    return chain.results[0].log


def test_money_goes_there_and_comes_back(joined: Joined) -> None:
    north, south, link = joined.north, joined.south, joined.link
    voucher = joined.vouchers[south]
    link.transfer(north, "anna", "ben", "ueur", 1_000)
    assert joined.escrow(north) == 1_000
    link.relay()
    assert south.balance("ben", voucher) == 1_000
    link.transfer(south, "ben", "clara", voucher, 400)
    link.relay()
    assert south.balance("ben", voucher) == joined.escrow(north) == 600
    assert north.balance("clara") == START + 400
    assert north.balance("anna") == START - 1_000
    # Both packets have ended, and neither can be sent for again.
    assert not any(kind == ibc.Kind.COMMITMENT for ((_, kind), _), _ in PACKETS.items(north.state))


def test_a_packet_that_nobody_there_can_take_comes_back(joined: Joined) -> None:
    north, link = joined.north, joined.link
    link.transfer(north, "anna", "fred", "ueur", 1_000)
    link.relay()
    assert north.balance("anna") == START
    assert joined.escrow(north) == 0


def test_a_packet_that_comes_too_late_comes_back(joined: Joined) -> None:
    north, south, link = joined.north, joined.south, joined.link
    packet = link.transfer(north, "anna", "ben", "ueur", 1_000, timeout_timestamp=north.time_s + 30)
    late = link.make_message(south, Sent(packet))
    early = messages.time_out(
        link.prove(south, packet, ibc.Kind.RECEIPT), people.address_text(RELAYER)
    )
    assert "before the timeout" in reject(north, RELAYER, link.update(north), early)
    link.time_out(north, packet)
    assert north.balance("anna") == START
    assert "timeout of the packet has passed" in reject(south, RELAYER, link.update(south), late)
    # A second proof of the same changes nothing.
    north.send_messages(RELAYER, early)
    assert north.balance("anna") == START


def test_a_packet_that_was_taken_does_not_time_out(joined: Joined) -> None:
    north, south, link = joined.north, joined.south, joined.link
    packet = link.transfer(north, "anna", "ben", "ueur", 1_000, timeout_timestamp=north.time_s + 60)
    message = link.make_message(south, Sent(packet))
    south.send_messages(RELAYER, link.update(south), message)
    with pytest.raises(AssertionError, match="it proves something else"):
        link.time_out(north, packet)
    assert joined.escrow(north) == 1_000


def test_what_is_relayed_twice_happens_once(joined: Joined) -> None:
    north, south, link = joined.north, joined.south, joined.link
    link.transfer(north, "anna", "ben", "ueur", 1_000)
    news = [one for _, one in north.happened]
    for _ in range(2):
        message = link.make_message(south, news[0])
        south.send_messages(RELAYER, link.update(south), message)
    assert south.balance("ben", joined.vouchers[south]) == 1_000
    answers = [one for _, one in south.happened if isinstance(one, Answered)]
    assert len(answers) == 1
    for _ in range(2):
        message = link.make_message(north, answers[0])
        north.send_messages(RELAYER, link.update(north), message)


def test_a_chain_takes_back_no_more_than_was_sent_there(joined: Joined) -> None:
    """Its validators sign whatever it says; here it makes vouchers out of nothing."""
    north, south, link = joined.north, joined.south, joined.link
    link.transfer(north, "anna", "ben", "ueur", 1_000)
    link.relay()
    state = south.state
    key = (link.ids[south], link.path(south, "ueur"))
    limit = LIMITS.get(state, key)
    assert limit is not None
    # It has minted more, to Dirk, and sends it home.
    limit.outstanding += 500
    LIMITS.set(state, key, limit)
    voucher = joined.vouchers[south]
    ctx = Context(state.store, south.block_info)
    bank.mint(ctx, people.wallet("dirk").address, voucher, 500)
    south.store.apply(state.store.changes)
    south._commit(state.store.changes)
    link.transfer(south, "ben", "clara", voucher, 1_000)
    link.transfer(south, "dirk", "clara", voucher, 500)
    link.relay()
    assert north.balance("clara") == START + 1_000
    assert joined.escrow(north) == 0
    assert south.balance("dirk", voucher) == 500


def test_limits_hold_for_a_day(joined: Joined) -> None:
    north, south, link = joined.north, joined.south, joined.link
    link.transfer(north, "anna", "ben", "ueur", 4_000)
    more = link.make_transfer(north, "clara", "ben", "ueur", 1_001)
    assert "1000 of 5000 are left" in reject(north, "clara", more)
    link.allow(south, link.path(south, "ueur"), 5_000, 3_999)
    link.relay()
    assert north.balance("anna") == START
    assert "of 5000 are left" in reject(north, "clara", more)
    north.block(at=(north.time_s // DAY_S + 1) * DAY_S)
    link.transfer(north, "clara", "ben", "ueur", 1_001)


def test_names_that_are_too_long_for_a_key_are_rejected_with_a_sentence(joined: Joined) -> None:
    north, link = joined.north, joined.link
    long = "0" * 300
    other = link.make_transfer(north, "anna", "ben", "u" * 300, 1)
    assert "denomination is not valid" in reject(north, "anna", other)
    other = link.make_transfer(north, "anna", "ben", "ueur", 1, source_channel=long)
    assert "no such client" in reject(north, "anna", other)
    for path, query in app.RULES.queries.items():
        if "client_id" in query.request.DESCRIPTOR.fields_by_name and "Status" not in path:
            request = query.request(client_id=long).SerializeToString()
            with pytest.raises(ChainError, match=r"no such client|has not allowed"):
                app.query(north.store, north.block_info, path, request)


def test_what_is_not_allowed_any_more_still_comes_back(joined: Joined) -> None:
    north, link = joined.north, joined.link
    packet = link.transfer(north, "anna", "ben", "ueur", 1_000, timeout_timestamp=north.time_s + 60)
    link.allow(north, "ueur", 0, 0)
    assert "0 of 0 are left" in reject(
        north, "ben", link.make_transfer(north, "ben", "ben", "ueur", 1)
    )
    suspended = registry_pb2.MsgSuspendParticipant(
        registrar=people.address_text("registrar"), address=people.address_text("anna")
    )
    north.send_messages("registrar", suspended)
    link.time_out(north, packet)
    assert north.balance("anna") == START


def test_a_second_block_of_a_height_stops_everything_until_the_authority_helps(
    joined: Joined,
) -> None:
    north, south, link = joined.north, joined.south, joined.link
    packet = link.transfer(north, "anna", "ben", "ueur", 1_000)
    link.relay()
    south.block()
    north.block(at=max(north.time_s, south.time_s))
    north.send_messages(RELAYER, link.update(north))
    known = south.headers[south.height]
    client = north.short()[f"ibc.clients[{link.ids[north]}]"]["state"]
    trusted = messages.Height(
        revision_number=4, revision_height=int(client["latest_height"]["revision_height"])
    )
    south.block()
    headers = [
        messages.make_header(block.signed, block.validators, trusted, known.trusted.next_validators)
        for block in (south.headers[south.height], south.sign_header(app_hash=b"\x09" * 32))
    ]
    misbehaviour = tendermint_pb2.Misbehaviour(
        client_id=link.ids[north], header_1=headers[0], header_2=headers[1]
    )
    message = client_pb2.MsgUpdateClient(
        client_id=link.ids[north],
        client_message=pack(misbehaviour),
        signer=people.address_text(RELAYER),
    )
    north.block(at=south.time_s)
    north.send_messages(RELAYER, message)
    assert "is Frozen" in reject(north, RELAYER, link.update(north))
    assert "is Frozen" in reject(north, "anna", link.make_transfer(north, "anna", "b", "ueur", 1))
    header = south.headers[south.height].signed.header
    relayer = people.address_text(RELAYER)
    north.send_messages(RELAYER, messages.create_client(header, 14 * DAY_S, 21 * DAY_S, relayer))
    recover = client_pb2.MsgRecoverClient(
        subject_client_id=link.ids[north],
        substitute_client_id="07-tendermint-1",
        signer=people.address_text("distributor"),
    )
    north.send_messages("distributor", recover)
    link.transfer(south, "ben", "anna", joined.vouchers[south], 1_000)
    link.relay()
    assert north.balance("anna") == START
    assert packet.sequence == 1


def test_a_client_that_nobody_updates_expires(joined: Joined) -> None:
    north, link = joined.north, joined.link
    north.block(at=north.time_s + 14 * DAY_S)
    joined.south.block(at=north.time_s)
    assert "is Expired" in reject(north, RELAYER, link.update(north))


def test_old_headers_are_forgotten(joined: Joined) -> None:
    """One with each update, once they are too old to vouch for anything."""
    north, south, link = joined.north, joined.south, joined.link

    def count() -> int:
        return sum(1 for path in north.short() if path.startswith("ibc.consensus_states["))

    for _ in range(4):
        south.block(at=south.time_s + 6 * DAY_S)
        north.block(at=south.time_s)
        north.send_messages(RELAYER, link.update(north))
    assert count() == 3


def test_a_relayer_that_cheats_moves_nothing() -> None:
    """Packets dropped, doubled, late, altered and in any order: after each step, what one chain
    holds in escrow is what the other one has, and what is under way.
    """
    chance, joined = Random(7), Joined(most=10**9)
    link = joined.link
    waiting: list[tuple[Chain, Sent | Answered]] = []
    seen = dict.fromkeys(link.chains, 0)
    outcomes = {"sent": 0, "done": 0, "rejected": 0, "returned": 0}
    for _ in range(60):
        chain = chance.choice(link.chains)
        other = link.other(chain)
        denom = chance.choice(["ueur", joined.vouchers[chain]])
        who, amount = chance.choice(PEOPLE), chance.randint(1, 900)
        if chain.balance(who, denom) >= amount and chance.random() < 0.6:
            receiver = chance.choice([*PEOPLE, "fred"])
            timeout_s = chain.time_s + chance.choice([20, 500])
            link.transfer(chain, who, receiver, denom, amount, timeout_timestamp=timeout_s)
            outcomes["sent"] += 1
        for one in link.chains:
            waiting += [(link.other(one), news) for _, news in one.happened[seen[one] :]]
            seen[one] = len(one.happened)
        other.block(at=max(other.time_s + 1, chain.time_s))
        _require_nothing_lost(joined)
        if not waiting:
            continue
        place = chance.randrange(len(waiting))
        target, news = waiting[place]
        if chance.random() < 0.2 and isinstance(news, Sent):
            target.block(at=max(target.time_s + 1, news.packet.timeout_timestamp))
        message = link.make_message(target, news)
        spoiled = chance.random() < 0.3
        if spoiled:
            _spoil(message, chance)
        source = link.other(target)
        target.block(at=max(target.time_s + 1, source.time_s))
        target.block(target.sign(RELAYER, link.update(target), message))
        done = target.results[0].code == 0
        outcomes["done" if done else "rejected"] += 1
        # What has ended is no longer looked at.
        assert not (spoiled and done) or _had_ended(target)
        if done and chance.random() < 0.7:
            del waiting[place]
        elif not done and not spoiled and isinstance(news, Sent):
            del waiting[place]
            link.time_out(source, news.packet)
            outcomes["returned"] += 1
    assert min(outcomes.values()) > 3, outcomes
    _require_nothing_lost(joined)


def _require_nothing_lost(joined: Joined) -> None:
    link = joined.link
    for chain in link.chains:
        escrow = ibc.get_escrow_account(link.ids[chain])
        held = bank.get_balance(chain.state, escrow, "ueur")
        there = link.other(chain)
        info = bank.get_denom(there.state, joined.vouchers[there])
        assert info is not None
        under_way = _add_up(link, chain, "ueur") + _add_up(link, there, link.path(there, "ueur"))
        assert held == info.supply + under_way


def _add_up(link: Link, source: Chain, path: str) -> int:
    """What a chain has sent of a path that has neither arrived nor come back."""
    target, total = link.other(source), 0
    arrived = compute_acknowledgement_commitment([SUCCESS])
    for _, one in source.happened:
        number = one.packet.sequence
        is_open = PACKETS.has(source.state, ((link.ids[source], ibc.Kind.COMMITMENT), number))
        if not isinstance(one, Sent) or not is_open:
            continue
        (payload,) = one.packet.payloads
        data = transfer_data.read(payload.version, payload.encoding, payload.value)
        key = ((link.ids[target], ibc.Kind.ACKNOWLEDGEMENT), number)
        if data.path == path and PACKETS.get(target.state, key) != arrived:
            total += data.amount
    return total


def _had_ended(chain: Chain) -> bool:
    answer = response(chain.results[0], channel_pb2.MsgRecvPacketResponse, index=1)
    return answer.result == channel_pb2.RESPONSE_RESULT_TYPE_NOOP


def _spoil(message: Message, chance: Random) -> None:
    packet: Packet = message.packet  # type: ignore[attr-defined]
    spoilt = chance.randrange(3)
    if spoilt == 0:
        packet.payloads[0].value += b" "
    elif spoilt == 1:
        packet.timeout_timestamp += 1
    else:
        message.proof_height.revision_height += 1  # type: ignore[attr-defined]
