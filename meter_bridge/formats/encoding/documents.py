"""JSON and XML of meters and head-ends: numbers as decimals, nesting limited, no doctype."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn
from xml.parsers import expat

from meter_bridge.formats.telegram import (
    DOCUMENT_BYTES_MAX,
    Quantity,
    TelegramError,
    decode_text,
    parse_amount,
    require_bytes,
)

DEPTH_MAX = 32
ELEMENTS_MAX = 500_000
# Longer numbers are no measurement.
NUMBER_CHARACTERS_MAX = 32


def read_json(raw: bytes) -> Any:
    """A JSON document, whose numbers are decimals and whose names come once.

    Errors: TelegramError.
    """
    require_bytes(raw, DOCUMENT_BYTES_MAX)
    try:
        return json.loads(
            decode_text(raw),
            parse_float=_parse_number,
            parse_int=_parse_number,
            parse_constant=_reject_constant,
            object_pairs_hook=_require_names_once,
        )
    except (ValueError, RecursionError) as error:
        raise TelegramError("The telegram is not JSON, or is nested too deeply.") from error


def _parse_number(text: str) -> Decimal:
    number = Decimal(text) if len(text) <= NUMBER_CHARACTERS_MAX else Decimal("NaN")
    if not number.is_finite() or number.adjusted() > 18 or number.as_tuple().exponent < -18:  # type: ignore[operator]
        raise TelegramError(f"The telegram has the number {text[:40]}, which no meter measures.")
    return number


def _reject_constant(text: str) -> NoReturn:
    raise TelegramError(f"The telegram has {text} instead of a number.")


def _require_names_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise TelegramError("The telegram has a name twice in one object.")
    return found


def get_object(document: Any, name: str) -> dict[str, Any]:
    """An object in an object; errors: TelegramError."""
    found = document.get(name) if isinstance(document, dict) else None
    if not isinstance(found, dict):
        raise TelegramError(f"The telegram has no object {name}.")
    return found


def get_list(document: Any, name: str) -> list[Any]:
    """A list in an object; errors: TelegramError."""
    found = document.get(name) if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise TelegramError(f"The telegram has no list {name}.")
    return found


def get_number(document: Any, name: str) -> Decimal:
    """A number in an object; errors: TelegramError."""
    found = document.get(name) if isinstance(document, dict) else None
    if not isinstance(found, Decimal):
        raise TelegramError(f"The telegram has no number {name}.")
    return found


def get_text(document: Any, name: str) -> str:
    """A text in an object; empty if there is none."""
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, str) else ""


def require_whole(number: Decimal, name: str) -> int:
    """A number that has no decimals, such as a time; errors: TelegramError."""
    if number != number.to_integral_value() or not 0 <= number < 1 << 40:
        raise TelegramError(f"The telegram's {name} is {number}, not a whole number.")
    return int(number)


@dataclass
class Element:
    """An XML element, by its name without namespace."""

    name: str
    namespace: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def find(self, *path: str) -> Element | None:
        """The first element at a path of names."""
        found: Element | None = self
        for name in path:
            assert found is not None
            found = next((child for child in found.children if child.name == name), None)
            if found is None:
                return None
        return found

    def walk(self) -> Iterator[Element]:
        """The element and all below it, in the order of the document."""
        stack = [self]
        while stack:
            element = stack.pop()
            yield element
            stack.extend(reversed(element.children))

    def get_int(self, *path: str) -> int | None:
        """The whole number at a path; None if there is none. Errors: TelegramError."""
        found = self.find(*path)
        if found is None:
            return None
        number = parse_amount(found.text.strip())
        if number != number.to_integral_value():
            raise TelegramError(f"The telegram's {found.name} is {number}, not a whole number.")
        return int(number)


def read_xml(raw: bytes) -> Element:
    """An XML document without doctype and entities.

    Errors: TelegramError.
    """
    require_bytes(raw, DOCUMENT_BYTES_MAX)
    builder = _Builder()
    parser = expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.add
    parser.StartDoctypeDeclHandler = builder.reject_doctype
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise TelegramError("The telegram is not well-formed XML in UTF-8.") from error
    assert builder.root is not None
    return builder.root


class _Builder:
    """Makes elements of what the parser reports."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, name = tag.rpartition(" ")
        element = Element(name, namespace, attributes)
        self._count += 1
        if len(self._open) >= DEPTH_MAX or self._count > ELEMENTS_MAX:
            raise TelegramError(
                "The telegram's XML is nested too deeply, or has too many elements."
            )
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _: str) -> None:
        self._open.pop()

    def add(self, text: str) -> None:
        self._open[-1].text += text

    def reject_doctype(self, *_: object) -> None:
        raise TelegramError("The telegram's XML has a document type, which no meter needs.")


# Units of IEEE 2030.5 and of Green Button.
UOM = {5: "A", 29: "V", 33: "Hz", 38: "W", 61: "VA", 63: "var", 71: "VAh", 72: "Wh", 73: "varh"}
FORWARD, NET, REVERSE = 1, 4, 19


@dataclass(frozen=True)
class ReadingType:
    """What a value of IEEE 2030.5 or Green Button means."""

    unit: str
    exponent: int
    is_export: bool
    # Behaviour 9 is a register, 4 the difference from the value before.
    accumulation: int
    # Import less export: a value below zero is export.
    is_net: bool = False


def read_reading_type(element: Element | None) -> ReadingType:
    """The meaning of values; errors: TelegramError."""
    if element is None:
        return ReadingType("", 0, False, 0)
    exponent = element.get_int("powerOfTenMultiplier") or 0
    direction = element.get_int("flowDirection")
    if abs(exponent) > 9:
        raise TelegramError(f"The telegram's powerOfTenMultiplier is {exponent}.")
    return ReadingType(
        UOM.get(element.get_int("uom") or 0, ""),
        exponent,
        direction == REVERSE,
        element.get_int("accumulationBehaviour") or 0,
        direction == NET,
    )


def make_quantity(value: int, meaning: ReadingType) -> Quantity:
    """A value with its unit."""
    return Quantity(Decimal(value).scaleb(meaning.exponent), meaning.unit)
