"""Writes docs/reference from the definitions under proto/ and the collections of the chain, and the
drawing in docs/architecture.md from the imports.

    python docs/build.py            writes the pages and removes those of modules that are gone
    python docs/build.py --check    writes nothing; exit status 1 if a page is not as it would be

One page per module that answers something, and one for the types that they share.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from drawing import put_drawing
from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    EnumValueDescriptor,
    FieldDescriptor,
    FileDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)
from lifecycles import make_diagram

from chain.app import MODULES
from client.catalog import Operation, get_codespace, get_messages, get_module, get_queries
from client.cli.tx import describe_gas, describe_signer
from client.definitions import (
    get_comment,
    get_files,
    get_in_force,
    get_text,
    get_unit,
    get_unit_name,
    get_value_comment,
    is_never_lowered,
)

DOCS = Path(__file__).resolve().parent
FOLDER = DOCS / "reference"
ARCHITECTURE = DOCS / "architecture.md"
SHARED = "types"
NOTE = "<!-- Made from the definitions by docs/build.py; change those instead. -->"


def main() -> int:
    """Writes or checks every page; returns the exit status."""
    parser = argparse.ArgumentParser(description="Writes docs/reference and the drawing.")
    parser.add_argument("--check", action="store_true", help="only say what would change")
    check = parser.parse_args().check
    pages = {FOLDER / name: text for name, text in make_pages().items()}
    pages[ARCHITECTURE] = put_drawing(read(ARCHITECTURE))
    stale = [path for path, text in pages.items() if read(path) != text]
    extra = [path for path in sorted(FOLDER.glob("*.md")) if path not in pages]
    if check:
        for path in [*stale, *extra]:
            name = path.relative_to(DOCS.parent)
            print(f"{name} is not up to date; run make docs", file=sys.stderr)
        return 1 if stale or extra else 0
    FOLDER.mkdir(exist_ok=True)
    for path in stale:
        path.write_text(pages[path], encoding="utf-8")
    for path in extra:
        path.unlink()
    return 0


def make_pages() -> dict[str, str]:
    """The text of every page by its file name."""
    packages: dict[str, list[FileDescriptor]] = {}
    for file in get_files():
        packages.setdefault(get_page(file), []).append(file)
    pages = {f"{page}.md": make_page(page, files) for page, files in sorted(packages.items())}
    return pages | {"README.md": make_index(packages)}


def get_page(file: FileDescriptor) -> str:
    """The page on which a file is described."""
    module = get_module(file.package)
    answering = {get_module(one.package) for one in get_files() if one.services_by_name}
    return module if module in answering else SHARED


def make_index(packages: dict[str, list[FileDescriptor]]) -> str:
    """The page that leads to the others."""
    lines = [
        "# Reference",
        "",
        NOTE,
        "",
        "What can be sent, asked and heard, module by module.",
        "",
    ]
    rows = [
        [f"[{page}]({page}.md)", ", ".join(name_contents(files)) or "shared types and units"]
        for page, files in sorted(packages.items())
    ]
    return "\n".join([*lines, *make_table(("page", "what it answers"), rows)]) + "\n"


def name_contents(files: list[FileDescriptor]) -> list[str]:
    """The rpcs of a page."""
    return [f"`{method.name}`" for service in list_services(files) for method in service.methods]


def make_page(page: str, files: list[FileDescriptor]) -> str:
    """The page of a module, or of the shared types."""
    lines = [f"# {page}", "", NOTE, ""]
    for service in list_services(files):
        lines += paragraphs(get_comment(service.full_name))
    lines += section("Messages", map(make_message, get_messages().get(page, {}).values()))
    lines += section("Queries", map(make_query, get_queries().get(page, {}).values()))
    lines += section("Calls", map(make_call, list_calls(files)))
    lines += section("Events", map(make_record, list_messages(files, is_event)))
    lines += section("Records", map(make_record, list_messages(files, is_record)))
    lines += section("Values", map(make_enum, list_enums(files)))
    lines += section("Errors", map(make_errors, list_errors(files)))
    lines += section("Lifecycles", make_lifecycles(page))
    lines += section("State", make_state(page))
    return "\n".join(lines).rstrip() + "\n"


def make_message(operation: Operation) -> list[str]:
    """A message that can be sent."""
    command = f"blockenergy tx {operation.module} {operation.name}"
    return [
        *make_operation(operation, f"/{operation.request.full_name}", command),
        f"{describe_signer(operation)} {describe_gas(operation)}",
        "",
        *make_fields(operation.request),
        *make_response(operation.response),
    ]


def make_query(operation: Operation) -> list[str]:
    """A question that can be asked."""
    command = f"blockenergy query {operation.module} {operation.name}"
    return [
        *make_operation(operation, operation.path, command),
        *make_fields(operation.request),
        *make_response(operation.response),
    ]


def make_operation(operation: Operation, name: str, command: str) -> list[str]:
    """What messages and queries have in common."""
    return [
        *heading(operation.name, operation.request.full_name, operation.response.full_name),
        f"`{name}`, on the command line `{command}`.",
        "",
        *paragraphs(operation.comment),
    ]


def make_call(method: MethodDescriptor) -> list[str]:
    """A call of a gRPC service, or a query without a command of its own."""
    asked = ("a stream of " if method.client_streaming else "") + link(method.input_type)
    answered = ("a stream of " if method.server_streaming else "") + link(method.output_type)
    return [
        *heading(method.name, method.full_name),
        f"`/{method.containing_service.full_name}/{method.name}`: {asked}, answered by {answered}.",
        "",
        *paragraphs(get_comment(method.full_name)),
    ]


def make_response(response: Descriptor) -> list[str]:
    """What comes back, if anything does."""
    return ["Answer:", "", *make_fields(response)] if response.fields else []


def make_record(message: Descriptor) -> list[str]:
    """A message that is part of others, of the state, or an event."""
    return [
        *heading(message.name, message.full_name),
        f"`{message.full_name}`",
        "",
        *paragraphs(get_comment(message.full_name)),
        *make_fields(message),
    ]


def make_fields(message: Descriptor) -> list[str]:
    """A table of the fields; nothing for a message without."""
    rows = [
        [
            f"`{field.name}`",
            str(field.number),
            describe_type(field),
            get_unit_name(get_unit(field)),
            *([describe_in_force(field)] if are_params(message) else []),
            escape(get_comment(field.full_name)),
        ]
        for field in message.fields
    ]
    columns = ["field", "number", "type", "unit", "meaning"]
    if are_params(message):
        columns.insert(-1, "a change is in force")
    return [*make_table(columns, rows), ""] if rows else []


def make_enum(enum: EnumDescriptor) -> list[str]:
    """What an enum can say."""
    rows = [[f"`{value.name}`", str(value.number), describe_value(value)] for value in enum.values]
    return [
        *heading(enum.name, enum.full_name),
        f"`{enum.full_name}`",
        "",
        *paragraphs(get_comment(enum.full_name)),
        *make_table(("value", "number", "meaning"), rows),
        "",
    ]


def make_errors(enum: EnumDescriptor) -> list[str]:
    """The codes of a codespace."""
    rows = [
        [str(value.number), f"`{value.name}`", escape(get_text(value))]
        for value in enum.values
        if value.number
    ]
    return [
        f"Codespace `{get_codespace(enum.file.package)}`.",
        "",
        *make_table(("code", "name", "sentence"), rows),
        "",
    ]


def make_lifecycles(page: str) -> Iterator[list[str]]:
    """The state machines of the module's records, as diagrams."""
    for module in MODULES:
        if module.name == page:
            yield from (make_diagram(lifecycle) for lifecycle in module.lifecycles)


