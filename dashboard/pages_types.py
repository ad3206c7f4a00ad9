"""TypeScript types of the web API, from the definitions: `python -m dashboard.pages_types`.

Every message that a call takes or returns, as its JSON is; a table of calls with verb, path and who
may make them; and the units of fields.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from blockenergy.dashboard.v1 import api_pb2, route_pb2
from google.protobuf.descriptor import FieldDescriptor

import text_output
from chain.runtime.encoding.options import get_option
from client.definitions import get_comment, get_fields, get_unit, get_unit_name
from dashboard.web.calls import PREFIX, VERBS

_NUMBERS = {
    FieldDescriptor.TYPE_INT32,
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_DOUBLE,
    FieldDescriptor.TYPE_FLOAT,
}
# As the JSON of protobuf has them.
_WELL_KNOWN = {
    "google.protobuf.Any": '{ "@type": string; [field: string]: unknown }',
    "google.protobuf.Timestamp": "string",
    "google.protobuf.Duration": "string",
}


def write_types() -> str:
    """The whole file."""
    types: dict[str, Any] = {}
    methods = api_pb2.DESCRIPTOR.services_by_name["Api"].methods
    for method in methods:
        _collect(method.input_type, types)
        _collect(method.output_type, types)
    lines = ["// Made by dashboard/pages_types.py from proto/; change those instead.", ""]
    for _, kind in sorted(types.items()):
        lines += _write_type(kind)
    lines += ["export const calls = {"]
    for method in methods:
        route = get_option(method, route_pb2.route)
        who = route_pb2.Who.Name(route.who).removeprefix("WHO_").lower()
        lines.append(
            f'  {method.name}: {{ verb: "{VERBS[route.verb]}", path: "{PREFIX}{route.path}", '
            f'who: "{who}" }},'
        )
    lines += ["} as const;", "", "export interface Calls {"]
    lines += [
        f"  {method.name}: {{ request: {_name(method.input_type)}; "
        f"response: {_name(method.output_type)} }};"
        for method in methods
    ]
    lines += ["}", "", "// Units of fields, by message and field.", "export const units = {"]
    lines += [line for _, kind in sorted(types.items()) for line in _write_units(kind)]
    return "\n".join([*lines, "} as const;"])


def _collect(kind: Any, types: dict[str, Any]) -> None:
    if kind.full_name in types or kind.full_name in _WELL_KNOWN:
        return
    types[kind.full_name] = kind
    for field in kind.fields:
        for inner in (field.message_type, field.enum_type):
            if inner is not None and inner.full_name not in types:
                if inner is field.message_type:
                    _collect(inner, types)
                else:
                    types[inner.full_name] = inner


def _write_type(kind: Any) -> list[str]:
    if not hasattr(kind, "fields"):
        names = " | ".join(f'"{value.name}"' for value in kind.values)
        return [*_comment(kind.full_name), f"export type {_name(kind)} = {names};", ""]
    lines = [*_comment(kind.full_name), f"export interface {_name(kind)} {{"]
    for field in kind.fields:
        lines += _comment(field.full_name, "  ")
        may_be_absent = field.message_type is not None and not field.is_repeated
        lines.append(f"  {field.name}{'?' if may_be_absent else ''}: {_type(field)};")
    return [*lines, "}", ""]


def _write_units(kind: Any) -> Iterator[str]:
    if not hasattr(kind, "fields"):
        return
    units = [
        f'{name}: "{get_unit_name(get_unit(field))}"'
        for name, field in get_fields(kind).items()
        if get_unit(field)
    ]
    if units:
        yield f"  {_name(kind)}: {{ {', '.join(units)} }},"


def _type(field: Any) -> str:
    inner = field.message_type or field.enum_type
    if inner is not None:
        name = _WELL_KNOWN.get(inner.full_name) or _name(inner)
    elif field.type in _NUMBERS:
        name = "number"
    else:
        name = "boolean" if field.type == FieldDescriptor.TYPE_BOOL else "string"
    return f"Array<{name}>" if field.is_repeated else name


def _name(kind: Any) -> str:
    """Our own by their short names, others with their module: `market_Slot`."""
    package = kind.file.package
    own = package == "blockenergy.dashboard.v1"
    short = kind.full_name.removeprefix(f"{package}.").replace(".", "_")
    return short if own else f"{package.split('.')[1]}_{short}"


def _comment(full_name: str, indent: str = "") -> list[str]:
    text = get_comment(full_name)
    return [f"{indent}/** {text.replace('*/', '')} */"] if text else []


if __name__ == "__main__":
    text_output.say(write_types())
    sys.exit(0)
