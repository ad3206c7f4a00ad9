"""The text of a genesis document: whatever is wrong with it, GenesisError says so in a sentence."""

from __future__ import annotations

import json

import pytest
from tendermint.abci import types_pb2 as abci

from abci_app.genesis import load_genesis
from abci_app.protocol.dispatch import EXCEPTION_CHARACTERS_MAX, make_exception_reply
from abci_app.protocol.framing import FrameReader
from chain import app
from chain.runtime.state.collections import GenesisError
from tests.support import documents

STREET = documents.expand(documents.complete(documents.street()))
TEXT = json.dumps(STREET)


def rejection(text: bytes) -> str:
    with pytest.raises(GenesisError) as caught:
        load_genesis(text)
    message = str(caught.value)
    assert 0 < len(message) < 600
    return message


def test_the_street_is_taken_as_it_is() -> None:
    assert load_genesis(TEXT.encode()) == app.init_chain(STREET)


def test_a_character_beyond_16_bits_may_be_written_as_two_escapes() -> None:
    # A symbol with the sign of an electric plug, as json.dumps writes it.
    text = TEXT.replace('"symbol": "EUR"', '"symbol": "\\ud83d\\udd0c"')
    assert text != TEXT
    assert any(
        "\U0001f50c".encode() in (value or b"") for value in load_genesis(text.encode()).values()
    )


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"\xff",
        TEXT.encode("utf-16"),
        b"[" * 100_000,
        b"1" * 5_000,
        b'"\\ud83d"',
        TEXT.replace('"EUR"', '"\\udc00"').encode(),
        TEXT.replace('"symbol"', '"\\udc00"').encode(),
        TEXT.replace('"EUR"', '"\xff"').encode("latin-1"),
    ],
    ids=range(9),
)
def test_what_is_no_json_is_rejected(text: bytes) -> None:
    assert rejection(text).startswith("app_state is n")


def test_nothing_is_a_document_without_modules() -> None:
    assert rejection(b"") == rejection(b"{}") == "app_state.upgrade is missing"


@pytest.mark.parametrize("literal", ["Infinity", "-Infinity", "NaN", "1e999"])
def test_an_enum_is_no_float(literal: str) -> None:
    text = TEXT.replace('"STATUS_ACTIVE"', literal, 1)
    assert rejection(text.encode()).startswith("registry.participants: entry 0")


def test_an_exception_is_told_whatever_its_text_quotes() -> None:
    text = "half of a character \ud83d " + "x" * 10_000
    (frame,) = FrameReader(1 << 20).feed(make_exception_reply(text))
    error = abci.Response.FromString(frame).exception.error
    assert error.startswith("half of a character \\ud83d x")
    assert len(error) < EXCEPTION_CHARACTERS_MAX + 10
