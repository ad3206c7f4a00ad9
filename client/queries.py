"""Asks the chain: a request message goes in, the response message that its rpc names comes out.

A refusal is a RefusedError with the codespace, code and sentence of the chain.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar, overload

from google.protobuf import message_factory
from google.protobuf.message import DecodeError, Message

from client.catalog import get_query_by_request
from client.errors import RefusedError, RpcError
from client.rpc import Rpc

R = TypeVar("R", bound=Message)


@overload
def query(rpc: Rpc, request: Message, *, height: int = 0) -> Message: ...
@overload
def query(rpc: Rpc, request: Message, response_type: type[R], *, height: int = 0) -> R: ...
def query(
    rpc: Rpc, request: Message, response_type: type[Message] | None = None, *, height: int = 0
) -> Message:
    """The answer to a request from the state of a height, by default the latest; naming its type
    tells the type checker, and is checked.
    """
    operation = get_query_by_request()[request.DESCRIPTOR.full_name]
    kind = message_factory.GetMessageClass(operation.response)
    assert response_type in (None, kind), f"{operation.path} answers with {kind.__name__}"
    return ask(rpc, operation.path, request, kind, height=height)


def query_pages(
    rpc: Rpc, request: Message, response_type: type[R], *, height: int = 0
) -> Iterator[R]:
    """The answers page by page, up to the last; the request names the size of a page. With a height
    all pages are of one state.
    """
    page = type(request)()
    page.CopyFrom(request)
    while True:
        response = query(rpc, page, response_type, height=height)
        yield response
        next_key: bytes = response.pagination.next_key  # type: ignore[attr-defined]
        if not next_key:
            return
        page.pagination.key = next_key  # type: ignore[attr-defined]
        page.pagination.offset = 0  # type: ignore[attr-defined]


def ask(rpc: Rpc, path: str, request: Message, response_type: type[R], *, height: int = 0) -> R:
    """The answer at a path that is not in the catalog of queries."""
    result = rpc.abci_query(path, request.SerializeToString(), height=height)
    if result.code:
        raise RefusedError(result.codespace, result.code, result.log)
    try:
        return response_type.FromString(result.value)
    except DecodeError as error:
        raise RpcError(
            f"the answer to {path} cannot be read; is the node of this chain?"
        ) from error
