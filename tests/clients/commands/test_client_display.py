"""Messages for people: units, short names, aligned tables."""

from blockenergy.bank.v1.query_pb2 import QueryBalancesResponse
from blockenergy.market.v1.events_pb2 import EventOrderLapsed
from blockenergy.market.v1.query_pb2 import (
    QueryPositionResponse,
    QueryPositionsResponse,
    QuerySlotResponse,
    QuerySlotsResponse,
)
from blockenergy.market.v1.state_pb2 import SLOT_STATUS_OPEN, Position, Slot
from blockenergy.metering.v1.query_pb2 import QueryReadingResponse
from blockenergy.metering.v1.state_pb2 import Conflict, Registers
from cosmos.auth.v1beta1.auth_pb2 import BaseAccount
from cosmos.auth.v1beta1.query_pb2 import QueryAccountResponse
from cosmos.base.query.v1beta1.pagination_pb2 import PageResponse
from cosmos.base.v1beta1.coin_pb2 import Coin

from client.cli import display
from client.cli.table import format_table
from client.signing.tx import pack


def split(text: str) -> list[list[str]]:
    """Cells of a table; they are at least two spaces apart."""
    return [[cell.strip() for cell in line.split("  ") if cell] for line in text.splitlines()]


def test_one_record() -> None:
    slot = QuerySlotResponse(
        slot=4711,
        info=Slot(status=SLOT_STATUS_OPEN, bought_wh=5_250),
        ask_per_kwh=240_000,
        delivery_start_s=1_790_856_000,
        takes_orders=True,
    )
    rows = dict(split(display.to_text(slot)))
    assert rows["slot"] == "4711"
    assert rows["status"] == "open"
    assert rows["bought"] == "5.25 kWh"
    assert rows["ask"] == "0.24/kWh"
    assert rows["delivery start"] == "2026-10-01T12:00:00Z"
    assert rows["takes orders"] == "yes"


def test_unset_record() -> None:
    assert dict(split(display.to_text(QuerySlotResponse(slot=1))))["info"] == "-"


def test_list_with_more_pages() -> None:
    response = QueryPositionsResponse(
        positions=[
            QueryPositionResponse(owner="energy1a", position=Position(sold_wh=250)),
            QueryPositionResponse(owner="energy1b"),
        ],
        pagination=PageResponse(next_key=b"\x01\x02"),
    )
    header, first, second, *rest = split(display.to_text(response))
    assert dict(zip(header, first, strict=True))["sold"] == "250 Wh"
    assert set(second[2:]) == {"-"}
    assert rest[-1] == ["More results: repeat with --page-key AQI="]


def test_colliding_names_of_nested_fields_are_qualified() -> None:
    response = QueryReadingResponse(
        registers=Registers(import_wh=5), conflict=Conflict(registers=Registers(import_wh=6))
    )
    rows = dict(split(display.to_text(response)))
    assert (rows["registers import"], rows["conflict registers import"]) == ("5 Wh", "6 Wh")


def test_control_characters_are_escaped() -> None:
    response = QueryPositionResponse(owner="\x1b[2Jgrün\n")
    assert dict(split(display.to_text(response)))["owner"] == "\\x1b[2Jgrün\\n"


def test_a_list_that_is_too_wide_is_shown_record_by_record() -> None:
    slots = QuerySlotsResponse(
        slots=[QuerySlotResponse(slot=4711, info=Slot()), QuerySlotResponse(slot=4712)]
    )
    header, *_ = split(display.to_text(slots))
    assert len(header) > 20
    narrow = display.to_text(slots, width=80)
    assert max(map(len, narrow.splitlines())) <= 80
    first, second = narrow.split("\n\n")
    assert dict(split(first))["slot"] == "4711"
    assert [name for name, _ in split(second)] == header
    assert display.to_text(slots, width=10_000) == display.to_text(slots)


def test_wide_letters_do_not_shift_the_columns() -> None:
    rows = format_table(("label", "roles"), [("日本", "a"), ("e\u0301", "b"), ("abcd", "c")])
    assert rows.splitlines()[1:] == ["日本   a", "e\u0301      b", "abcd   c"]


def test_a_time_that_is_not_set_is_no_date() -> None:
    rows = dict(split(display.to_text(QuerySlotResponse(slot=1))))
    assert rows["delivery start"] == "-"


def test_a_line_names_the_message_and_all_of_its_fields() -> None:
    line = display.to_line(EventOrderLapsed(order_id=5, slot=4711, owner="energy1a\u202e"))
    assert line == (
        "market EventOrderLapsed: order id 5, slot 4711, owner energy1a\\u202e, reason unspecified"
    )


def test_an_empty_list() -> None:
    assert display.to_text(QueryPositionsResponse()) == "none"


def test_coins() -> None:
    response = QueryBalancesResponse(free=[Coin(denom="ueur", amount="7")])
    assert split(display.to_text(response)) == [["free", "7ueur"], ["held", "-"], ["partial", "no"]]
    known = {"ueur": ("EUR", 6)}
    assert split(display.to_text(response, known))[0] == ["free", "0.000007 EUR"]
    response.free[0].amount = "12500000"
    assert split(display.to_text(response, known))[0] == ["free", "12.50 EUR"]
    # What only a hostile node would answer is shown as it is.
    response.free[0].amount = "-1\u202e"
    assert split(display.to_text(response, known))[0] == ["free", "-1\\u202eueur"]


def test_a_packed_message_is_shown_unpacked() -> None:
    response = QueryAccountResponse(account=pack(BaseAccount(address="energy1a", sequence=7)))
    rows = dict(split(display.to_text(response)))
    assert (rows["address"], rows["sequence"]) == ("energy1a", "7")


def test_json_has_proto_names_and_every_field() -> None:
    content = display.to_dict(QuerySlotResponse(slot=4711))
    assert content["slot"] == "4711"
    assert content["ask_per_kwh"] == "0"
    assert content["takes_orders"] is False
