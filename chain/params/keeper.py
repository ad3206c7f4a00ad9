"""What can be changed, and whether a change would be accepted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from blockenergy.params.v1 import errors_pb2

from chain.runtime.bech32 import AddressError
from chain.runtime.collections import GenesisError, HasStore
from chain.runtime.errors import ChainError, ErrorCodes
from chain.runtime.params import Params

ParamsError = ErrorCodes("params", errors_pb2.Error.DESCRIPTOR)


class Changeable(NamedTuple):
    """The parameters of a module, and its check of them as at genesis."""

    name: str
    params: Params[Any]
    validate: Callable[[HasStore], None]


def require_valid(state: HasStore, modules: Sequence[Changeable]) -> None:
    """Rejects a state whose parameters a genesis document could not have."""
    for module in modules:
        try:
            module.validate(state)
        except GenesisError as error:
            raise ChainError(ParamsError.PARAMS_INVALID, str(error)) from None
        except AddressError as error:
            raise ChainError(ParamsError.PARAMS_INVALID, f"{module.name}: {error}") from None
