"""What can be changed, and whether a change would be accepted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from blockenergy.params.v1 import errors_pb2, tx_pb2

from chain.params.state import PARAMS
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, ErrorCodes, require
from chain.runtime.params import Params
from chain.runtime.state.collections import GenesisError, HasStore

ParamsError = ErrorCodes("params", errors_pb2.Error.DESCRIPTOR)
_UPDATE_PARAMS = f"/{tx_pb2.MsgUpdateParams.DESCRIPTOR.full_name}"


class Changeable(NamedTuple):
    """The parameters of a module, and its check of them as at genesis."""

    name: str
    params: Params[Any]
    validate: Callable[[HasStore], None]


def is_change_by_authority(state: HasStore, type_url: str, signer: bytes) -> bool:
    """Whether a message changes parameters and its signer is the authority."""
    return (
        type_url == _UPDATE_PARAMS and bech32.encode(signer) == PARAMS.get_shared(state).authority
    )


def require_authority(state: HasStore, address: str) -> None:
    """Rejects every address but the authority."""
    require(address == PARAMS.get_shared(state).authority, ParamsError.NOT_AUTHORITY)


def is_authority(state: HasStore, address: bytes) -> bool:
    """Whether an address is that of the authority."""
    return bech32.encode(address) == PARAMS.get_shared(state).authority


def require_valid(state: HasStore, modules: Sequence[Changeable]) -> None:
    """Rejects a state whose parameters a genesis document could not have."""
    for module in modules:
        try:
            module.validate(state)
        except ValueError as error:
            # A GenesisError says where; what a field itself was rejected with does not.
            place = "" if isinstance(error, GenesisError) else f"{module.name}: "
            raise ChainError(ParamsError.PARAMS_INVALID, f"{place}{error}") from None
