"""The compiled rules do what their sources do."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node_config.compiled import PACKAGES, ROOT, list_sources
from tests.determinism.test_determinism import compare, journal

DEADLINE_S = 60


def test_every_listed_module_is_compiled(compiled: Path, tmp_path: Path) -> None:
    names = [path.removesuffix(".py").replace("/", ".") for path in list_sources()]
    program = f"import importlib\nfor n in {names}: print(importlib.import_module(n).__file__)"
    paths = os.pathsep.join(map(str, (compiled, ROOT, ROOT / "proto" / "gen")))
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    files = done.stdout.splitlines()
    assert len(files) == len(names) > 20
    assert not [file for file in files if not file.endswith(".so")]
    assert not [file for file in files if not file.startswith(str(compiled))]


def test_the_compiled_rules_change_nothing(compiled: Path) -> None:
    compare(journal(sys.executable, "0"), journal(sys.executable, "1", compiled))


def list_bases(name: str) -> Iterator[tuple[str, str]]:
    """The module and the name of each imported class that a class of a module is derived from."""
    tree = ast.parse((ROOT / name).read_text())
    imported = {
        one.asname or one.name: (node.module or "", one.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for one in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
            yield from (imported[base] for base in bases if base in imported)


def test_no_class_of_sources_is_derived_from_a_compiled_one() -> None:
    """No object of such a class can be made."""
    sources = set(list_sources())
    compiled = {path.removesuffix(".py").replace("/", ".") for path in sources}
    rest = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    } - sources
    derived = [(name, base) for name in rest for base in list_bases(name) if base[0] in compiled]
    assert not derived


def find_renamed(tree: ast.AST) -> Iterator[str]:
    """Names that a function gives to exceptions of several types, in several places.

    mypyc takes the first type for that of the variable, and fails at the second one.
    """
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            handlers = [one for one in ast.walk(function) if isinstance(one, ast.ExceptHandler)]
            types: dict[str, set[str]] = {}
            for handler in handlers:
                if handler.name and handler.type:
                    types.setdefault(handler.name, set()).add(ast.unparse(handler.type))
            yield from (name for name, kinds in types.items() if len(kinds) > 1)


@pytest.mark.parametrize("name", list_sources())
def test_the_name_of_an_exception_has_one_type_in_a_function(name: str) -> None:
    assert not list(find_renamed(ast.parse((ROOT / name).read_text())))


def test_such_names_are_found() -> None:
    text = "def f():\n try:\n  g()\n except OSError as e:\n  pass\n except KeyError as e:\n  pass"
    assert list(find_renamed(ast.parse(text))) == ["e"]
