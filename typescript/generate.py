"""Makes typescript/src/gen of the definitions: messages by ts-proto, and a table for amino JSON.

    npm ci && python generate.py && npm run build

Errors: exits with the compiler's message and status 1 when a definition is wrong.
"""

from __future__ import annotations

import json
import shutil
import sys
from importlib import resources
from pathlib import Path

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from grpc_tools import protoc

from chain.runtime.encoding.amino_json import get_name
from client.catalog import get_messages

ROOT = Path(__file__).resolve().parent
PROTO = ROOT.parent / "proto"
OUTPUT = ROOT / "src" / "gen"
PLUGIN = ROOT / "node_modules" / ".bin" / "protoc-gen-ts_proto"
OPTIONS = ",".join(
    [
        "env=both",
        "esModuleInterop=true",
        "importSuffix=.js",
        # Registers of meters and amounts of money do not fit a number of JavaScript.
        "forceLong=bigint",
        "outputJsonMethods=false",
        "outputServices=default",
        "useExactTypes=false",
    ]
)
# Spoken by gateways of meters, over gRPC, and by the pages of the dashboard.
LEFT_OUT = {PROTO / "blockenergy" / name for name in ("bridge", "dashboard")}
LONG = {FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_INT64}
ANY = "google.protobuf.Any"
COIN = "cosmos.base.v1beta1.Coin"


def main() -> int:
    """Rebuilds src/gen from nothing."""
    if not PLUGIN.exists():
        sys.stderr.write("ts-proto is not installed; run npm ci in typescript/ first\n")
        return 1
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    sources = [
        path.relative_to(PROTO).as_posix()
        for path in sorted(PROTO.rglob("*.proto"))
        if not {PROTO / "gen", *LEFT_OUT} & set(path.parents)
    ]
    include = str(resources.files("grpc_tools") / "_proto")
    arguments = [
        *["protoc", f"-I{PROTO}", f"-I{include}", f"--plugin={PLUGIN}"],
        *[f"--ts_proto_out={OUTPUT}", f"--ts_proto_opt={OPTIONS}"],
    ]
    status = int(protoc.main([*arguments, *sources]))
    if status == 0:
        (OUTPUT / "table.ts").write_text(make_table())
    return status


def make_table() -> str:
    """The messages by type URL, and how amino JSON writes each type's fields."""
    messages = [
        operation.request for group in get_messages().values() for operation in group.values()
    ]
    messages = [message for message in messages if message.full_name.startswith("blockenergy.")]
    messages.sort(key=lambda message: message.full_name)
    types: dict[str, Descriptor] = {}
    for message in messages:
        collect_types(message, types)
    modules = sorted({message.file.name.removesuffix(".proto") for message in messages})
    names = {module: module.replace("/", "_") for module in modules}
    lines = [
        "// Made by generate.py.",
        'import type { GeneratedType } from "@cosmjs/proto-signing";',
    ]
    lines += [f'import * as {name} from "./{module}.js";' for module, name in names.items()]
    lines += [
        "",
        "export const messages: ReadonlyArray<readonly [string, string, GeneratedType]> = [",
    ]
    for message in messages:
        module = names[message.file.name.removesuffix(".proto")]
        url = json.dumps(f"/{message.full_name}")
        lines.append(f"  [{url}, {json.dumps(get_name(message))}, {module}.{message.name}],")
    lines += ["];", "", 'export type Kind = "long" | "plain" | "bytes" | "message";']
    lines.append("// Name in proto, name here, kind, whether repeated, type of a message.")
    lines.append("export type Field = readonly [string, string, Kind, boolean, string];")
    fields = {name: [describe(field) for field in one.fields] for name, one in types.items()}
    table = json.dumps(fields, indent=1)
    lines.append(f"export const fields: Readonly<Record<string, ReadonlyArray<Field>>> = {table};")
    return "\n".join(lines) + "\n"


def collect_types(message: Descriptor, types: dict[str, Descriptor]) -> None:
    """Adds a message and those in it, unless one of them holds any message."""
    if message.full_name in types or message.full_name == ANY:
        return
    types[message.full_name] = message
    for field in message.fields:
        if field.message_type is not None:
            collect_types(field.message_type, types)


def describe(field: FieldDescriptor) -> list[object]:
    """A field as a row of the table."""
    kind = "plain"
    if field.type in LONG:
        kind = "long"
    elif field.type == FieldDescriptor.TYPE_BYTES:
        kind = "bytes"
    elif field.message_type is not None:
        kind = "message"
    subtype = field.message_type.full_name if field.message_type is not None else ""
    return [field.name, field.camelcase_name, kind, field.is_repeated, subtype]


if __name__ == "__main__":
    sys.exit(main())
