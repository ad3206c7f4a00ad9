"""One page of a collection, in the way of Cosmos queries."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TypeVar

from cosmos.base.query.v1beta1 import pagination_pb2
from google.protobuf.message import Message

from chain.runtime.encoding.sections import Section
from chain.runtime.errors import SdkError, require
from chain.runtime.state.collections import HasStore, Index, Map

K = TypeVar("K")
V = TypeVar("V")
# What an index has under a key: nothing.
W = TypeVar("W")
X = TypeVar("X")

PAGE_DEFAULT = 100
PAGE_MAX = 1000
# Of the values, as they are encoded. A page has one entry at least.
PAGE_BYTES_MAX = 512 * 1024
OFFSET_MAX = 10_000
COUNT_MAX = 10_000


def get_page(
    state: HasStore,
    entries: Map[K, V] | Section[K, V],
    request: pagination_pb2.PageRequest,
    start: K | None = None,
) -> tuple[list[tuple[K, V]], pagination_pb2.PageResponse]:
    """The entries of the page, of those from `start` on, and the cursor of the next page.

    It fails if the offset is too large or given together with a key, if the key is the cursor of
    another list, and if there are too many entries to count.
    """
    section = entries.whole if isinstance(entries, Map) else entries
    found = _find_entries(state, section, request, start)
    return _take_page(section, found, request, _count(state, section, request, start))


def get_index_page(
    state: HasStore,
    index: Index[X, K, V],
    under: X,
    request: pagination_pb2.PageRequest,
) -> tuple[list[tuple[K, V]], pagination_pb2.PageResponse]:
    """As `get_page`, of the entries of a map that are found under an index key."""
    section = index.under(under)

    def read_values() -> Iterator[tuple[K, V]]:
        for key, _ in _find_entries(state, section, request, None):
            value = index.of.get(state, key)
            assert value is not None, "an index points to an entry that is not there"
            yield key, value

    return _take_page(section, read_values(), request, _count(state, section, request, None))


def _find_entries(
    state: HasStore, section: Section[K, V], request: pagination_pb2.PageRequest, start: K | None
) -> Iterator[tuple[K, V]]:
    """What there is from the beginning of the page on."""
    require(not (request.key and request.offset), SdkError.INVALID_REQUEST, "key and offset")
    too_large = f"an offset above {OFFSET_MAX}; go on with the key of the next page"
    require(request.offset <= OFFSET_MAX, SdkError.INVALID_REQUEST, too_large)
    fits = not request.key or section.is_cursor(request.key)
    require(fits, SdkError.INVALID_REQUEST, "the key is of another list")
    if request.key:
        found = section.items_behind(state, request.key, start=start, reverse=request.reverse)
    else:
        found = section.items(state, start=start, reverse=request.reverse)
    return islice(found, request.offset, None)


def _take_page(
    section: Section[K, W],
    found: Iterator[tuple[K, V]],
    request: pagination_pb2.PageRequest,
    total: int,
) -> tuple[list[tuple[K, V]], pagination_pb2.PageResponse]:
    limit = min(request.limit or PAGE_DEFAULT, PAGE_MAX)
    page: list[tuple[K, V]] = []
    size_bytes, next_key = 0, b""
    for key, value in found:
        size_bytes += value.ByteSize() if isinstance(value, Message) else 0
        if len(page) == limit or (page and size_bytes > PAGE_BYTES_MAX):
            next_key = section.get_cursor(page[-1][0])
            break
        page.append((key, value))
    return page, pagination_pb2.PageResponse(next_key=next_key, total=total)


def _count(
    state: HasStore, section: Section[K, V], request: pagination_pb2.PageRequest, start: K | None
) -> int:
    """How many entries the list has, if the first page is to say so."""
    if not request.count_total or request.key:
        return 0
    count = sum(1 for _ in islice(section.items(state, start=start), COUNT_MAX + 1))
    too_many = f"more than {COUNT_MAX} entries to count"
    require(count <= COUNT_MAX, SdkError.INVALID_REQUEST, too_many)
    return count
