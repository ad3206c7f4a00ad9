"""Every message and query of the chain, by module and name.

The module is the second part of the package name, so `/cosmos.bank.v1beta1.MsgSend` belongs to
module `bank` with our own messages. Names are those of the rpc in kebab case: `add-participant`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from google.protobuf.descriptor import Descriptor, MethodDescriptor

from client.definitions import (
    get_comment,
    get_files,
    get_signer,
    get_text,
    to_kebab_case,
)

# Not the bridge's service, which the chain does not serve, nor Simulate, which takes a transaction.
# What only the gateway answers is of the node and not of the chain.
_OF_THE_GATEWAY = "cosmos.consensus."
_MSG_SERVICE, _QUERY_SERVICE = "Msg", "Query"


@dataclass(frozen=True, slots=True)
class Operation:
    """A message or a query."""

    module: str
    name: str
    # The path of a query, or of a message's handler.
    path: str
    request: Descriptor
    response: Descriptor
    # The comment above its definition.
    comment: str


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """An error defined in proto/."""

    codespace: str
    code: int
    name: str
    text: str


@cache
def get_messages() -> dict[str, dict[str, Operation]]:
    """Messages by module and name."""
    return _collect(_MSG_SERVICE, lambda method: get_comment(method.input_type.full_name))


@cache
def get_queries() -> dict[str, dict[str, Operation]]:
    """Queries by module and name."""
    return _collect(_QUERY_SERVICE, lambda method: get_comment(method.full_name))


@cache
def get_query_by_request() -> dict[str, Operation]:
    """Queries by the full name of their request."""
    return {
        operation.request.full_name: operation
        for operations in get_queries().values()
        for operation in operations.values()
    }


@cache
def get_errors() -> dict[tuple[str, int], ErrorInfo]:
    """Errors by codespace and code."""
    return {
        (codespace, value.number): ErrorInfo(codespace, value.number, value.name, get_text(value))
        for file in get_files()
        for enum in file.enum_types_by_name.values()
        if enum.name == "Error" and (codespace := get_codespace(file.package))
        for value in enum.values
        if value.number
    }


@cache
def get_events() -> tuple[str, ...]:
    """The full names of all events."""
    return tuple(
        message.full_name
        for file in get_files()
        if file.name.endswith("/events.proto")
        for message in file.message_types_by_name.values()
        if message.name.startswith("Event")
    )


def get_module(package: str) -> str:
    """`blockenergy.market.v1` belongs to `market`, `cosmos.bank.v1beta1` to `bank`, and all
    packages of IBC to `ibc`.
    """
    origin, second, *_ = package.split(".")
    return origin if origin == "ibc" else second


def get_codespace(package: str) -> str:
    """The codespace of a package's errors; `sdk`, as wallets expect, for those of transactions."""
    module = get_module(package)
    return "sdk" if module == "auth" else module


def _collect(
    service_name: str, describe: Callable[[MethodDescriptor], str]
) -> dict[str, dict[str, Operation]]:
    collected: dict[str, dict[str, Operation]] = {}
    for method in _list_methods(service_name):
        module = get_module(method.containing_service.file.package)
        name = to_kebab_case(method.name)
        operations = collected.setdefault(module, {})
        assert name not in operations, f"two rpcs of module {module} are called {name}"
        assert service_name != _MSG_SERVICE or get_signer(method.input_type), (
            f"{method.input_type.full_name} names no signer"
        )
        operations[name] = Operation(
            module=module,
            name=name,
            path=f"/{method.containing_service.full_name}/{method.name}",
            request=method.input_type,
            response=method.output_type,
            comment=describe(method),
        )
    return dict(sorted(collected.items()))


def _list_methods(service_name: str) -> Iterator[MethodDescriptor]:
    for file in get_files():
        service = file.services_by_name.get(service_name)
        if service is not None and not file.package.startswith(_OF_THE_GATEWAY):
            yield from service.methods
