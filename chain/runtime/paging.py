"""One page of a collection, in the way of Cosmos queries."""

from __future__ import annotations

from itertools import islice
from typing import TypeVar

from cosmos.base.query.v1beta1 import pagination_pb2

from chain.runtime.collections import HasStore, Index, Map
from chain.runtime.errors import SdkError, require

K = TypeVar("K")
V = TypeVar("V")

PAGE_DEFAULT = 100
PAGE_MAX = 1000
OFFSET_MAX = 100_000


def get_page(
    state: HasStore,
    collection: Map[K, V],
    request: pagination_pb2.PageRequest,
    under: bytes = b"",
    first_after: bytes | None = None,
) -> tuple[list[tuple[K, V]], pagination_pb2.PageResponse]:
    """The entries of the page and what is needed to ask for the next one.

    `under` keeps to keys with this beginning; the first page begins behind `first_after`.
    It refuses an offset that is too large, or one together with a key.
    """
    limit = _validate_basic(request, under)
    after = request.key or first_after
    entries = collection.items(state, under, after, request.reverse)
    page = list(islice(entries, request.offset, request.offset + limit + 1))
    more = len(page) > limit
    page = page[:limit]
    next_key = collection.key.encode(page[-1][0]) if more else b""
    return page, pagination_pb2.PageResponse(next_key=next_key)


def get_index_page(
    state: HasStore,
    collection: Map[K, V],
    index: Index[K, V],
    request: pagination_pb2.PageRequest,
    under: bytes,
) -> tuple[list[tuple[K, V]], pagination_pb2.PageResponse]:
    """As `get_page`, in the order of an index and among the index keys with a beginning."""
    require(not request.reverse, SdkError.INVALID_REQUEST, "reverse is not supported here")
    limit = _validate_basic(request, under)
    found = index.keys(state, under, request.key or None)
    page = list(islice(found, request.offset, request.offset + limit + 1))
    next_key = page[limit - 1][0] if len(page) > limit else b""
    entries = [(key, collection.get(state, key)) for _, key in page[:limit]]
    return (
        [(key, value) for key, value in entries if value is not None],
        pagination_pb2.PageResponse(next_key=next_key),
    )


def _validate_basic(request: pagination_pb2.PageRequest, under: bytes) -> int:
    """Refuses a request that makes no sense; returns the entries to give."""
    require(not (request.key and request.offset), SdkError.INVALID_REQUEST, "key and offset")
    require(request.offset <= OFFSET_MAX, SdkError.INVALID_REQUEST, "the offset is too large")
    fits = not request.key or request.key.startswith(under)
    require(fits, SdkError.INVALID_REQUEST, "the key is of another list")
    return min(request.limit or PAGE_DEFAULT, PAGE_MAX)
