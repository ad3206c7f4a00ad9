"""Files that users name: read to their limit and no further, and rejected with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from client.errors import ClientError, MissingError, UsageError
from client.files.bounded import read_bytes, read_text


def test_a_file_is_read_up_to_its_limit_and_without_the_mark_of_an_editor(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    file.write_bytes(b"\xef\xbb\xbfowner")
    assert read_text(file, 8) == "owner"
    with pytest.raises(UsageError, match="more than 7 bytes"):
        read_text(file, 7)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("/dev/zero", UsageError, "more than 1000 bytes"),
        ("/", MissingError, "cannot be read"),
        ("/no such file", MissingError, "cannot be read"),
    ],
)
def test_what_is_no_file_is_rejected_with_a_sentence(
    name: str, error: type[ClientError], words: str
) -> None:
    with pytest.raises(error, match=words):
        read_bytes(Path(name), 1000)


def test_what_is_not_text_is_rejected(tmp_path: Path) -> None:
    file = tmp_path / "picture"
    file.write_bytes(b"\x89PNG\xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_text(file, 1000)
