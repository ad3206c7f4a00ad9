"""What a caller hears if a call fails: a status of gRPC and a sentence."""

from __future__ import annotations

from enum import IntEnum

from client.catalog import get_errors
from client.errors import RpcError


class Status(IntEnum):
    """The statuses of gRPC that the gateway answers with."""

    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


# As gRPC-gateway translates them.
HTTP_STATUS = {
    Status.UNKNOWN: 500,
    Status.INVALID_ARGUMENT: 400,
    Status.NOT_FOUND: 404,
    Status.RESOURCE_EXHAUSTED: 429,
    Status.UNIMPLEMENTED: 501,
    Status.INTERNAL: 500,
    Status.UNAVAILABLE: 503,
}
# Errors of codespace `sdk` that are no fault of the request.
_OF_SDK = {
    "KEY_NOT_FOUND": Status.NOT_FOUND,
    "UNKNOWN_ADDRESS": Status.NOT_FOUND,
    "PANIC": Status.INTERNAL,
    "WRONG_SEQUENCE": Status.UNKNOWN,
}
# Where the Cosmos SDK has gRPC in its sentence, wallets look for it there; gRPC itself does not.
_PREFIX = "rpc error: code = NotFound desc = "


class GatewayError(Exception):
    """A call that fails; the message is a sentence for the caller."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def make_error(codespace: str, code: int, log: str) -> GatewayError:
    """An error of the chain: it names what is not there, or says what is wrong with the request."""
    known = get_errors().get((codespace, code))
    name = known.name if known else ""
    if codespace == "sdk":
        status = _OF_SDK.get(name, Status.INVALID_ARGUMENT)
    else:
        status = Status.NOT_FOUND if name.endswith("_UNKNOWN") else Status.INVALID_ARGUMENT
    return GatewayError(status, log.removeprefix(_PREFIX) or name)


def make_node_error(error: RpcError) -> GatewayError:
    """What the node itself answers is passed on; that it does not answer, without its address."""
    if error.detail:
        return GatewayError(Status.UNAVAILABLE, f"the node responds: {error.detail}")
    return GatewayError(Status.UNAVAILABLE, "the node behind this gateway does not respond")
