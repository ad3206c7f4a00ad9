"""JSON documents that are nearly right: changed in their structure, or in their text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

_NUMBERS = (
    "0", "1", "-1", "00", "1.0", "1e3", "", " 1", "²", "٣", "999999999999", "9223372036854775807",
    "9223372036854775808", "18446744073709551615", "18446744073709551616", "9" * 400,
    "9" * 5_000,
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 77, 1.5, 1e400, float("nan"), 2**31, 2**32, 2**63, 2**64, 10**400,
    "", "0", "x", "\x00", "é", "\ud800", "a" * 65, "a" * 256, "a" * 5_000, "energy1", "AAAA",
    "====", "STATUS_ACTIVE", "ROLE_UNSPECIFIED", [], {}, [[]], [{}], {"": {}},
    {"key": "", "value": {}},
)  # fmt: skip
_LITERALS = (
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0", b"1" * 5_000, b"0x10", b"tru", b'"\\ud800"',
    b'"\\ud83d\\ude00"', b'"\xff"', b"[" * 2_000, b"[" * 900 + b"]" * 900,
    b'{"a":' * 500 + b"1" + b"}" * 500, b"//", b"'a'", b"", b"null", b"{}", b"[]", b'{"a":1,"a":2}',
)  # fmt: skip
_ENCODINGS = ("utf-16", "utf-32", "utf-8-sig", "utf-16-le")


class Values:
    """What stands in good documents under each name, to be put in other places of that name."""

    def __init__(self, documents: Sequence[Any]) -> None:
        self._by_name: dict[str, list[Any]] = {}
        self._all: list[Any] = []
        for document in documents:
            self._learn("", document)

    def choose(self, name: str, random: Random) -> Any:
        """A value that stood under this name, or any other."""
        known = self._by_name.get(name)
        if known and random.random() < 0.7:
            return random.choice(known)
        return random.choice(self._all)

    def _learn(self, name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                self._learn(key, item)
        elif isinstance(value, list):
            for item in value:
                self._learn(name, item)
        else:
            known = self._by_name.setdefault(name, [])
            if value not in known:
                known.append(value)
                self._all.append(value)


def change(document: Any, values: Values, random: Random, name: str = "") -> Any:
    """A copy with one thing changed; what is not changed is shared with the original."""
    stop = 0.03 if name == "" else 0.12
    if isinstance(document, dict) and document:
        if random.random() < stop:
            return _change_object(document, values, random)
        key = random.choice(list(document))
        return {**document, key: change(document[key], values, random, key)}
    if isinstance(document, list) and document:
        if random.random() < 2 * stop:
            return _change_list(document, random)
        place = random.randrange(len(document))
        changed = list(document)
        changed[place] = change(document[place], values, random, name)
        return changed
    return _change_value(document, values, random, name)


def change_text(text: bytes, random: Random) -> bytes:
    """The text of a document with something changed that JSON itself has to notice."""
    kind = random.randrange(7)
    place = random.randrange(len(text))
    if kind == 0:
        return text[:place]
    if kind == 1:
        return text[:place] + random.randbytes(random.randrange(1, 5)) + text[place + 1 :]
    if kind == 2:
        return text.decode().encode(random.choice(_ENCODINGS))
    if kind == 3:
        return random.choice(_LITERALS)
    if kind == 4:
        # In place of a value: behind a colon, up to what ends the value.
        start = text.find(b": ", place) + 2
        ends = [end for mark in (b",", b"}", b"]") if (end := text.find(mark, start)) > 0]
        return text[:start] + random.choice(_LITERALS) + text[min(ends, default=len(text)) :]
    if kind == 5:
        # A name twice.
        start = text.find(b'"', place)
        end = text.find(b",", start)
        return text[:end] + b", " + text[start:end] + text[end:] if 0 < start < end else text + text
    return text[:place] + random.choice((b"\x00", b",", b"}", b"]", b'"', b"\\")) + text[place:]


def to_text(document: Any) -> bytes:
    """The document as a file has it."""
    return json.dumps(document).encode()


def _change_object(document: dict[str, Any], values: Values, random: Random) -> Any:
    key = random.choice(list(document))
    kind = random.randrange(5)
    changed = dict(document)
    if kind == 0:
        del changed[key]
    elif kind == 1:
        changed[random.choice(("x", "", "Params", "\ud800", "a" * 5_000, key.upper()))] = {}
    elif kind == 2:
        changed[random.choice(list(document))] = document[key]
    elif kind == 3:
        changed[key] = random.choice(_VALUES)
    else:
        return random.choice(_VALUES)
    return changed


def _change_list(document: list[Any], random: Random) -> Any:
    kind = random.randrange(6)
    place = random.randrange(len(document))
    if kind == 0:
        return document[:place] + document[place + 1 :]
    if kind == 1:
        return [*document, document[place]]
    if kind == 2:
        return random.sample(document, len(document))
    if kind == 3:
        return []
    if kind == 4:
        return [*document[:place], random.choice(_VALUES), *document[place + 1 :]]
    return random.choice(_VALUES)


def _change_value(value: Any, values: Values, random: Random, name: str) -> Any:
    kind = random.randrange(10)
    if kind < 4:
        other = values.choose(name, random)
        return other if other != value else values.choose("", random)
    if isinstance(value, str) and value.isdecimal() and len(value) < 100 and kind < 8:
        near = str(max(0, int(value) + random.choice((-1, 1, -7, 1000))))
        return random.choice((near, near, str(int(value) * 2), random.choice(_NUMBERS)))
    if isinstance(value, int) and kind < 8:
        return random.choice((value + 1, value - 1, value * 2, 1, 2**31, 2**32 - 1, str(value)))
    if isinstance(value, str) and value and kind == 8:
        place = random.randrange(len(value))
        return value[:place] + random.choice("q0Z.\u00e9") + value[place + 1 :]
    return random.choice(_VALUES)