def make_state(page: str) -> Iterator[list[str]]:
    """Where the module keeps what, in the state that the app hash covers."""
    for module in MODULES:
        if module.name == page:
            rows = [
                [f"`{collection.prefix.hex()}`", collection.name]
                for collection in sorted(module.schema.collections, key=lambda one: one.prefix)
            ]
            yield [*make_table(("keys begin with", "collection"), rows), ""]


def describe_type(field: FieldDescriptor) -> str:
    """The type of a field, with a link where it is one of ours."""
    kind = field.message_type or field.enum_type
    name = link(kind) if kind else SCALARS[field.type]
    return f"list of {name}" if field.is_repeated else name


def are_params(message: Descriptor) -> bool:
    """Whether the fields say from when on a change is in force."""
    return any(get_in_force(field) for field in message.fields)


def describe_in_force(field: FieldDescriptor) -> str:
    """From when on a change of a parameter is in force."""
    limit = ", never lowered" if is_never_lowered(field) else ""
    return get_in_force(field).replace("-", " ") + limit


def describe_value(value: EnumValueDescriptor) -> str:
    """The sentence for the user, or the comment."""
    return escape(get_text(value) or get_value_comment(value))


def link(kind: Descriptor | EnumDescriptor) -> str:
    """The name of a type, leading to its description if there is one."""
    if not kind.file.package.startswith(("blockenergy.", "cosmos.", "ibc.")):
        return f"`{kind.full_name}`"
    return f"[{kind.name}]({get_page(kind.file)}.md#{kind.full_name})"


