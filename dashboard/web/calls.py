"""The calls of the web API, read from the definitions: address, who may make it, request, answer.

A call without a decision who may make it, a call without its function, and a function without its
call stop the server at its start. There is no other way to add one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from blockenergy.dashboard.v1 import api_pb2, route_pb2
from blockenergy.options.v1 import options_pb2 as options
from google.protobuf import message_factory
from google.protobuf.message import Message

from chain.runtime.encoding.options import get_option
from client.definitions import get_fields, get_unit, to_kebab_case

PREFIX = "/api/v1/"
BODY_BYTES_MAX = 16 * 1024
# Parts of a path: `{slot}` takes what follows up to the next slash, but for the ending of a file.
_FIELD = re.compile(r"\{(\w+)\}")
VERBS = {route_pb2.VERB_GET: "GET", route_pb2.VERB_POST: "POST", route_pb2.VERB_DELETE: "DELETE"}

# From the site, who asks and the request to the answer.
Answer = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A call. who: a value of `Who`; form: of `Form`. answer: None for a stream."""

    name: str
    verb: str
    path: str
    who: int
    form: int
    body_bytes_max: int
    request: type[Message]
    response: type[Message]
    answer: Answer | None
    names_account: bool
    names_feeder: bool

    @property
    def address(self) -> str:
        """The whole path."""
        return PREFIX + self.path


def load_calls(modules: Mapping[str, ModuleType] | tuple[ModuleType, ...]) -> tuple[Call, ...]:
    """The calls with their functions, which are public and defined in one of the modules."""
    listed = modules.values() if isinstance(modules, Mapping) else modules
    answers = {name: found for module in listed for name, found in _list_functions(module)}
    calls = []
    for method in api_pb2.DESCRIPTOR.services_by_name["Api"].methods:
        name = to_kebab_case(method.name).replace("-", "_")
        route = get_option(method, route_pb2.route)
        assert route.who, f"nobody has decided who may call {method.name}"
        is_stream = route.form == route_pb2.FORM_EVENTS
        assert is_stream != (name in answers), f"no function answers {method.name}, or one too many"
        request = message_factory.GetMessageClass(method.input_type)
        fields = get_fields(request)
        missing = set(_FIELD.findall(route.path)) - fields.keys()
        assert not missing, f"{method.name}: the request has no {missing}"
        account = fields.get("account")
        calls.append(
            Call(
                name=name,
                verb=VERBS[route.verb],
                path=route.path,
                who=route.who,
                form=route.form,
                body_bytes_max=route.body_bytes_max or BODY_BYTES_MAX,
                request=request,
                response=message_factory.GetMessageClass(method.output_type),
                answer=answers.pop(name, None),
                names_account=account is not None and get_unit(account) == options.UNIT_ADDRESS,
                names_feeder="feeder" in fields,
            )
        )
    assert not answers, f"functions that answer no call: {sorted(answers)}"
    return tuple(calls)


def _list_functions(module: ModuleType) -> list[tuple[str, Answer]]:
    return [
        (name, found)
        for name, found in vars(module).items()
        if callable(found)
        and not name.startswith("_")
        and getattr(found, "__module__", "") == module.__name__
        and not isinstance(found, type)
    ]
