"""One page of a collection, in the way of Cosmos queries."""

from __future__ import annotations

from itertools import islice
from typing import TypeVar

from cosmos.base.query.v1beta1 import pagination_pb2

from chain.runtime.collections import HasStore, Index, Map
from chain.runtime.errors import SdkError, require
from chain.runtime.sections import Section

K = TypeVar("K")
V = TypeVar("V")
X = TypeVar("X")

PAGE_DEFAULT = 100
PAGE_MAX = 1000
OFFSET_MAX = 100_000


def get_page(
    state: HasStore,
    entries: Map[K, V] | Section[K, V],
    request: pagination_pb2.PageRequest,
    start: K | None = None,
) -> tuple[list[tuple[K, V]], pagination_pb2.PageResponse]:
    """The entries of the page, of those from `start` on, and the cursor of the next page.

    It fails if the offset is too large or given together with a key, and if the key is the cursor
    of another list.
    """
    section = entries.whole if isinstance(entries, Map) else entries
    require(not (request.key and request.offset), SdkError.INVALID_REQUEST, "key and offset")
    require(request.offset <= OFFSET_MAX, SdkError.INVALID_REQUEST, "the offset is too large")
    fits = not request.key or section.is_cursor(request.key)
    require(fits, SdkError.INVALID_REQUEST, "the key is of another list")
    limit = min(request.limit or PAGE_DEFAULT, PAGE_MAX)
    if request.key:
        found = section.items_behind(state, request.key, start=start, reverse=request.reverse)
    else:
        found = section.items(state, start=start, reverse=request.reverse)
    page = list(islice(found, request.offset, request.offset + limit + 1))
    more = len(page) > limit
    page = page[:limit]
    next_key = section.get_cursor(page[-1][0]) if more else b""
    return page, pagination_pb2.PageResponse(next_key=next_key)


def get_index_page(
    state: HasStore,
    index: Index[X, K, V],
    under: X,
    request: pagination_pb2.PageRequest,
) -> tuple[list[tuple[K, V]], pagination_pb2.PageResponse]:
    """As `get_page`, of the entries of a map that are found under an index key."""
    page, pagination = get_page(state, index.under(under), request)
    found = [(key, index.of.get(state, key)) for key, _ in page]
    return [(key, value) for key, value in found if value is not None], pagination
