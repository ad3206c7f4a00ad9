"""Certificates and credits that cross, and what goes wrong on the way."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from blockenergy.carbontransfer.v1 import events_pb2, packet_pb2, query_pb2, tx_pb2
from blockenergy.certificates.v1 import tx_pb2 as certificates_pb2
from blockenergy.credits.v1 import tx_pb2 as credits_pb2
from blockenergy.ibc.v1 import events_pb2 as ibc_events_pb2
from google.protobuf.message import Message

from chain import credits, ibc
from chain.runtime.errors import ChainError
from client.relay.packets import Sent
from tests.support.carbon_transfer import (
    ADDED_AT_S,
    BATCH,
    CLIENT,
    MADE_G,
    MADE_WH,
    SLOTS,
    Crossing,
    count_abroad,
    count_foreign,
    foreign_wh,
    held_wh,
    is_done,
    last_sent,
    make_entry,
)
from tests.support.others.two_chains import Chain
from tests.support.streets import people
from tests.support.vectors import ERRORS

FOREIGN_BATCH = f"{CLIENT}/{BATCH}"
LIFE_S = 86_400
STORAGE = "ENERGY_SOURCE_STORAGE"
ANNA, BEN = people.address_text("anna"), people.address_text("ben")


@pytest.fixture
def crossing() -> Crossing:
    return Crossing()


def reject(chain: Chain, who: str, message: Message) -> str:
    """The sentence with which a message is rejected."""
    chain.block(chain.sign(who, message))
    assert chain.results[0].code, "it was accepted"
    return chain.results[0].log


def send_and_relay(crossing: Crossing, wh: int = 800, receiver: str = "ben") -> None:
    """Anna sends certificates of the north to the south."""
    north = crossing.north
    crossing.send(north, "anna", crossing.make_sent(north, "anna", receiver, wh))
    crossing.link.relay()


class TestCertificates:
    def test_leave_appear_and_come_home(self, crossing: Crossing) -> None:
        north, south = crossing.link.chains
        send_and_relay(crossing)
        assert (held_wh(north, "anna"), foreign_wh(south, "ben")) == (MADE_WH - 800, 800)
        assert count_abroad(north) == (800, 0) == count_foreign(south)
        crossing.send(south, "ben", crossing.make_returned(south, "ben", "clara", 300))
        crossing.link.relay()
        assert (held_wh(north, "clara"), foreign_wh(south, "ben")) == (300, 500)
        assert count_abroad(north) == (500, 0) == count_foreign(south)
        assert is_done(north) and is_done(south)

    def test_of_both_chains_with_the_same_slot_and_producer_stay_apart(
        self, crossing: Crossing
    ) -> None:
        north, south = crossing.link.chains
        send_and_relay(crossing, 800, "anna")
        assert (held_wh(south, "anna"), foreign_wh(south, "anna")) == (MADE_WH, 800)
        retired = certificates_pb2.MsgCancelCertificates(holder=ANNA, entries=[make_entry(MADE_WH)])
        south.send_messages("anna", retired)
        assert (held_wh(south, "anna"), foreign_wh(south, "anna")) == (0, 800)
        assert held_wh(north, "anna") == MADE_WH - 800

    def test_that_are_abroad_are_neither_used_nor_sent_again(self, crossing: Crossing) -> None:
        north = crossing.north
        crossing.send(north, "anna", crossing.make_sent(north, "anna", "ben", MADE_WH))
        cancelled = certificates_pb2.MsgCancelCertificates(holder=ANNA, entries=[make_entry(1)])
        assert "holder has fewer" in reject(north, "anna", cancelled)
        again = crossing.make_sent(north, "anna", "ben", 1)
        assert "holder has fewer" in reject(north, "anna", again)

    def test_that_nobody_there_can_take_are_given_back(self, crossing: Crossing) -> None:
        north, south = crossing.link.chains
        send_and_relay(crossing, 800, "fred")
        assert held_wh(north, "anna") == MADE_WH
        assert count_abroad(north) == (0, 0) == count_foreign(south)
        assert is_done(north)

    def test_that_come_too_late_are_given_back(self, crossing: Crossing) -> None:
        north = crossing.north
        packet = crossing.send(north, "anna", crossing.make_sent(north, "anna", "ben", 800))
        crossing.link.time_out(north, packet)
        assert held_wh(north, "anna") == MADE_WH
        assert is_done(north)

    def test_on_their_way_home_are_given_back_too(self, crossing: Crossing) -> None:
        """Whoever sent them has them again, over a timeout and over a rejection."""
        north, south = crossing.link.chains
        send_and_relay(crossing)
        sent = crossing.send(south, "ben", crossing.make_returned(south, "ben", "anna", 300))
        crossing.link.seen = {one: len(one.happened) for one in crossing.link.chains}
        crossing.link.time_out(south, sent)
        assert foreign_wh(south, "ben") == 800
        crossing.send(south, "ben", crossing.make_returned(south, "ben", "fred", 300))
        crossing.link.relay()
        assert foreign_wh(south, "ben") == 800
        assert count_abroad(north) == (800, 0) == count_foreign(south)

    def test_expire_on_both_chains(self, crossing: Crossing) -> None:
        """On neither is anything left, and what is on its way then comes to nobody."""
        north, south = crossing.link.chains
        send_and_relay(crossing)
        end_s = (SLOTS[0] + 1) * 60 + LIFE_S
        for chain in (north, south):
            chain.block(at=end_s - 3)
        packet = crossing.send(
            south, "ben", crossing.make_returned(south, "ben", "anna", 300, timeout_s=end_s + 600)
        )
        late = crossing.make_returned(south, "ben", "anna", 1, timeout_s=end_s + 600)
        south.block(south.sign("ben", late), at=end_s)
        assert "have expired" in south.results[0].log
        north.block(at=end_s + 1)
        assert held_wh(north, "anna") == 0 == foreign_wh(south, "ben")
        assert count_abroad(north) == (0, 0) == count_foreign(south)
        crossing.bring(north, Sent(packet))
        crossing.link.seen = {one: len(one.happened) for one in crossing.link.chains}
        crossing.bring(south, north.happened[-1][1])
        assert foreign_wh(south, "ben") == 0 == held_wh(north, "anna")
        assert is_done(south)

    def test_that_are_withdrawn_while_abroad_are_owed_and_stay(self, crossing: Crossing) -> None:
        """A fault of the meter costs nobody abroad anything; the device makes up for it."""
        roles = {"roles": ["ROLE_AUDITOR", "ROLE_CERTIFIER", "ROLE_RELAYER"]}
        crossing = Crossing({"registry.participants[auditor]": roles})
        north, south = crossing.link.chains
        send_and_relay(crossing, MADE_WH)
        withdrawn = certificates_pb2.MsgWithdrawCertificates(
            certifier=people.address_text("auditor"), meter_id="meter-anna", slot=SLOTS[0],
            wh=1_000,
        )  # fmt: skip
        north.send_messages("auditor", withdrawn)
        assert north.short()["carbon.devices[meter-anna]"]["debt_wh"] == "1000"
        crossing.send(south, "ben", crossing.make_returned(south, "ben", "anna", MADE_WH))
        crossing.link.relay()
        assert held_wh(north, "anna") == MADE_WH

    def test_that_are_retired_there_say_where_they_come_from_and_match_nothing(
        self, crossing: Crossing
    ) -> None:
        south = crossing.south
        send_and_relay(crossing)
        south.send_messages(
            "ben",
            tx_pb2.MsgRetireForeign(
                holder=BEN, client_id=CLIENT, entries=[make_entry(800)], purpose="scope2-2027"
            ),
        )
        path = "/blockenergy.carbontransfer.v1.Query/ForeignRetirement"
        answer = south.query(
            path,
            query_pb2.QueryForeignRetirementRequest(number=1),
            query_pb2.QueryForeignRetirementResponse,
        )
        retirement = answer.retirement
        (entry,) = retirement.entries
        assert retirement.chain_id == "north-1"
        assert (entry.slot, entry.producer, entry.wh) == (SLOTS[0], ANNA, 800)
        assert (entry.start_s, entry.end_s) == (SLOTS[0] * 60, SLOTS[0] * 60 + 60)
        assert not [path for path in south.short() if path.startswith("certificates.claims")]
        home = crossing.make_returned(south, "ben", "anna", 1)
        assert "holder has fewer" in reject(south, "ben", home)
        assert count_abroad(crossing.north) == (800, 0) == count_foreign(south)


class TestCredits:
    def test_leave_are_retired_there_and_come_home(self, crossing: Crossing) -> None:
        north, south = crossing.link.chains
        crossing.send(north, "anna", crossing.make_credits(north, "anna", "ben", 5_000))
        crossing.link.relay()
        assert south.balance("ben", f"credit/{FOREIGN_BATCH}") == 5_000
        retired = credits_pb2.MsgRetireCredits(
            owner=BEN, batch=FOREIGN_BATCH, grams=1_000, jurisdiction="DE", purpose="scope1-2027"
        )
        south.send_messages("ben", retired)
        home = crossing.make_credits(south, "ben", "clara", 4_000, batch=FOREIGN_BATCH)
        crossing.send(south, "ben", home)
        crossing.link.relay()
        assert north.balance("clara", f"credit/{BATCH}") == 4_000
        assert north.balance("anna", f"credit/{BATCH}") == MADE_G - 5_000
        assert count_abroad(north) == (0, 1_000) == count_foreign(south)

    def test_that_are_on_offer_are_not_sent(self, crossing: Crossing) -> None:
        north = crossing.north
        offer = credits_pb2.MsgOfferCredits(
            seller=ANNA, batch=BATCH, grams=MADE_G, price_per_tonne=1_000_000
        )
        north.send_messages("anna", offer)
        sent = crossing.make_credits(north, "anna", "ben", 1)
        assert "balance" in reject(north, "anna", sent)

    def test_that_nobody_takes_are_given_back_in_both_directions(self, crossing: Crossing) -> None:
        north, south = crossing.link.chains
        crossing.send(north, "anna", crossing.make_credits(north, "anna", "fred", 5_000))
        crossing.link.relay()
        assert north.balance("anna", f"credit/{BATCH}") == MADE_G
        crossing.send(north, "anna", crossing.make_credits(north, "anna", "ben", 5_000))
        crossing.link.relay()
        home = crossing.make_credits(south, "ben", "fred", 5_000, batch=FOREIGN_BATCH)
        crossing.send(south, "ben", home)
        crossing.link.relay()
        assert south.balance("ben", f"credit/{FOREIGN_BATCH}") == 5_000
        assert count_abroad(north) == (0, 5_000) == count_foreign(south)

    def test_of_another_chain_offset_nothing(self, crossing: Crossing) -> None:
        """Also if a class of the same name is eligible here."""
        north, south = crossing.link.chains
        authority = people.address_text("distributor")
        eligible = credits_pb2.MsgSetEligible(authority=authority, class_id="C1", eligible=True)
        south.send_messages("distributor", eligible)
        crossing.send(north, "anna", crossing.make_credits(north, "anna", "ben", 5_000))
        crossing.link.relay()
        credits.require_offsetting(south.state, BATCH, south.time_s)
        with pytest.raises(ChainError, match="not offset with this class"):
            credits.require_offsetting(south.state, FOREIGN_BATCH, south.time_s)


def make_lot(**changes: Any) -> packet_pb2.Lot:
    fields: dict[str, Any] = {
        "slot": 7, "producer": ANNA, "wh": 500, "start_s": ADDED_AT_S, "end_s": ADDED_AT_S + 900,
        "energy_source": "ENERGY_SOURCE_WIND", "expiry_s": ADDED_AT_S + 90_000,
    }  # fmt: skip
    return packet_pb2.Lot(**{**fields, **changes})


def make_credit_lot(**changes: Any) -> packet_pb2.CreditLot:
    fields: dict[str, Any] = {
        "batch": "X-forest-1", "grams": 500, "class_id": "X", "methodology": "forest",
        "project": "F1", "jurisdiction": "BR", "vintage_start_s": 1_600_000_000,
        "vintage_end_s": 1_700_000_000,
    }  # fmt: skip
    return packet_pb2.CreditLot(**{**fields, **changes})


def make_content(**parts: Any) -> packet_pb2.CarbonPacket:
    return packet_pb2.CarbonPacket(**{"sender": ANNA, "receiver": BEN, **parts})


LIES: list[tuple[packet_pb2.CarbonPacket, str]] = [
    (make_content(), "PACKET_INVALID"),
    (make_content(certificates=[make_lot()], credits=make_credit_lot()), "PACKET_INVALID"),
    (make_content(certificates=[make_lot(wh=0)]), "PACKET_INVALID"),
    (make_content(certificates=[make_lot(wh=(1 << 64) - 1)]), "LIMIT_REACHED"),
    (make_content(certificates=[make_lot(end_s=ADDED_AT_S)]), "PACKET_INVALID"),
    (make_content(certificates=[make_lot(end_s=ADDED_AT_S + 3_601)]), "PACKET_INVALID"),
    (make_content(certificates=[make_lot(energy_source=0)]), "PACKET_INVALID"),
    (make_content(certificates=[make_lot(energy_source=STORAGE)]), "PACKET_INVALID"),
    (make_content(certificates=[make_lot(energy_source=99)]), "PACKET_INVALID"),
    (make_content(certificates=[make_lot(expiry_s=ADDED_AT_S + 600)]), "EXPIRED"),
    (make_content(certificates=[make_lot(expiry_s=(1 << 64) - 1)]), "EXPIRED"),
    (make_content(certificates=[make_lot(producer="somebody")]), "INVALID_ADDRESS"),
    (make_content(certificates=[make_lot(slot=n) for n in range(21)]), "ENTRIES_INVALID"),
    (make_content(certificates=[make_lot(), make_lot()]), "ENTRIES_INVALID"),
    (make_content(certificates=[make_lot()], receiver="somebody"), "INVALID_ADDRESS"),
    (make_content(certificates_home=[make_entry(1)]), "MORE_THAN_LEFT"),
    (make_content(certificates_home=[make_entry(0)]), "MORE_THAN_LEFT"),
    (make_content(credits=make_credit_lot(grams=0)), "PACKET_INVALID"),
    (make_content(credits=make_credit_lot(grams=(1 << 64) - 1)), "LIMIT_REACHED"),
    (make_content(credits=make_credit_lot(batch="a/b")), "PACKET_INVALID"),
    (make_content(credits=make_credit_lot(batch="x" * 81)), "PACKET_INVALID"),
    (make_content(credits=make_credit_lot(class_id="")), "PACKET_INVALID"),
    (make_content(credits=make_credit_lot(jurisdiction="Germany")), "PACKET_INVALID"),
    (make_content(credits=make_credit_lot(vintage_end_s=(1 << 64) - 1)), "PACKET_INVALID"),
    (make_content(credits=make_credit_lot(vintage_end_s=1)), "PACKET_INVALID"),
    (make_content(credits_home=packet_pb2.CreditsHome(batch=BATCH, grams=1)), "MORE_THAN_LEFT"),
    (make_content(credits_home=packet_pb2.CreditsHome(batch="x" * 300, grams=1)), "MORE_THAN_LEFT"),
    (make_content(credits_home=packet_pb2.CreditsHome(batch=BATCH)), "MORE_THAN_LEFT"),
]  # fmt: skip


def deliver(crossing: Crossing, chain: Chain, value: bytes, **changes: Any) -> str:
    """The code with which a packet of the other chain was rejected, which has left no trace; empty
    if it was taken.
    """
    before = trace(chain)
    answer = crossing.deliver(chain, value, **changes)
    rejections = [
        event
        for event in chain.results[0].events
        if isinstance(event, ibc_events_pb2.EventPacketRejected)
    ]
    is_error = list(answer.acknowledgement.app_acknowledgements) == [ibc.ERROR_ACKNOWLEDGEMENT]
    assert bool(rejections) == is_error
    if not rejections:
        return ""
    assert trace(chain) == before
    (event,) = rejections
    name: str = ERRORS[event.codespace].DESCRIPTOR.values_by_number[event.code].name
    return name


def trace(chain: Chain) -> dict[str, Any]:
    parts = ("carbontransfer.", "certificates.", "credits.", "bank.denoms")
    return {path: value for path, value in chain.short().items() if path.startswith(parts)}


def test_what_another_chain_makes_up_is_answered_with_an_error(crossing: Crossing) -> None:
    for content, code in LIES:
        assert deliver(crossing, crossing.south, content.SerializeToString()) == code, content


def test_bytes_that_are_no_packet_are_answered_with_an_error(crossing: Crossing) -> None:
    south, random = crossing.south, Random(5)
    good = make_content(certificates=[make_lot()]).SerializeToString()
    assert deliver(crossing, south, good, version="carbon-2") == "PACKET_INVALID"
    assert deliver(crossing, south, good, encoding="application/json") == "PACKET_INVALID"
    for _ in range(10):
        assert deliver(crossing, south, random.randbytes(30)) == "PACKET_INVALID"
    assert deliver(crossing, south, good + good) == "PACKET_INVALID"
    assert not deliver(crossing, south, good)


def test_a_series_or_a_batch_that_comes_again_has_to_be_the_same(crossing: Crossing) -> None:
    south = crossing.south

    def bring(**parts: Any) -> str:
        return deliver(crossing, south, make_content(**parts).SerializeToString())

    assert not bring(certificates=[make_lot()])
    assert not bring(certificates=[make_lot(expiry_s=ADDED_AT_S + 80_000)])
    assert bring(certificates=[make_lot(zone=3)]) == "SERIES_DIFFERS"
    assert bring(certificates=[make_lot(end_s=ADDED_AT_S + 60)]) == "SERIES_DIFFERS"
    (series,) = [value for path, value in trace(south).items() if "foreign_series" in path]
    assert (series["received_wh"], series["expiry_s"]) == ("1000", str(ADDED_AT_S + 80_000))
    assert not bring(credits=make_credit_lot())
    assert bring(credits=make_credit_lot(project="F2")) == "BATCH_DIFFERS"
    for number in (2, 3):
        assert not bring(credits=make_credit_lot(batch=f"X-forest-{number}"))
    assert bring(credits=make_credit_lot(batch="X-forest-4")) == "TOO_MANY_BATCHES"


def test_limits_of_a_day(crossing: Crossing) -> None:
    south = crossing.south
    good = make_content(certificates=[make_lot()]).SerializeToString()
    crossing.set_route(south, received_packets_per_day_max=1, received_per_day_max_wh=900)
    assert not deliver(crossing, south, good)
    assert deliver(crossing, south, good) == "LIMIT_REACHED"
    crossing.set_route(south, received_per_day_max_wh=900)
    assert deliver(crossing, south, good) == "LIMIT_REACHED"
    tomorrow_s = (south.time_s // LIFE_S + 1) * LIFE_S
    for chain in crossing.link.chains:
        chain.block(at=tomorrow_s)
    lot = make_lot(expiry_s=tomorrow_s + 90_000)
    good = make_content(certificates=[lot]).SerializeToString()
    assert not deliver(crossing, south, good)


def test_an_answer_that_says_nothing_unlocks_nothing(crossing: Crossing) -> None:
    """It counts as taken, and ends the packet: what might be there is not here."""
    north, south = crossing.link.chains
    crossing.send(north, "anna", crossing.make_sent(north, "anna", "ben", 800))
    crossing.bring(north, crossing.forge_answer(south, last_sent(north), b"maybe"))
    assert is_done(north)
    assert held_wh(north, "anna") == MADE_WH - 800


def test_what_came_back_is_not_given_back_once_more(crossing: Crossing) -> None:
    """The south sends home what it was sent, and then says that it has not taken it."""
    north, south = crossing.link.chains
    packet = crossing.send(north, "anna", crossing.make_sent(north, "anna", "ben", 800))
    home = make_content(certificates_home=[make_entry(500)])
    assert not deliver(crossing, north, home.SerializeToString())
    answer = crossing.forge_answer(south, packet, ibc.ERROR_ACKNOWLEDGEMENT)
    crossing.bring(north, answer)
    assert (held_wh(north, "anna"), held_wh(north, "ben")) == (MADE_WH - 500, 500)
    assert is_done(north)
    (event,) = [
        event
        for event in north.results[0].events
        if isinstance(event, events_pb2.EventCertificatesGivenBack)
    ]
    assert [entry.wh for entry in event.entries] == [300]
