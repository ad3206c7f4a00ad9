"""An option of the command line for each field of a message, with help from the definitions."""

from __future__ import annotations

import argparse

from blockenergy.options.v1 import options_pb2 as options
from cosmos.base.query.v1beta1.pagination_pb2 import PageRequest
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf import message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from client import units
from client.cli.display import get_plain_name
from client.cli.values import COIN_EXAMPLE, Lookups, is_number, set_field
from client.definitions import (
    get_comment,
    get_enum_values,
    get_fields,
    get_message_type,
    get_short_name,
    get_signer,
    get_unit,
    is_of_type,
    may_be_left_out,
    to_kebab_case,
)
from client.errors import UsageError

_PAGE_FIELD = "pagination"
# What sending a message has options for already.
_OF_SENDING = {"memo"}
_METAVARS: dict[int, str] = {
    options.UNIT_WH: "ENERGY",
    options.UNIT_W: "POWER",
    options.UNIT_MONEY: "MONEY",
    options.UNIT_PRICE: "PRICE",
    options.UNIT_SLOT: "SLOT",
    options.UNIT_S: "DURATION",
    options.UNIT_TIME_S: "TIME",
    options.UNIT_ADDRESS: "ADDRESS",
    options.UNIT_PERMILLE: "SHARE",
}


class _Once(argparse.Action):
    """An option that can be given once; of two, one would be dropped without a word."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            raise argparse.ArgumentError(self, "give it once; a list is separated by commas")
        setattr(namespace, self.dest, values)


def add_options(parser: argparse.ArgumentParser, message: Descriptor, *, required: bool) -> None:
    """Adds the options of a message; none for the signer, which comes from --from."""
    for name, field in list_options(message).items():
        help_text = describe(field).replace("%", "%%")
        if field.type == FieldDescriptor.TYPE_BOOL:
            parser.add_argument(name, dest=field.full_name, action="store_true", help=help_text)
        else:
            parser.add_argument(
                name,
                dest=field.full_name,
                action=_Once,
                metavar=_get_metavar(field),
                required=required and not may_be_left_out(field),
                help=help_text,
            )


def build_message(message: Descriptor, args: argparse.Namespace, lookups: Lookups) -> Message:
    """The message built from the options; raises UsageError with the option's name."""
    built = message_factory.GetMessageClass(message)()
    for name, field in list_options(message).items():
        given = getattr(args, field.full_name)
        if given is None or given is False:
            continue
        target = getattr(built, _PAGE_FIELD) if _is_of_page(field) else built
        if given is True:
            setattr(target, field.name, True)
            continue
        try:
            set_field(target, field, given, lookups)
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from None
    return built


def list_options(message: Descriptor) -> dict[str, FieldDescriptor]:
    """Options and the fields they set; `--page-limit` and others set those of the page request."""
    listed: dict[str, FieldDescriptor] = {}
    for field in get_fields(message).values():
        if field.name == _PAGE_FIELD and is_of_type(field, PageRequest):
            for inner in get_fields(get_message_type(field)).values():
                listed[f"--page-{to_kebab_case(inner.name)}"] = inner
        elif field.name in _OF_SENDING:
            listed[f"--message-{to_kebab_case(field.name)}"] = field
        elif field.name != get_signer(message):
            listed[f"--{to_kebab_case(get_plain_name(field))}"] = field
    return listed


def describe(field: FieldDescriptor) -> str:
    """The field's comment, and the syntax of its value."""
    form = _describe_form(field)
    return " ".join(part for part in (get_comment(field.full_name), form and f"({form})") if part)


def _describe_form(field: FieldDescriptor) -> str:
    if field.enum_type is not None:
        names = ", ".join(get_short_name(value) for value in get_enum_values(field))
        return f"one or more of {names}, separated by commas" if field.is_repeated else names
    if is_of_type(field, Coin):
        return COIN_EXAMPLE
    if is_of_type(field, AnyMessage):
        return 'JSON with its "@type", or @FILE'
    if field.message_type is not None:
        form = f"{get_message_type(field).name} as JSON, or @FILE"
        return f"a list of {form}" if field.is_repeated else form
    if field.type == FieldDescriptor.TYPE_BYTES:
        return "base64, or hex after 0x"
    example = units.get_example(get_unit(field))
    several = "several are separated by commas" if field.is_repeated else ""
    return "; ".join(part for part in (example, several) if part)


def _get_metavar(field: FieldDescriptor) -> str:
    unit = get_unit(field)
    if unit in _METAVARS:
        return _METAVARS[unit]
    if field.message_type is not None:
        return "COIN" if is_of_type(field, Coin) else "JSON"
    if field.enum_type is not None:
        return field.enum_type.name.upper()
    if field.type == FieldDescriptor.TYPE_BYTES:
        return "BYTES"
    return "NUMBER" if is_number(field) else "TEXT"


def _is_of_page(field: FieldDescriptor) -> bool:
    owner = field.containing_type
    return owner is not None and owner.full_name == PageRequest.DESCRIPTOR.full_name
