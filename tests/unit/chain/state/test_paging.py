"""Pages of lists: every entry once, in both directions, and nothing of another list."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.bank.v1 import query_pb2
from blockenergy.market.v1 import query_pb2 as market_query_pb2
from blockenergy.registry.v1 import query_pb2 as registry_query_pb2
from cosmos.base.query.v1beta1.pagination_pb2 import PageRequest

from chain import market
from chain.bank import queries
from chain.runtime.errors import ChainError
from chain.runtime.state import paging
from tests.support.streets import people
from tests.support.world import START_S, World

PATH = "/blockenergy.bank.v1.Query/Holds"
COUNT = 7


@pytest.fixture(scope="module")
def world() -> World:
    """Anna, Ben and Clara have seven holds each."""
    changes: dict[str, Any] = {"bank.last_hold_id": 3 * COUNT}
    for place, name in enumerate(("anna", "ben", "clara")):
        for number in range(1, COUNT + 1):
            changes[f"bank.holds[{name}, {place * COUNT + number}]"] = {
                "denom": "ueur", "amount": 1, "beneficiary": "dirk", "deadline_s": START_S + 900,
            }  # fmt: skip
    return World(changes)


def ask(world: World, owner: str = "ben", **page: Any) -> query_pb2.QueryHoldsResponse:
    request = query_pb2.QueryHoldsRequest(
        owner=people.address_text(owner), pagination=PageRequest(**page)
    )
    return world.query(PATH, request, query_pb2.QueryHoldsResponse)


def ids(answer: query_pb2.QueryHoldsResponse) -> list[int]:
    return [entry.hold_id for entry in answer.holds]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_pages_together_are_the_list(world: World, limit: int, reverse: bool) -> None:
    found, key = [], b""
    for _ in range(COUNT + 1):
        answer = ask(world, limit=limit, key=key, reverse=reverse)
        found += ids(answer)
        key = answer.pagination.next_key
        if not key:
            break
    expected = list(range(COUNT + 1, 2 * COUNT + 1))
    assert found == (expected[::-1] if reverse else expected)


@pytest.mark.parametrize("reverse", [False, True])
def test_pages_keep_to_what_begins_with_a_slot(reverse: bool) -> None:
    world, path = World({}), "/blockenergy.market.v1.Query/Slots"
    world.block()
    kept = [number for number, _ in market.iter_slots(world.state)]
    found: list[int] = []
    key = b""
    while True:
        page = PageRequest(limit=2, key=key, reverse=reverse)
        request = market_query_pb2.QuerySlotsRequest(first_slot=kept[3], pagination=page)
        answer = world.query(path, request, market_query_pb2.QuerySlotsResponse)
        found += [entry.slot for entry in answer.slots]
        key = answer.pagination.next_key
        if not key:
            break
    assert len(kept) > 4 and found == (kept[:2:-1] if reverse else kept[3:])


def test_an_offset_skips(world: World) -> None:
    assert ids(ask(world, offset=5)) == [COUNT + 6, COUNT + 7]
    assert ids(ask(world, offset=100)) == []


def test_without_a_limit_a_hundred_entries_are_the_most(world: World) -> None:
    assert len(ids(ask(world))) == COUNT


@pytest.mark.parametrize(
    "page",
    [{"key": b"x", "offset": 1}, {"offset": 10_001}, {"key": b"\x00"}, {"key": b"\xff" * 40}],
)
def test_what_makes_no_sense_is_rejected(world: World, page: dict[str, Any]) -> None:
    with pytest.raises(ChainError):
        ask(world, **page)


def test_a_key_of_another_list_is_rejected(world: World) -> None:
    key = ask(world, "anna", limit=1).pagination.next_key
    with pytest.raises(ChainError, match="another list"):
        ask(world, "ben", key=key)


def test_the_first_page_has_the_number_of_all_entries_if_asked(world: World) -> None:
    first = ask(world, limit=2, count_total=True)
    assert (len(first.holds), first.pagination.total) == (2, COUNT)
    second = ask(world, limit=2, count_total=True, key=first.pagination.next_key)
    assert (len(second.holds), second.pagination.total) == (2, 0)
    assert ask(world, limit=2).pagination.total == 0


def test_what_is_too_much_to_count_is_not_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "COUNT_MAX", COUNT)
    assert ask(world, count_total=True).pagination.total == COUNT
    monkeypatch.setattr(paging, "COUNT_MAX", COUNT - 1)
    with pytest.raises(ChainError, match="more than 6 entries to count"):
        ask(world, count_total=True)


def test_a_page_of_many_bytes_ends_before_its_limit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the caller goes on with is still the whole list."""
    size_bytes = ask(world).holds[0].hold.ByteSize()
    monkeypatch.setattr(paging, "PAGE_BYTES_MAX", 3 * size_bytes)
    pages = []
    key = b""
    while not pages or key:
        answer = ask(world, limit=100, key=key)
        pages.append(ids(answer))
        key = answer.pagination.next_key
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [each for page in pages for each in page] == list(range(COUNT + 1, 2 * COUNT + 1))
    # An entry that is too large for a page has a page of its own.
    monkeypatch.setattr(paging, "PAGE_BYTES_MAX", 1)
    assert len(ids(ask(world, limit=100))) == 1


def test_a_page_of_an_index_is_bounded_in_bytes_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    second = {
        "owner": "ben", "bridge": "bridge", "feeder": "north", "capacity_w": 10_000,
        "pub_key": "meter-fred", "status": "STATUS_ACTIVE", "added_at_s": START_S,
    }  # fmt: skip
    world = World({"registry.meters[meter-fred]": second})
    monkeypatch.setattr(paging, "PAGE_BYTES_MAX", 1)
    request = registry_query_pb2.QueryMetersRequest(owner=people.address_text("ben"))
    found: list[str] = []
    path = "/blockenergy.registry.v1.Query/Meters"
    for _ in range(2):
        answer = world.query(path, request, registry_query_pb2.QueryMetersResponse)
        found += [entry.meter_id for entry in answer.meters]
        request.pagination.key = answer.pagination.next_key
    assert found == ["meter-ben", "meter-fred"]
    assert not answer.pagination.next_key


def test_balances_say_when_they_are_not_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    request = query_pb2.QueryBalancesRequest(address=people.address_text("ben"))

    def ask_balances() -> query_pb2.QueryBalancesResponse:
        path = "/blockenergy.bank.v1.Query/Balances"
        return world.query(path, request, query_pb2.QueryBalancesResponse)

    monkeypatch.setattr(queries, "HOLDS_ADDED_MAX", COUNT)
    whole = ask_balances()
    assert (whole.held[0].amount, whole.partial) == (str(COUNT), False)
    monkeypatch.setattr(queries, "HOLDS_ADDED_MAX", COUNT - 1)
    assert ask_balances().partial
