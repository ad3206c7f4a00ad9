"""Energy that one region buys and the other sells, and what goes wrong on the way."""

from __future__ import annotations

from random import Random

import pytest
from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.tielines.v1 import packet_pb2, tx_pb2
from google.protobuf.message import Message
from ibc.core.channel.v2.packet_pb2 import Packet, Payload

from chain import ibc, tielines
from chain.ibc.state import PACKETS
from chain.tielines.state import PLACED, SCHEDULES
from client.relay import messages
from client.relay.packets import Answered, Sent
from tests.support.others.two_chains import RELAYER, Chain
from tests.support.streets import people
from tests.support.tie_lines import (
    ACCOUNT,
    BUY,
    CAPACITY_WH,
    METER,
    MONEY,
    NAME,
    OPERATOR,
    SELL,
    Regions,
)
from tests.support.world import reading


@pytest.fixture
def regions() -> Regions:
    return Regions()


def reject(chain: Chain, who: str, message: Message) -> str:
    """The sentence with which a message is rejected."""
    chain.block(chain.sign(who, message))
    assert chain.results[0].code, "it was accepted"
    return chain.results[0].log


def last_sent(chain: Chain) -> Packet:
    return [one.packet for _, one in chain.happened if isinstance(one, Sent)][-1]


def run_both(regions: Regions, time_s: int) -> None:
    for chain in regions.link.chains:
        chain.run_until(time_s)


def test_what_one_region_buys_the_other_sells(regions: Regions) -> None:
    north, south = regions.north, regions.south
    slot = north.slot_ahead(4)
    regions.trade(north, slot, BUY, 2_000)
    assert regions.schedule(north, slot).pending_export_wh == 2_000
    regions.link.relay()
    assert regions.schedule(north, slot).exported_wh == 2_000
    assert regions.schedule(south, slot).imported_wh == 2_000
    assert regions.traded_wh(north, slot) == 2_000 == -regions.traded_wh(south, slot)
    assert regions.left_wh(north, slot) == (CAPACITY_WH - 2_000, CAPACITY_WH + 2_000)
    assert regions.left_wh(south, slot) == (CAPACITY_WH + 2_000, CAPACITY_WH - 2_000)
    regions.trade(north, slot, SELL, 500)
    regions.link.relay()
    assert regions.traded_wh(north, slot) == 1_500 == -regions.traded_wh(south, slot)


def test_the_meter_of_the_line_settles_it_in_both_regions(regions: Regions) -> None:
    """What the line earns is the price there less the price here, and no imbalance is paid."""
    north, south = regions.north, regions.south
    slot = north.slot_ahead(2)
    # Ben's demand makes the south dear.
    south.block(south.buy("ben", slot, 9_000, 300_000))
    regions.trade(north, slot, BUY, 3_000)
    regions.link.relay()
    for shown, energy_wh in ((slot - 2, 0), (slot - 1, 0), (slot, 3_000)):
        run_both(regions, north.end_s(shown))
        for chain, registers in ((north, (energy_wh, 0)), (south, (0, energy_wh))):
            chain.block(chain.submit(reading(METER, shown, *registers, chain_id=chain.chain_id)))
            assert chain.results[0].code == 0, chain.results[0].log
    run_both(regions, north.deadline_s(slot) + 1)
    paid, earned = MONEY - north.balance(ACCOUNT), south.balance(ACCOUNT) - MONEY
    # On lines from 80,000 to 300,000 with a depth of 50 kWh: the north from 0 to 3 kWh sold, the
    # south from 9 down to 6.
    assert (paid, earned) == (579_900, 619_500)
    taken = tx_pb2.MsgTakeTieLineMoney(
        operator=people.address_text(OPERATOR), tie_line=NAME, amount=earned
    )
    before = south.balance(OPERATOR)
    south.send_messages(OPERATOR, taken)
    assert south.balance(OPERATOR) - before == earned
    assert south.balance(ACCOUNT) == MONEY


def test_a_line_that_delivers_nothing_pays_for_it_with_its_own_money(regions: Regions) -> None:
    """However the other region lies, the default fund of this one pays nothing."""
    north, south = regions.north, regions.south
    slot = north.slot_ahead(2)
    regions.trade(north, slot, BUY, CAPACITY_WH)
    regions.link.relay()
    run_both(regions, north.deadline_s(slot) + 60)
    for chain in (north, south):
        assert chain.balance(ACCOUNT) < MONEY
        assert not any(path.startswith("bank.arrears") for path in chain.short())


def test_what_the_other_region_rejects_is_traded_back(regions: Regions) -> None:
    north, south = regions.north, regions.south
    slot = north.slot_ahead(4)
    regions.trade(north, slot, BUY, 2_000, price_limit_there_per_kwh=290_000)
    regions.link.relay()
    schedule = regions.schedule(north, slot)
    assert (schedule.exported_wh, schedule.pending_export_wh) == (0, 0)
    north.block()
    assert regions.traded_wh(north, slot) == 0 == regions.traded_wh(south, slot)
    assert regions.left_wh(north, slot) == (CAPACITY_WH, CAPACITY_WH)
    # The pool's line brings back what it took, less what the influence on the price costs.
    assert north.balance(ACCOUNT) <= MONEY


