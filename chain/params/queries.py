"""Reading parameters of any module."""

from __future__ import annotations

from collections.abc import Sequence

from blockenergy.params.v1 import query_pb2
from google.protobuf.any_pb2 import Any

from chain.params.keeper import Changeable, ParamsError
from chain.params.state import PARAMS
from chain.runtime.context import Context
from chain.runtime.encoding import codec
from chain.runtime.errors import ChainError

_NAME_CHARACTERS_MAX = 100


class Queries:
    """Queries that reach into the parameters of these modules."""

    def __init__(self, modules: Sequence[Changeable]) -> None:
        self._by_name = {module.name: module.params for module in modules}

    def params(
        self, ctx: Context, _: query_pb2.QueryParamsRequest
    ) -> query_pb2.QueryParamsResponse:
        """Who may change parameters."""
        return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))

    def module_params(
        self, ctx: Context, request: query_pb2.QueryModuleParamsRequest
    ) -> query_pb2.QueryModuleParamsResponse:
        """The parameters of one module, the newest or those of a slot."""
        params = self._by_name.get(request.module)
        if params is None:
            raise ChainError(ParamsError.MODULE_UNKNOWN, request.module[:_NAME_CHARACTERS_MAX])
        found = params.at(ctx, request.slot) if request.slot else params.get(ctx)
        value = Any(type_url=params.type_url, value=codec.encode(found))
        return query_pb2.QueryModuleParamsResponse(params=value)
