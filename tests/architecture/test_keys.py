"""No module makes the bytes of a key by hand: collections take keys, and ranges of keys."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.source import SourceFile, list_source, write_source

MODULES = [
    file
    for file in list_source("chain")
    # chain.light has no collections; the prefixes that it reads are those of proofs.
    if file.module.count(".") > 1 and not file.module.startswith(("chain.runtime.", "chain.light."))
]
# Methods of a key codec, and what of a collection is bytes.
HIDDEN = {"encode_part", "decode_part", "prefix"}


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.module)
def test_a_module_makes_no_bytes_of_keys(file: SourceFile) -> None:
    wrong = [f"{file.at(line)}: makes or reads the bytes of a key" for line in find_bytes(file)]
    assert not wrong, "\n".join(wrong)


def find_bytes(file: SourceFile) -> Iterator[int]:
    """Lines that use codecs of keys other than to declare a collection."""
    codecs = {one.name for one in file.imports() if one.module == "chain.runtime.encoding.keys"}
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.Attribute):
            continue
        owner = node.value
        of_codec = isinstance(owner, ast.Name) and owner.id in codecs
        of_collection = isinstance(owner, ast.Attribute) and owner.attr == "key"
        if node.attr in HIDDEN or of_codec or (of_collection and node.attr in ("encode", "decode")):
            yield node.lineno


@pytest.mark.parametrize(
    "line",
    [
        "from chain.runtime.encoding.keys import U64\nU64.encode(5)",
        "TEXTS.encode_part('a')",
        "SLOTS.key.encode(5)",
        "SLOTS.key.decode(b'')",
        "INDEX.prefix + owner",
    ],
)
def test_such_lines_are_found(tmp_path: Path, line: str) -> None:
    with pytest.raises(AssertionError, match="bytes of a key"):
        test_a_module_makes_no_bytes_of_keys(write_source(tmp_path, "chain.bank.written", line))
