"""Queries the chain: a request message in, the response message of its rpc out.

An error of the chain is a RejectedError with its codespace, code and sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, overload

from blockenergy.settlement.v1 import query_pb2
from google.protobuf import message_factory
from google.protobuf.message import DecodeError, Message

from client.catalog import get_query_by_request
from client.errors import RejectedError, RpcError
from client.node.rpc import Rpc
from client.node.rpc_types import QueryResult

R = TypeVar("R", bound=Message)


@overload
def query(rpc: Rpc, request: Message, *, height: int = 0) -> Message: ...
@overload
def query(rpc: Rpc, request: Message, response_type: type[R], *, height: int = 0) -> R: ...
def query(
    rpc: Rpc, request: Message, response_type: type[Message] | None = None, *, height: int = 0
) -> Message:
    """The response to a request from the state of a height, by default the latest.

    `response_type` is checked, and informs the type checker.
    """
    operation = get_query_by_request()[request.DESCRIPTOR.full_name]
    message_type = message_factory.GetMessageClass(operation.response)
    assert response_type in (None, message_type), f"{operation.path} returns {message_type}"
    return query_path(rpc, operation.path, request, message_type, height=height)


def query_pages(
    rpc: Rpc, request: Message, response_type: type[R], *, height: int = 0
) -> Iterator[R]:
    """All pages of the response; the request sets the page size. With a height, all pages are of
    one state.
    """
    return walk_pages(lambda page: query(rpc, page, response_type, height=height), request)


def walk_pages(ask: Callable[[Message], R], request: Message) -> Iterator[R]:
    """All pages of what `ask` answers; the request sets the page size."""
    page: Any = type(request)()
    page.CopyFrom(request)
    while True:
        response = ask(page)
        yield response
        next_key: bytes = response.pagination.next_key  # type: ignore[attr-defined]
        if not next_key:
            return
        page.pagination.key = next_key
        page.pagination.offset = 0


def get_state_height(rpc: Rpc) -> int:
    """The block whose state a node answers from: it knows of the next one a moment before."""
    request = query_pb2.QueryProgressRequest()
    operation = get_query_by_request()[request.DESCRIPTOR.full_name]
    return rpc.abci_query(operation.path, request.SerializeToString()).height


def query_store(rpc: Rpc, module: str, key: bytes, *, height: int) -> QueryResult:
    """A value of a module's tree after a block, with its proof, which is not verified here."""
    result = rpc.abci_query(f"/store/{module}/key", key, height=height, prove=True)
    if result.code:
        raise RejectedError(result.codespace, result.code, result.log)
    return result


def query_path(
    rpc: Rpc, path: str, request: Message, response_type: type[R], *, height: int = 0
) -> R:
    """The response at a path, which need not be in the catalog of queries."""
    result = rpc.abci_query(path, request.SerializeToString(), height=height)
    if result.code:
        raise RejectedError(result.codespace, result.code, result.log)
    try:
        return response_type.FromString(result.value)
    except DecodeError as error:
        raise RpcError(
            f"the response to {path} cannot be decoded; is the node on this chain?"
        ) from error
