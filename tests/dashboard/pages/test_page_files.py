"""The files of the pages: small, complete in each language, and nothing in them from elsewhere."""

from __future__ import annotations

import json
import re

import pytest
from built import DIST, PAGES, needs_pages

from client.catalog import get_errors
from dashboard.web.files import Files

SOURCE = PAGES / "src"
LANGUAGES = ("en", "de")
FIRST_BYTES_MAX = 90_000
ALL_BYTES_MAX = 200_000
SOURCE_LINES_MAX = 4_750


def read_texts(language: str) -> dict[str, str]:
    texts: dict[str, str] = json.loads((SOURCE / "text" / f"{language}.json").read_text())
    return texts


def read_source() -> dict[str, str]:
    return {
        path.relative_to(SOURCE).as_posix(): path.read_text()
        for path in sorted(SOURCE.rglob("*.ts*"))
        if "gen" not in path.parts
    }


def test_every_language_has_every_text_with_the_same_values() -> None:
    english = read_texts("en")
    for language in LANGUAGES:
        texts = read_texts(language)
        assert list(texts) == sorted(english), language
        for key, text in texts.items():
            values = set(re.findall(r"\{(\w+)\}", text))
            assert values == set(re.findall(r"\{(\w+)\}", english[key])), (language, key)


def test_the_sentences_of_the_server_and_the_market_are_in_every_language() -> None:
    """English is what both say themselves."""
    known = get_errors()
    for language in set(LANGUAGES) - {"en"}:
        texts = json.loads((SOURCE / "text" / f"refusals.{language}.json").read_text())
        keys = {(space, int(code)) for space, _, code in (key.partition("/") for key in texts)}
        assert keys <= set(known), language
        assert {one for one in known if one[0] in {"dashboard", "market"}} <= keys, language


def test_no_text_is_left_over() -> None:
    source = "\n".join(read_source().values())
    assert not [key for key in read_texts("en") if f'"{key}"' not in source]


def test_no_way_leads_around_the_policy() -> None:
    """Texts become text nodes only, and nothing is styled or run from within the page."""
    banned = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|dangerously|\beval\(|style=[\"{]")
    for name, text in read_source().items():
        assert not banned.search(text), name
    page = (SOURCE / "index.html").read_text()
    assert not re.search(r"<style|style=|\son\w+=|https?://", page)


def test_the_source_is_small() -> None:
    assert sum(text.count("\n") for text in read_source().values()) < SOURCE_LINES_MAX


def test_only_one_file_calls_the_server() -> None:
    callers = [name for name, text in read_source().items() if "fetch(" in text]
    assert callers == ["api.ts"]


def get_size(name: str) -> int:
    return (DIST / f"{name}.gz").stat().st_size


def list_first() -> set[str]:
    """What a first visit loads: the page, what it names, what that imports, and the texts."""
    page = (DIST / "index.html").read_text()
    waiting = re.findall(r'(?:src|href)="/([\w.-]+)"', page)
    found = {"index.html"}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            text = (DIST / name).read_text()
            waiting += re.findall(r'(?:from|import)"\./([\w.-]+)"', text)
    return found | {path.name for path in DIST.glob("en-*.js")}


@needs_pages
def test_a_first_visit_is_small() -> None:
    first = list_first()
    assert len(first) >= 4
    assert sum(map(get_size, first)) <= FIRST_BYTES_MAX
    chunks = [path.name for path in DIST.iterdir() if path.suffix in {".js", ".css"}]
    assert first - {"index.html"} <= set(chunks)
    assert sum(map(get_size, chunks)) <= ALL_BYTES_MAX


@needs_pages
@pytest.mark.parametrize("path", ["", "mine", "trade", "grid", "proof/17", "explore", "audit"])
def test_every_page_is_the_same_file(path: str) -> None:
    response = Files(DIST).answer(path, {})
    assert response.body == (DIST / "index.html").read_bytes()


def test_without_them_the_server_says_what_to_run() -> None:
    response = Files(DIST / "none").answer("mine", {})
    assert response.status_code == 404
    assert b"make pages" in bytes(response.body)
