"""Telegrams of every format: one target each, which reads bytes that are nearly right.

Half of the inputs are changed before their checksum is made or their key is used, so that they
come as far as the data. What is rejected has one sentence; what is read is bounded, and the same
when it is read again, on its own and as part of a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import Random

from blockenergy.bridge.v1.bridge_pb2 import TelegramFormat

from meter_bridge.formats import FORMATS, find_format, read_telegram
from meter_bridge.formats.telegram import (
    METER_ID,
    REGISTER_WH_MAX,
    Content,
    Context,
    TelegramError,
)
from tests.fuzz.target import ACCEPTED, LOG_CHARACTERS_MAX, Target, require
from tests.support.others.meter_telegrams import SECRETS, Shown
from tests.support.others.telegram_writers import WRITERS

CONTEXT = Context(secrets=SECRETS)
CHANGES_MAX = 4
NUMBERS = (0, 1, 999, 1 << 31, (1 << 32) - 1)
# What stands in telegrams with a meaning, to be put where it does not belong.
TOKENS = (
    b"(", b")", b"*kWh", b"!", b"/", b"\r\n", b"\x02", b"\x03", b"\x1b" * 4, b"\x1b" * 8,
    b"\x7e", b"\xff" * 9,
    b"\x7e\xa0\x07", b"\x68", b"\x0f", b"\xe0\x80\x00\x01\x00\x00", b"\x01\xff", b"\x09\x0c",
    b"\x77",
    b"\x02\x84\xff\xff\xff\xff", b"\x02\x02\x0f\x7f\x16\x1e", b"\x7f\xff", b"\xf0\x00\x00", b"\x00",
    b"\x0d\x78", b"\x84" * 12, b"\x2f\x2f", b"{", b"}", b"[", b"]" * 3, b'"', b"\\u0000",
    b"1e999", b"-1", b"9" * 40, b"NaN", b"null", b"true", b"<", b"</x>", b"&amp;", b"&#0;",
    b"<!DOCTYPE a [", b"<![CDATA[", b",", b"\n", b"KWHREG", b"99999999", b"|", b"1-0:1.8.0",
    b"1-0:1.8.9", "\u00e9\u0663".encode(), b"\xff", b"Kamstrup_V0001", b"KFM_001", b"LGZ",
)  # fmt: skip
# What may stand in a text as a word, so that its structure stays.
WORDS = (
    b"0", b"-0", b"-1", b"1.5", b"1e3", b"1e999", b"NaN", b"Infinity", b"null", b"true", b"{}",
    b"[]", b"00", b"+1", b"", b"9" * 20, b"9" * 400, b"-" + b"9" * 30, b"0." + b"1" * 40,
    b"4294967296", b"9223372036854775807", b"9223372036854775808", b"19", b"255", b"KWHREG", b"CF",
    b"Wh", b"MWh", b"kWh", b"var", b"a" * 70, "\u00e9".encode(), "\u0663".encode(), b"x",
    b"&lt;", b"powerOfTenMultiplier", b"accumulationBehaviour", b"2026-10-25 02:30", b"1-0:1.8.1",
)  # fmt: skip
WORD = re.compile(rb"[A-Za-z0-9_.:+-]+")


def change(content: bytes, random: Random) -> bytes:
    """The content with a few places changed."""
    changed = bytearray(content)
    for _ in range(random.randint(1, CHANGES_MAX)):
        at = random.randrange(len(changed) + 1)
        match random.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << random.randrange(8)
            case 1:
                changed[at:at] = random.choice(TOKENS)
            case 2:
                changed[at : at + random.randint(1, 16)] = b""
            case 3:
                token = random.choice(TOKENS)
                changed[at : at + len(token)] = token
            case 4:
                start = random.randrange(len(changed) + 1)
                changed[at:at] = changed[start : start + random.randint(1, 64)]
            case _ if at < len(changed):
                changed[at] = random.randrange(256)
    return bytes(changed)


def change_words(content: bytes, random: Random) -> bytes:
    """The text with a few words replaced, by each other or by odd ones."""
    for _ in range(random.randint(1, CHANGES_MAX)):
        words = list(WORD.finditer(content))
        if not words:
            break
        word, other = random.choice(words), random.choice(words)[0]
        if random.random() < 0.7:
            other = random.choice(WORDS)
        content = content[: word.start()] + other + content[word.end() :]
    return content


def judge(contents: list[Content]) -> None:
    """That what was read can be used."""
    require(contents, "read, but says nothing")
    for content in contents:
        require(not content.meter_id or METER_ID.fullmatch(content.meter_id), "no meter id")
        for register in (content.import_register_wh, content.export_register_wh):
            require(register is None or 0 <= register <= REGISTER_WH_MAX, "an impossible register")
        for code, quantity in content.values.items():
            require(quantity.amount.is_finite(), f"{code} is {quantity.amount}")
            require(len(f"{quantity.amount:f}") < 64, f"{code} has too many digits")


class Telegrams:
    """What is common to the targets of all formats."""

    name = ""
    batch = 20_000
    format: TelegramFormat
    write: Callable[..., bytes]
    is_text = False

    def begin(self) -> None:
        """There is no state."""

    def make(self, random: Random) -> bytes:
        shown = Shown(
            1_800_014_400 + 900 * random.randrange(40_000),
            random.choice((*NUMBERS, random.randrange(1 << 31))),
            random.choice((*NUMBERS, random.randrange(1 << 31))),
            random.randrange(10**8),
        )
        write = type(self).write
        choice = random.randrange(16)
        if choice == 0:
            return write(shown)
        alter = change_words if self.is_text and choice % 2 else change
        if choice < 9:
            return write(shown, lambda content: alter(content, random))
        return alter(write(shown), random)

    def check(self, data: bytes) -> str:
        found = find_format(data)
        if found is not None and found[0] != self.format:
            # Whatever it is taken for, it is judged.
            self._read(*found)
        outcome = self._read(self.format, data)
        for part in FORMATS[self.format].split(data):
            if part != data:
                self._read(self.format, part)
        return outcome

    def _read(self, format_id: TelegramFormat, data: bytes) -> str:
        try:
            contents = read_telegram(format_id, data, CONTEXT)
        except TelegramError as error:
            sentence = str(error)
            require(sentence.endswith("."), f"no sentence: {sentence[:200]}")
            require(len(sentence) <= LOG_CHARACTERS_MAX, f"{len(sentence)} characters")
            return "rejected " + re.sub(r"[^a-zA-Z' ]+", "#", sentence)[:45]
        judge(contents)
        require(contents == read_telegram(format_id, data, CONTEXT), "read differently again")
        return ACCEPTED

    def end(self) -> None:
        """Nothing is left behind."""

    def close(self) -> None:
        """Nothing is open."""


def make_target(name: str) -> Callable[[], Target]:
    """The target of one format."""
    format_id, write = WRITERS[name]
    parts = {
        "name": f"telegrams-{name}", "format": format_id, "write": staticmethod(write),
        "is_text": write(Shown()).isascii(),
    }  # fmt: skip
    return type(f"Telegrams{name}", (Telegrams,), parts)


TELEGRAMS: Mapping[str, Callable[[], Target]] = {
    f"telegrams-{name}": make_target(name) for name in WRITERS
}