def test_a_part_that_the_other_region_takes_is_agreed_and_the_rest_traded_back(
    regions: Regions,
) -> None:
    north, south = regions.north, regions.south
    slot = north.slot_ahead(4)
    # Prices fall by 4.4 for each Wh sold, half of that on average: 189,000 is reached at 454 Wh.
    regions.trade(north, slot, BUY, 2_000, price_limit_there_per_kwh=189_000)
    regions.link.relay()
    north.block()
    agreed_wh = regions.schedule(north, slot).exported_wh
    assert 0 < agreed_wh < 2_000
    assert regions.schedule(south, slot).imported_wh == agreed_wh
    assert regions.traded_wh(north, slot) == agreed_wh == -regions.traded_wh(south, slot)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_what_does_not_arrive_in_time_is_traded_back(
    regions: Regions, side: market_pb2.Side
) -> None:
    north, link = regions.north, regions.link
    slot = north.slot_ahead(4)
    regions.trade(north, slot, side, 2_000)
    packet = last_sent(north)
    assert packet.timeout_timestamp == slot * 60 - 20 - 30
    link.time_out(north, packet)
    assert regions.left_wh(north, slot) == (CAPACITY_WH, CAPACITY_WH)
    north.block()
    assert regions.traded_wh(north, slot) == 0
    assert not any(kind == ibc.Kind.COMMITMENT for ((_, kind), _), _ in PACKETS.items(north.state))


def test_more_than_an_order_may_have_is_traded_back_block_by_block() -> None:
    regions = Regions({"market.params": {"order_max_wh": 1_500}})
    north, link = regions.north, regions.link
    slot = north.slot_ahead(4)
    for _ in range(2):
        regions.trade(north, slot, BUY, 1_500)
    south, relayer = regions.south, people.address_text(RELAYER)
    packets = [one.packet for _, one in north.happened if isinstance(one, Sent)]
    south.block(at=packets[0].timeout_timestamp)
    proven = [link.prove(south, packet, ibc.Kind.RECEIPT) for packet in packets]
    north.block(at=south.time_s)
    first = south.headers[proven[0].height.revision_height]
    north.send_messages(RELAYER, link.make_update(north, first))
    ends = [messages.time_out(one, relayer) for one in proven]
    north.send_messages(RELAYER, link.update(north), *ends)
    assert regions.schedule(north, slot).back_export_wh == 3_000
    north.block()
    assert regions.traded_wh(north, slot) == 1_500
    north.block()
    assert regions.traded_wh(north, slot) == 0


def test_what_cannot_be_traded_back_any_more_is_settled(regions: Regions) -> None:
    north, link = regions.north, regions.link
    slot = north.slot_ahead(2)
    regions.trade(north, slot, BUY, 2_000)
    packet = last_sent(north)
    north.block(at=slot * 60)
    link.time_out(north, packet)
    north.block()
    assert regions.schedule(north, slot).back_export_wh == 2_000 == regions.traded_wh(north, slot)
    north.run_until(north.deadline_s(slot) + 1)
    # Energy that was bought and not used brings the lowest price.
    assert north.balance(ACCOUNT) == MONEY - 384_400 + 160_000


def test_an_answer_after_everything_changes_nothing(regions: Regions) -> None:
    north, link = regions.north, regions.link
    slot = north.slot_ahead(2)
    regions.trade(north, slot, BUY, 2_000)
    north.run_until(north.deadline_s(slot) + 40 * 60)
    assert not list(SCHEDULES.items(north.state))
    balance = north.balance(ACCOUNT)
    link.time_out(north, last_sent(north))
    north.block()
    assert not list(SCHEDULES.items(north.state))
    assert north.balance(ACCOUNT) == balance


def test_nothing_is_sent_of_what_was_not_traded(regions: Regions) -> None:
    north = regions.north
    slot = north.slot_ahead(4)
    regions.trade(north, slot, BUY, 2_000, price_limit_per_kwh=100_000)
    assert not north.happened
    assert regions.left_wh(north, slot) == (CAPACITY_WH, CAPACITY_WH)


def test_both_regions_at_once_do_not_exceed_the_capacity(regions: Regions) -> None:
    """Each asks for all of it while the other does: one takes, the other rejects, or neither."""
    north, south = regions.north, regions.south
    slot = north.slot_ahead(4)
    regions.trade(north, slot, BUY, 4_000)
    regions.trade(south, slot, SELL, 4_000)
    regions.link.relay()
    run_both(regions, max(north.time_s, south.time_s) + 1)
    flow_wh = regions.traded_wh(north, slot)
    assert flow_wh == -regions.traded_wh(south, slot)
    assert 0 <= flow_wh <= CAPACITY_WH


