"""Every method by its path, such as /cosmos.bank.v1beta1.Query/Balance.

Queries of the chain are passed on as they are; only REST looks into them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from cosmos.base.tendermint.v1beta1 import query_pb2 as blocks_pb2
from cosmos.consensus.v1 import query_pb2 as consensus_pb2
from cosmos.tx.v1beta1 import service_pb2 as txs_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message

from client.definitions import get_files
from gateway import blocks, txs
from gateway.errors import GatewayError, Status
from gateway.node import Node

# The method that the chain answers although it is no query of a module.
_SIMULATE = "/cosmos.tx.v1beta1.Service/Simulate"


class Answer(NamedTuple):
    """The bytes of a response, and the height of the state that it is from; 0 if from none."""

    content: bytes
    height: int


class Method(NamedTuple):
    """A method; `run` takes the bytes of a request and the height of the state, 0 for the latest.

    It raises GatewayError.
    """

    path: str
    request: type[Message]
    response: type[Message]
    run: Callable[[Node, bytes, int], Answer]


# Methods that the gateway answers itself, by the name of their rpc.
_OWN: dict[Any, dict[str, Callable[[Node, Any], Message]]] = {
    blocks_pb2.DESCRIPTOR.services_by_name["Service"]: {
        "GetNodeInfo": blocks.get_node_info,
        "GetSyncing": blocks.get_syncing,
        "GetLatestBlock": blocks.get_latest_block,
        "GetBlockByHeight": blocks.get_block_by_height,
        "GetLatestValidatorSet": blocks.get_latest_validator_set,
        "GetValidatorSetByHeight": blocks.get_validator_set_by_height,
    },
    consensus_pb2.DESCRIPTOR.services_by_name["Query"]: {
        "Params": blocks.get_consensus_params,
    },
    txs_pb2.DESCRIPTOR.services_by_name["Service"]: {
        "GetTx": txs.get_tx,
        "BroadcastTx": txs.broadcast_tx,
        "GetTxsEvent": txs.get_txs_event,
    },
}


@cache
def get_methods() -> dict[str, Method]:
    """All methods by their path."""
    own = {
        _get_path(method): _make_own(method, answers[method.name])
        for service, answers in _OWN.items()
        for method in service.methods
        if method.name in answers
    }
    return own | {
        path: _make_passing(method)
        for file in get_files()
        for service in file.services_by_name.values()
        for method in service.methods
        if (path := _get_path(method)) not in own and _is_of_chain(method, path)
    }


def get_services() -> tuple[str, ...]:
    """The names of all services."""
    return tuple(sorted({path[1:].partition("/")[0] for path in get_methods()}))


def _is_of_chain(method: MethodDescriptor, path: str) -> bool:
    service = method.containing_service
    is_config = service.full_name == "cosmos.base.node.v1beta1.Service"
    return service.name == "Query" or is_config or path == _SIMULATE


def _get_path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _make_own(method: MethodDescriptor, answer: Callable[[Node, Any], Message]) -> Method:
    request_type = _get_class(method.input_type)

    def run(node: Node, content: bytes, _: int) -> Answer:
        try:
            request = request_type.FromString(content)
        except DecodeError:
            name = request_type.DESCRIPTOR.full_name
            raise GatewayError(Status.INVALID_ARGUMENT, f"not a {name}") from None
        return Answer(answer(node, request).SerializeToString(), 0)

    return Method(_get_path(method), request_type, _get_class(method.output_type), run)


def _make_passing(method: MethodDescriptor) -> Method:
    path = _get_path(method)

    def run(node: Node, content: bytes, height: int) -> Answer:
        return Answer(*node.query(path, content, height))

    return Method(path, _get_class(method.input_type), _get_class(method.output_type), run)


def _get_class(descriptor: Any) -> type[Message]:
    return message_factory.GetMessageClass(descriptor)