def list_services(files: list[FileDescriptor]) -> Iterator[ServiceDescriptor]:
    """The services of a page."""
    for file in files:
        yield from file.services_by_name.values()


def list_calls(files: list[FileDescriptor]) -> Iterator[MethodDescriptor]:
    """Methods that are neither messages nor queries of the command line."""
    for service in list_services(files):
        if service.name not in ("Msg", "Query"):
            yield from service.methods


def list_messages(
    files: list[FileDescriptor], wanted: Callable[[Descriptor], bool]
) -> Iterator[Descriptor]:
    """The messages of a page that are wanted, those inside others after them."""
    for file in files:
        for message in file.message_types_by_name.values():
            if wanted(message):
                yield message
            yield from message.nested_types


def list_enums(files: list[FileDescriptor]) -> Iterator[EnumDescriptor]:
    """The enums of a page; errors have a section of their own."""
    for file in files:
        yield from (one for one in file.enum_types_by_name.values() if one.name != "Error")


def list_errors(files: list[FileDescriptor]) -> Iterator[EnumDescriptor]:
    """The errors of a page."""
    for file in files:
        yield from (one for one in file.enum_types_by_name.values() if one.name == "Error")


def is_event(message: Descriptor) -> bool:
    """Whether the chain emits it."""
    return message.file.name.endswith("/events.proto")


def is_record(message: Descriptor) -> bool:
    """Whether it stands for itself: not an event, nor what a command sends or gets."""
    commands = [
        operation
        for operations in (*get_messages().values(), *get_queries().values())
        for operation in operations.values()
    ]
    used = {one.full_name for each in commands for one in (each.request, each.response)}
    return not is_event(message) and message.full_name not in used


def section(title: str, parts: Iterable[list[str]]) -> list[str]:
    """A part of a page, or nothing."""
    lines = [line for part in parts for line in part]
    return [f"## {title}", "", *lines] if lines else []


def heading(title: str, *full_names: str) -> list[str]:
    """A heading that links to what it describes can lead to."""
    return ["".join(f'<a id="{name}"></a>' for name in full_names), "", f"### {title}", ""]


def paragraphs(comment: str) -> list[str]:
    """A comment as a paragraph, or nothing."""
    return [comment, ""] if comment else []


def make_table(header: Iterable[str], rows: Iterable[list[str]]) -> list[str]:
    """A table."""
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def escape(text: str) -> str:
    """A text inside a table."""
    return text.replace("|", "\\|")


def read(path: Path) -> str:
    """The text of a file; empty if there is none."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


SCALARS = {
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_UINT64: "uint64",
}


if __name__ == "__main__":
    sys.exit(main())
