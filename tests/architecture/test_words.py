"""One word, one meaning: docs/glossary.md is in order, and words it has replaced stay away."""

from __future__ import annotations

import re

import pytest

from tests.support.source import ROOT

PAGE = (ROOT / "docs" / "glossary.md").read_text()
IN_USE, NOT_USED = PAGE.split("## Not used")
# Two meanings in one entry: "of a line: ...; of a battery: ...", or "...; also ...".
SECOND_MEANING = re.compile(r"; (also\b|of (a|an|the) [^;:]*:)")
FOLDERS = (
    *(
        "abci_app",
        "agents",
        "bench",
        "chain",
        "client",
        "dashboard",
        "docs",
        "gateway",
        "grpc_calls",
    ),
    *("meter_bridge", "node_config", "proto"),
)
ENDINGS = {".py", ".md", ".proto", ".go", ".c", ".toml"}
GENERATED = ROOT / "proto" / "gen"


def rows(text: str) -> list[tuple[str, str]]:
    found = re.findall(r"^\| (.+?) \| (.+) \|$", text, re.MULTILINE)
    return [(word, meaning) for word, meaning in found if "---" not in word][1:]


def texts() -> dict[str, str]:
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*"))]
    kept = [p for p in paths if p.suffix in ENDINGS and GENERATED not in p.parents]
    kept += [ROOT / "README.md", ROOT / "Makefile"]
    return {
        str(path.relative_to(ROOT)): path.read_text() for path in kept if path.name != "glossary.md"
    }


TEXTS = texts()


def test_every_word_stands_once_and_in_order() -> None:
    words = [word for word, _ in rows(IN_USE)]
    assert len(words) > 80
    assert words == sorted(set(words))


def test_every_word_has_one_meaning() -> None:
    double = [word for word, meaning in rows(IN_USE) if SECOND_MEANING.search(meaning)]
    assert not double, "give each meaning a word of its own: " + ", ".join(double)


def test_a_second_meaning_is_found() -> None:
    assert SECOND_MEANING.search("of a line: the power; of a battery: the energy")
    assert SECOND_MEANING.search("the sums of a slot; also what became of a reading")


@pytest.mark.parametrize(("word", "instead"), rows(NOT_USED))
def test_a_replaced_word_stays_away(word: str, instead: str) -> None:
    pattern = re.compile(rf"\b{word.replace(' ', '[ _]')}s?\b", re.IGNORECASE)
    found = [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in TEXTS.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f"say {instead}:\n" + "\n".join(found)
