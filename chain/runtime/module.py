"""Binds a module's definitions to its functions.

Nothing is registered by hand: `rpc PlaceOrder` in tx.proto belongs to `place_order` in msgs.py,
`rpc Slot` in query.proto to `slot` in queries.py. A function without its rpc, or an rpc without its
function, stops the program at its start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from blockenergy.options.v1 import options_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from chain.runtime.consensus import ConsensusUpdates, ValidatorUpdate
from chain.runtime.context import Context
from chain.runtime.encoding.options import get_option
from chain.runtime.gas import MessageGas, get_message_gas
from chain.runtime.lifecycle import Lifecycle
from chain.runtime.params import Params
from chain.runtime.state.collections import HasStore, Schema


@dataclass(frozen=True, slots=True)
class Handler:
    """How a message is executed."""

    type_url: str
    message_type: type[Message]
    signer_field: str
    roles: frozenset[int]
    gas: MessageGas
    run: Callable[[Context, Any], Message]
    response_type_url: str
    # The gas of one, beside that of its transaction: `gas`, and that of messages in it.
    count_gas: Callable[[Message], int]
    # A number of options.Lane.
    lane: int = options_pb2.LANE_UNSPECIFIED
    # Whether a participant that was removed may send it.
    even_removed: bool = False
    # Whether its signer can give another the right to send it.
    delegable: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """How a query is answered."""

    path: str
    request: type[Message]
    run: Callable[[Context, Any], Message]


@dataclass(frozen=True)
class Module:
    """One module: its name, its state, and its functions by their purpose."""

    name: str
    schema: Schema
    msg_services: Sequence[ServiceDescriptor] = ()
    # A Python module or an object with a function for each rpc.
    msgs: object | None = None
    query_services: Sequence[ServiceDescriptor] = ()
    queries: object | None = None
    begin_block: Callable[[Context], None] | None = None
    # At most one module may answer with updates of consensus in a block.
    end_block: Callable[[Context], ConsensusUpdates | None] | None = None
    # Hears at genesis which validators consensus begins with.
    init_validators: Callable[[Context, Sequence[ValidatorUpdate]], None] | None = None
    # Each returns the problems it found; none means that it holds.
    invariants: Sequence[Callable[[HasStore], list[str]]] = ()
    # The state machines of the module's records.
    lifecycles: Sequence[Lifecycle[Any, Any]] = ()
    params: Params[Any] | None = None
    # Checks parameters, beside those of other modules as well: at genesis, and when any module's
    # are to be changed. Takes no longer where the state is large. Raises GenesisError.
    validate_params: Callable[[HasStore], None] | None = None
    # Checks all other genesis content; raises GenesisError.
    validate_genesis: Callable[[HasStore], None] | None = None
    # What its messages may hold, beside messages and parameters.
    packed_types: Sequence[type[Message]] = ()
    handlers: dict[str, Handler] = field(default_factory=dict)
    query_table: dict[str, Query] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for method in _methods(self.msg_services):
            handler = _handler(method, _partner(self.msgs, method))
            self.handlers[handler.type_url] = handler
        for method in _methods(self.query_services):
            path = f"/{method.containing_service.full_name}/{method.name}"
            run = _partner(self.queries, method)
            self.query_table[path] = Query(path, _class_of(method.input_type), run)
        _require_no_extra(self.msgs, self.msg_services)
        _require_no_extra(self.queries, self.query_services)


def snake_case(name: str) -> str:
    """`PlaceOrder` as `place_order`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _handler(method: MethodDescriptor, run: Callable[[Context, Any], Message]) -> Handler:
    signer = get_option(method.input_type, options_pb2.signer)
    assert signer in method.input_type.fields_by_name, f"{method.full_name} names no signer"
    gas = get_message_gas(method.input_type)
    assert gas.own, f"{method.full_name} takes no gas"
    return Handler(
        type_url=f"/{method.input_type.full_name}",
        message_type=_class_of(method.input_type),
        signer_field=signer,
        roles=frozenset(get_option(method.input_type, options_pb2.role)),
        gas=gas,
        run=run,
        response_type_url=f"/{method.output_type.full_name}",
        count_gas=gas.add_up,
        lane=get_option(method.input_type, options_pb2.lane),
        even_removed=get_option(method.input_type, options_pb2.even_removed),
        delegable=get_option(method.input_type, options_pb2.delegable),
    )


def _methods(services: Sequence[ServiceDescriptor]) -> list[MethodDescriptor]:
    return [method for service in services for method in service.methods]


def _class_of(descriptor: Any) -> type[Message]:
    return message_factory.GetMessageClass(descriptor)


def _partner(functions: object | None, method: MethodDescriptor) -> Any:
    name = snake_case(method.name)
    function = getattr(functions, name, None)
    assert function is not None, f"{method.full_name} has no function {name}"
    return function


def _require_no_extra(functions: object | None, services: Sequence[ServiceDescriptor]) -> None:
    if functions is None:
        return
    known = {snake_case(method.name) for method in _methods(services)}
    home = functions.__name__ if isinstance(functions, ModuleType) else functions.__module__
    for name in dir(functions):
        value = getattr(functions, name)
        own = getattr(value, "__module__", None) == home
        if own and callable(value) and not isinstance(value, type) and not name.startswith("_"):
            assert name in known, f"{home}.{name} has no rpc"
