"""The definitions under proto/: comments, options, and message types by name.

Read from the descriptor set written by the protobuf compiler, in the order of the source files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module, resources
from typing import Any

from blockenergy.options.v1 import options_pb2 as options
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    EnumValueDescriptor,
    FieldDescriptor,
    FileDescriptor,
)
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from google.protobuf.message import Message

from chain.runtime.encoding.options import get_option

# Field numbers in descriptor.proto, which make up the paths of comments.
_FILE_MESSAGE, _FILE_ENUM, _FILE_SERVICE = 4, 5, 6
_MESSAGE_FIELD, _MESSAGE_NESTED, _MESSAGE_ENUM = 2, 3, 4
_ENUM_VALUE = 2
_SERVICE_METHOD = 2
_Path = tuple[int, ...]


@cache
def get_files() -> tuple[FileDescriptor, ...]:
    """All our files and those of the Cosmos subset, loaded."""
    pool = descriptor_pool.Default()
    files = []
    for source in _load_sources():
        import_module(source.name.removesuffix(".proto").replace("/", ".") + "_pb2")
        files.append(pool.FindFileByName(source.name))
    return tuple(files)


@cache
def get_message_class(full_name: str) -> type[Message] | None:
    """The class of a message by its full name, or None."""
    get_files()
    try:
        found = descriptor_pool.Default().FindMessageTypeByName(full_name)
    except KeyError:
        return None
    return message_factory.GetMessageClass(found)


def get_fields(message: type[Message] | Message | Descriptor) -> dict[str, FieldDescriptor]:
    """The fields of a message by name, in order of definition."""
    # The library's type stubs know two classes of descriptors that behave alike.
    descriptor: Any = message if isinstance(message, Descriptor) else message.DESCRIPTOR
    return {field.name: field for field in descriptor.fields}


def get_message_type(field: FieldDescriptor) -> Descriptor:
    """The message type of a field."""
    assert field.message_type is not None, f"{field.full_name} is not a message field"
    return field.message_type


def get_enum_values(field: FieldDescriptor) -> list[EnumValueDescriptor]:
    """The values of an enum field, without the unspecified one."""
    assert field.enum_type is not None, f"{field.full_name} is not an enum field"
    return [value for value in field.enum_type.values if value.number]


def is_of_type(field: FieldDescriptor, message_type: type[Message]) -> bool:
    """Whether the field holds messages of this type."""
    found = field.message_type
    return found is not None and found.full_name == message_type.DESCRIPTOR.full_name


def get_comment(full_name: str) -> str:
    """The comment above a definition, as one line; empty if there is none."""
    return _load_comments().get(full_name, "")


def get_value_comment(value: EnumValueDescriptor) -> str:
    """The comment above an enum value."""
    return get_comment(f"{value.type.full_name}.{value.name}")


def may_be_left_out(field: FieldDescriptor) -> bool:
    """Whether the field is optional for users."""
    return bool(get_option(field, options.may_be_left_out))


def get_in_force(field: FieldDescriptor) -> str:
    """From when on a change of a parameter is in force: `next-slot`; empty for other fields."""
    value = get_option(field, options.in_force)
    return get_short_name(options.InForce.DESCRIPTOR.values_by_number[value]) if value else ""


def is_never_lowered(field: FieldDescriptor) -> bool:
    """Whether a parameter can only be raised."""
    return bool(get_option(field, options.never_lowered))


def get_unit(field: FieldDescriptor) -> int:
    """The field's unit: a value of blockenergy.options.v1.Unit."""
    return int(get_option(field, options.unit))


def get_unit_name(unit: int) -> str:
    """`UNIT_TIME_S` as `time-s`; empty for plain values."""
    return get_short_name(options.Unit.DESCRIPTOR.values_by_number[unit]) if unit else ""


def get_signer(message: Descriptor) -> str:
    """The field with the signer's address; empty if the message is not sent in transactions."""
    return str(get_option(message, options.signer))


def get_roles(message: Descriptor) -> tuple[int, ...]:
    """The roles that allow signing; none means any registered participant."""
    return tuple(get_option(message, options.role))


def get_text(value: EnumValueDescriptor) -> str:
    """The sentence for users that an enum value carries."""
    return str(get_option(value, options.text))


def get_short_name(value: EnumValueDescriptor) -> str:
    """The short name for users: `prosumer` for `ROLE_PROSUMER`."""
    return value.name.removeprefix(_get_enum_prefix(value.type)).lower().replace("_", "-")


def get_first_sentence(comment: str) -> str:
    """The text up to the end of its first sentence."""
    return re.split(r"(?<=\.)\s", comment, maxsplit=1)[0]


def to_kebab_case(name: str) -> str:
    """`place-order` for `PlaceOrder` and `place_order`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower().replace("_", "-")


@cache
def _load_sources() -> tuple[FileDescriptorProto, ...]:
    """Our files and the Cosmos subset, from the descriptor set."""
    data = resources.files("blockenergy").joinpath("descriptors.bin").read_bytes()
    return tuple(
        file
        for file in FileDescriptorSet.FromString(data).file
        if file.package.startswith(("blockenergy.", "cosmos.", "ibc."))
    )


@cache
def _load_comments() -> dict[str, str]:
    comments = {}
    for source in _load_sources():
        names = dict(_list_names(source))
        for location in source.source_code_info.location:
            if location.leading_comments and tuple(location.path) in names:
                text = " ".join(location.leading_comments.split())
                comments[names[tuple(location.path)]] = text
    return comments


def _list_names(source: FileDescriptorProto) -> Iterator[tuple[_Path, str]]:
    """Paths and full names of everything in a file that can have a comment."""
    package = source.package
    for index, message in enumerate(source.message_type):
        yield from _list_message_names(message, (_FILE_MESSAGE, index), package)
    for index, enum in enumerate(source.enum_type):
        yield from _list_enum_names(enum, (_FILE_ENUM, index), package)
    for index, service in enumerate(source.service):
        path, name = (_FILE_SERVICE, index), f"{package}.{service.name}"
        yield path, name
        for number, method in enumerate(service.method):
            yield (*path, _SERVICE_METHOD, number), f"{name}.{method.name}"


def _list_message_names(
    message: DescriptorProto, path: _Path, scope: str
) -> Iterator[tuple[_Path, str]]:
    name = f"{scope}.{message.name}"
    yield path, name
    for index, field in enumerate(message.field):
        yield (*path, _MESSAGE_FIELD, index), f"{name}.{field.name}"
    for index, nested in enumerate(message.nested_type):
        yield from _list_message_names(nested, (*path, _MESSAGE_NESTED, index), name)
    for index, enum in enumerate(message.enum_type):
        yield from _list_enum_names(enum, (*path, _MESSAGE_ENUM, index), name)


def _list_enum_names(
    enum: EnumDescriptorProto, path: _Path, scope: str
) -> Iterator[tuple[_Path, str]]:
    name = f"{scope}.{enum.name}"
    yield path, name
    for index, value in enumerate(enum.value):
        yield (*path, _ENUM_VALUE, index), f"{name}.{value.name}"


def _get_enum_prefix(enum: EnumDescriptor) -> str:
    """The common prefix of all value names, up to its last underscore."""
    names = [value.name for value in enum.values]
    common = names[0] if len(names) == 1 else _get_common_beginning(names)
    return common[: common.rfind("_") + 1]


def _get_common_beginning(names: list[str]) -> str:
    first, last = min(names), max(names)
    length = next(
        (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other),
        len(first),
    )
    return first[:length]
