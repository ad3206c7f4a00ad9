"""What is printed and logged: nothing in it is hidden, and no encoding ends a program."""

import json
import logging
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import text_output

ROOT = Path(__file__).resolve().parents[2]
# What turns the direction of writing, moves the cursor, or is not seen.
TRICKS = "\x00\x07\x1b\x7f\x85\x9b\u061c\u200b\u200d\u200e\u202e\u2066\u2069\ufeff\u3164\U000e0041"
ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.text(st.sampled_from(TRICKS + "a\n"))


@given(ANY_TEXT)
def test_only_what_is_seen_is_left(text: str) -> None:
    shown = text_output.escape(text)
    assert not set(shown) & set(TRICKS + "\n")
    for one in shown:
        assert unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    if text.isascii() and text.isprintable():
        assert shown == text


def test_letters_of_every_script_are_left_as_they_are() -> None:
    for text in ("Grüße", "日本語", "здравствуйте", "€ ½ →", "שלום"):
        assert text_output.escape(text) == text


def test_each_trick_is_shown_by_its_number() -> None:
    assert text_output.escape("a\u202eb\x1b[2J\n") == r"a\u202eb\x1b[2J\n"
    assert text_output.escape_lines("a\u202e\nb\r") == "a\\u202e\nb\\r"


@given(st.recursive(ANY_TEXT | st.integers(), lambda inner: st.dictionaries(ANY_TEXT, inner)))
def test_json_is_safe_to_look_at_and_means_the_same(content: object) -> None:
    text = text_output.to_json({"content": content})
    assert json.loads(text) == {"content": content}
    assert not set(text) & set(TRICKS)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
def test_every_encoding_of_a_terminal_can_be_printed_to(encoding: str) -> None:
    code = (
        "import logging, text_output\n"
        "text_output.say('Stopping … → Gr\\u00fc\\u00dfe \\u65e5 \\udcff')\n"
        "text_output.complain('two\\nlines …')\n"
        "handler = text_output.make_log_handler(text_output.LogFormatter('%(message)s'))\n"
        "logging.basicConfig(handlers=[handler])\n"
        "logging.warning('log … \\x1b[2J \\u65e5')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    output, errors = done.stdout.decode(encoding), done.stderr.decode(encoding)
    wide = encoding == "utf-8"
    umlauts = "Gr\\xfc\\xdfe" if encoding == "ascii" else "Grüße"
    assert output == (
        f"Stopping … → {umlauts} 日 \\udcff\n"
        if wide
        else f"Stopping ... -> {umlauts} \\u65e5 \\udcff\n"
    )
    first, second = errors.splitlines()
    assert first == ("two\\nlines …" if wide else "two\\nlines ...")
    assert second == ("log … \\x1b[2J 日" if wide else "log ... \\x1b[2J \\u65e5")


def test_a_log_message_cannot_pretend_to_be_two() -> None:
    formatter = text_output.LogFormatter("%(levelname)s %(message)s")
    record = logging.LogRecord("x", logging.INFO, "", 0, "from %s", ("a\nERROR b\u202e",), None)
    assert formatter.format(record) == "INFO from a\\nERROR b\\u202e"


def test_a_trace_keeps_its_lines_and_nothing_else() -> None:
    formatter = text_output.LogFormatter("%(message)s")
    try:
        raise ValueError("bad\x1b[2J")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    lines = formatter.format(record).splitlines()
    assert lines[0] == "failed"
    assert lines[-1] == "ValueError: bad\\x1b[2J"


def test_width_of_a_text_counts_columns() -> None:
    assert [text_output.measure(text) for text in ("abc", "日本", "e\u0301")] == [3, 4, 1]


def test_the_width_is_given_or_that_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert text_output.get_width() == 40
    monkeypatch.delenv("COLUMNS")
    # The output of a test is not a terminal.
    assert text_output.get_width() is None
