"""Small enough to read: files, functions, and a sentence for everything that is public."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.support.source import ROOT, SourceFile, list_source

FOLDERS = [
    "chain",
    "abci_app",
    "agents",
    "meter_bridge",
    "client",
    "dashboard",
    "gateway",
    "grpc_calls",
    "net_address",
    "node_config",
    "text_output",
]
FILES = [file for folder in FOLDERS for file in list_source(folder)]
TESTS = [file for folder in ("tests", "bench") for file in list_source(folder)]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
# Words that postpone work, and words about how a text came to be.
POSTPONED = re.compile(r"\b(TODO|FIXME|XXX|HACK|WIP)\b")


def test_a_file_has_less_than_400_lines() -> None:
    long = [f"{file.at(_lines(file))}" for file in FILES + TESTS if _lines(file) >= FILE_LINES_MAX]
    assert not long, "one idea per file; split:\n" + "\n".join(long)


def test_a_function_fits_a_screen() -> None:
    long = [
        f"{file.at(node.lineno)}: {node.name} has {_length(node)} lines"
        for file in FILES + TESTS
        for node in ast.walk(file.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and _length(node) > FUNCTION_LINES_MAX
    ]
    assert not long, "give its half a name:\n" + "\n".join(long)


def test_everything_public_has_a_docstring() -> None:
    silent = [
        f"{file.at(node.lineno)}: {node.name}"
        for file in FILES
        for node in _public(file)
        if not ast.get_docstring(node)
    ]
    assert not silent, "no docstring:\n" + "\n".join(silent)


def test_every_file_begins_with_what_it_promises() -> None:
    silent = [file.at(1) for file in FILES if file.text and not ast.get_docstring(file.tree)]
    assert not silent, "no docstring:\n" + "\n".join(silent)


def test_nothing_is_postponed() -> None:
    postponed = [
        file.at(number)
        for file in FILES + TESTS
        if file.path.name != "test_shape.py"
        for number, line in enumerate(file.text.splitlines(), 1)
        if POSTPONED.search(line)
    ]
    assert not postponed, "open an issue instead:\n" + "\n".join(postponed)


def test_the_rules_are_not_a_place_for_inheritance() -> None:
    """Protocols, named tuples, exceptions and generics are; classes of the domain are not."""
    known = {
        "Protocol", "NamedTuple", "Generic", "Exception", "ValueError", "RuntimeError", "Enum",
        "IntEnum", "StrEnum",
    }  # fmt: skip
    own = {"Item"}
    wrong = [
        f"{file.at(node.lineno)}: {node.name} inherits from {name}"
        for file in list_source("chain")
        for node in ast.walk(file.tree)
        if isinstance(node, ast.ClassDef)
        for name in (_base_name(base) for base in node.bases)
        if name not in known | own
    ]
    assert not wrong, "\n".join(wrong)


def test_the_whole_tree_is_looked_at() -> None:
    assert {file.module.split(".")[0] for file in FILES} == set(FOLDERS)
    assert ROOT.joinpath("chain/app.py").exists()


def _lines(file: SourceFile) -> int:
    return file.text.count("\n")


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def _base_name(base: ast.expr) -> str:
    if isinstance(base, ast.Subscript):
        return _base_name(base.value)
    return base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "?")


def _public(file: SourceFile) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Functions and classes of a file that are not private, without mere signatures."""
    for node in file.tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            decorators = {getattr(decorator, "id", "") for decorator in node.decorator_list}
            if "overload" not in decorators:
                yield node