@pytest.mark.parametrize(
    ("limits", "quantity_wh", "sentence"),
    [
        ({}, CAPACITY_WH + 1, "5000 Wh are left"),
        ({"capacity_wh": 0}, 1, "0 Wh are left"),
        ({"packets_per_slot_max": 0}, 1, "packets of the slot"),
        ({"traded_per_day_max_wh": 999}, 1_000, "999 Wh are left today"),
        ({"notice_s": 86_400}, 1, "too late"),
    ],
)
def test_limits_of_the_line(limits: dict[str, int], quantity_wh: int, sentence: str) -> None:
    """They hold for what is asked for here and for what comes from there."""
    regions = Regions()
    north, south = regions.north, regions.south
    slot = north.slot_ahead(4)
    regions.set_line(north, **limits)
    assert sentence in reject(north, OPERATOR, regions.make_trade(slot, BUY, quantity_wh))
    if "notice_s" in limits:
        return
    regions.set_line(south, capacity_wh=CAPACITY_WH + 1)
    regions.trade(south, slot, BUY, quantity_wh)
    regions.link.relay()
    south.block()
    assert regions.traded_wh(south, slot) == 0 == regions.traded_wh(north, slot)
    assert regions.schedule(north, slot).packets == 0


def test_only_the_operator_trades_and_takes_money(regions: Regions) -> None:
    north = regions.north
    slot = north.slot_ahead(4)
    other = regions.make_trade(slot, BUY, 100, operator=people.address_text("ben"))
    assert "operator" in reject(north, "ben", other)
    taken = tx_pb2.MsgTakeTieLineMoney(operator=people.address_text("ben"), tie_line=NAME, amount=1)
    assert "operator" in reject(north, "ben", taken)


def test_money_that_is_on_hold_is_not_taken(regions: Regions) -> None:
    north = regions.north
    regions.trade(north, north.slot_ahead(4), BUY, 2_000)
    taken = tx_pb2.MsgTakeTieLineMoney(
        operator=people.address_text(OPERATOR), tie_line=NAME, amount=MONEY
    )
    assert "balance" in reject(north, OPERATOR, taken)


def make_request(ahead: int, **changes: object) -> packet_pb2.Request:
    fields: dict[str, object] = {
        "tie_line": NAME, "slot": ahead, "slot_length_s": 60, "side": SELL, "quantity_wh": 1_000,
        "price_limit_per_kwh": 80_000,
    }  # fmt: skip
    return packet_pb2.Request(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"tie_line": "east-west"},
        {"tie_line": "\x00" * 100},
        {"slot": 0},
        {"slot": (1 << 64) - 1},
        {"slot_length_s": 900},
        {"side": 0},
        {"side": 7},
        {"quantity_wh": 0},
        {"quantity_wh": (1 << 64) - 1},
        {"price_limit_per_kwh": 79_999},
        {"price_limit_per_kwh": (1 << 64) - 1},
    ],
)
def test_requests_that_are_answered_with_an_error(
    regions: Regions, changes: dict[str, object]
) -> None:
    """A chain that sends what ours never would: as if its rules were others."""
    north, south = regions.north, regions.south
    slot = north.slot_ahead(4)
    request = make_request(slot, **changes)
    answer = deliver(regions, south, request.SerializeToString())
    assert answer.acknowledgement.app_acknowledgements == [ibc.ERROR_ACKNOWLEDGEMENT]
    assert not list(SCHEDULES.items(south.state)) and not list(PLACED.items(south.state))
    assert regions.traded_wh(south, slot) == 0


def test_bytes_that_are_no_request_are_answered_with_an_error(regions: Regions) -> None:
    random = Random(5)
    good = make_request(regions.north.slot_ahead(4)).SerializeToString()
    for _ in range(30):
        damaged = bytearray(good)
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
        answer = deliver(regions, regions.south, bytes(damaged) + random.randbytes(2))
        assert answer.acknowledgement.app_acknowledgements == [ibc.ERROR_ACKNOWLEDGEMENT]


def deliver(regions: Regions, chain: Chain, value: bytes) -> Answered:
    """Brings a chain a packet of the other one that the rules there have not made."""
    other = regions.link.other(chain)
    payload = Payload(
        source_port=tielines.PORT, destination_port=tielines.PORT, version="tieline-1",
        encoding="application/x-protobuf", value=value,
    )  # fmt: skip
    other.forge(
        Packet(
            source_client=regions.link.ids[other],
            timeout_timestamp=other.time_s + 600,
            payloads=[payload],
        )
    )
    (sent,) = [one for height, one in other.happened if height == other.height]
    regions.link.seen[other] = len(other.happened)
    message = regions.link.make_message(chain, sent)
    chain.block(at=max(chain.time_s + 1, other.time_s))
    chain.send_messages(RELAYER, regions.link.update(chain), message)
    (answered,) = [one for height, one in chain.happened if height == chain.height]
    regions.link.seen[chain] = len(chain.happened)
    assert isinstance(answered, Answered)
    return answered
