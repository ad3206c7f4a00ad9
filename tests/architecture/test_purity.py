"""Nothing in chain/ may come out differently on another machine, or on another day."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.source import SourceFile, list_source, write_source

CHAIN = list_source("chain")
# Built-in functions that give floats, addresses, seeds that differ per process, or the world.
FORBIDDEN_CALLS = {
    "float", "round", "hash", "id", "open", "print", "input", "eval", "exec", "compile",
    "globals", "locals", "vars", "__import__", "breakpoint", "complex", "pow",
}  # fmt: skip
# `vars` lists the functions of a module once, at the start.
ALLOWED_CALLS = {("chain.runtime.module", "vars")}
# A set in hand, and what puts it in an order or does not care about it.
SET_CALLS = {"set", "frozenset"}
IN_ANY_ORDER = {"sorted", "sum", "min", "max", "len", "any", "all", "set", "frozenset"}
# Outside chain/runtime: where a pure function is remembered for speed. Responses by content.
PURE_CACHES = {"chain.transactions"}
BROAD = {"BaseException", "Exception", "AssertionError"}
CHANGING_METHODS = {
    "append", "extend", "insert", "add", "update", "pop", "popitem", "remove", "discard",
    "clear", "setdefault", "sort", "reverse", "appendleft",
}  # fmt: skip


def walk(tree: ast.AST) -> Iterator[ast.stmt | ast.expr | ast.ExceptHandler | ast.arg]:
    """All parts of a tree that have a place in the text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt | ast.expr | ast.ExceptHandler | ast.arg):
            yield node


def found(file: SourceFile, kinds: type | tuple[type, ...], why: str) -> list[str]:
    return [f"{file.at(node.lineno)}: {why}" for node in walk(file.tree) if isinstance(node, kinds)]


@pytest.mark.parametrize("file", CHAIN, ids=lambda file: file.module)
def test_no_floats_anywhere(file: SourceFile) -> None:
    wrong = []
    for node in walk(file.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            wrong.append(f"{file.at(node.lineno)}: {node.value} is a float")
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            wrong.append(f"{file.at(node.lineno)}: / gives a float; use floor_div or ceil_div")
        elif isinstance(node, ast.Name) and node.id == "float":
            wrong.append(f"{file.at(node.lineno)}: float")
        elif _is_open_power(node):
            wrong.append(f"{file.at(node.lineno)}: a power may come out as a float")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", CHAIN, ids=lambda file: file.module)
def test_no_function_that_sees_the_machine(file: SourceFile) -> None:
    wrong = [
        f"{file.at(node.lineno)}: {node.func.id}() has no place in chain/"
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in FORBIDDEN_CALLS
        and (file.module, node.func.id) not in ALLOWED_CALLS
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", CHAIN, ids=lambda file: file.module)
def test_no_iteration_over_sets(file: SourceFile) -> None:
    """Texts and bytes hash differently in each process, so a set has no order to rely on."""
    wrong = [
        f"{file.at(node.lineno)}: iterates over a set; sort it first"
        for node in _unordered_iterations(file.tree)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", CHAIN, ids=lambda file: file.module)
def test_no_state_beside_the_store(file: SourceFile) -> None:
    wrong = found(file, ast.Global, "a global variable is state that no block knows")
    wrong += found(file, ast.Nonlocal, "a hidden variable is state that no block knows")
    wrong += found(file, (ast.AsyncFunctionDef, ast.Await), "no concurrency")
    mutable = _module_level_mutables(file.tree)
    for function in _functions(file.tree):
        for node in walk(function):
            name = _changed_name(node)
            if name in mutable and name not in _local_names(function):
                wrong.append(f"{file.at(node.lineno)}: changes {name}, which all blocks share")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", CHAIN, ids=lambda file: file.module)
def test_only_the_runtime_remembers_results(file: SourceFile) -> None:
    """A cache is harmless where a function of its arguments alone is remembered, and nowhere
    else; those few places are in chain/runtime.
    """
    if file.module.startswith("chain.runtime."):
        return
    wrong = [
        f"{file.at(found.line)}: {found.name} outside chain/runtime"
        for found in file.imports()
        if found.module == "functools"
        and found.name in ("cache", "lru_cache", "cached_property")
        and file.module not in PURE_CACHES
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", CHAIN, ids=lambda file: file.module)
def test_no_exception_is_swallowed(file: SourceFile) -> None:
    """An assertion that broke must be heard: `except` names what it expects."""
    wrong = []
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.ExceptHandler) or _raises_again(node):
            continue
        caught = ast.walk(node.type) if node.type else iter(())
        names = {name.id for name in caught if isinstance(name, ast.Name)}
        broad = not node.type or names & (BROAD - {"AssertionError"})
        if broad and file.module != "chain.transactions":
            wrong.append(f"{file.at(node.lineno)}: catches whatever comes")
        elif "AssertionError" in names and file.module != "chain.genesis":
            wrong.append(f"{file.at(node.lineno)}: catches a broken promise")
    wrong += [f"{file.at(node.lineno)}: catches whatever comes" for node in _broad_suppress(file)]
    assert not wrong, "\n".join(wrong)


def _broad_suppress(file: SourceFile) -> Iterator[ast.Call]:
    """Uses of contextlib.suppress for more than a rejection."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "suppress":
            suppressed = {getattr(argument, "id", "") for argument in node.args}
            if suppressed & BROAD:
                yield node


def _raises_again(node: ast.ExceptHandler) -> bool:
    last = node.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _is_open_power(node: ast.AST) -> bool:
    """A power with an exponent that may be negative."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Pow):
        return False
    return not isinstance(node.right, ast.Constant)


def _unordered_iterations(tree: ast.Module) -> Iterator[ast.expr]:
    # What goes straight into sorted(), sum() and the like may come in any order.
    harmless = {
        id(argument)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in IN_ANY_ORDER
        for argument in node.args
    }
    for scope in [tree, *_functions(tree)]:
        nodes = list(_walk_scope(scope))
        sets = _names_of_sets(nodes)
        for node in nodes:
            if isinstance(node, ast.For) and _is_set(node.iter, sets):
                yield node.iter
            elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp):
                if id(node) not in harmless:
                    yield from (g.iter for g in node.generators if _is_set(g.iter, sets))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in ("list", "tuple", "iter", "enumerate", "next", "dict"):
                    yield from (a for a in node.args if _is_set(a, sets))
            elif isinstance(node, ast.Starred) and _is_set(node.value, sets):
                yield node.value


def _walk_scope(scope: ast.AST) -> Iterator[ast.AST]:
    """What belongs to a function or module itself, without the functions inside it."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, ast.FunctionDef):
            yield from _walk_scope(node)


def _names_of_sets(nodes: list[ast.AST]) -> set[str]:
    """Names that are given a set."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Assign) and _is_set(node.value, names):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and node.value and _is_set(node.value, names):
            names |= {node.target.id} if isinstance(node.target, ast.Name) else set()
        elif isinstance(node, ast.arg) and node.annotation and _names_a_set(node.annotation):
            names.add(node.arg)
    return names


def _names_a_set(annotation: ast.expr) -> bool:
    base = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return isinstance(base, ast.Name) and base.id in SET_CALLS


def _is_set(node: ast.expr, names: set[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub):
        return _is_set(node.left, names) or _is_set(node.right, names)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in SET_CALLS
    return False


def _functions(tree: ast.AST) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def _module_level_mutables(tree: ast.Module) -> set[str]:
    names = set()
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(
            node.value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.Call
        ):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def _local_names(function: ast.FunctionDef) -> set[str]:
    arguments = {argument.arg for argument in ast.walk(function) if isinstance(argument, ast.arg)}
    return arguments | {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _changed_name(node: ast.AST) -> str:
    """The name of what a statement changes in place, if it does."""
    changed: ast.expr | None = None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        changed = node.func.value if node.func.attr in CHANGING_METHODS else None
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        changed = node.value
    return changed.id if isinstance(changed, ast.Name) else ""


class TestTheTestItself:
    """That these tests can fail."""

    @pytest.mark.parametrize(
        ("text", "check"),
        [
            ("x = 0.5", test_no_floats_anywhere),
            ("x = 1 / 2", test_no_floats_anywhere),
            ("x = 4\nx /= 2", test_no_floats_anywhere),
            ("x = 2 ** y", test_no_floats_anywhere),
            ("x = float(1)", test_no_floats_anywhere),
            ("x = hash('a')", test_no_function_that_sees_the_machine),
            ("x = [id(y) for y in z]", test_no_function_that_sees_the_machine),
            ("x = round(5)", test_no_function_that_sees_the_machine),
            ("for x in {1, 2}: pass", test_no_iteration_over_sets),
            ("x = [y for y in set(z)]", test_no_iteration_over_sets),
            (
                "def f(z):\n    s = {y for y in z}\n    return [y for y in s]",
                test_no_iteration_over_sets,
            ),
            ("def f(a):\n    s = set(a) - {1}\n    for y in s: pass", test_no_iteration_over_sets),
            ("def f(s: set[int]):\n    for y in s: pass", test_no_iteration_over_sets),
            ("x = list({1, 2} | y)", test_no_iteration_over_sets),
            ("def f():\n    global x\n    x = 1", test_no_state_beside_the_store),
            ("X = []\ndef f():\n    X.append(1)", test_no_state_beside_the_store),
            ("X = dict()\ndef f():\n    X['a'] = 1", test_no_state_beside_the_store),
            ("async def f(): pass", test_no_state_beside_the_store),
            ("from functools import lru_cache", test_only_the_runtime_remembers_results),
            ("try: f()\nexcept Exception: pass", test_no_exception_is_swallowed),
            ("with suppress(Exception): f()", test_no_exception_is_swallowed),
            ("try: f()\nexcept: pass", test_no_exception_is_swallowed),
            ("try: f()\nexcept (ValueError, AssertionError): pass", test_no_exception_is_swallowed),
        ],
    )
    def test_what_is_forbidden_is_found(
        self, tmp_path: Path, text: str, check: Callable[[SourceFile], None]
    ) -> None:
        with pytest.raises(AssertionError, match=r"chain/written\.py:\d+: "):
            check(write_source(tmp_path, "chain.written", text))

    @pytest.mark.parametrize(
        "text",
        [
            "x = sorted({1, 2})",
            "x = [y for y in sorted(set(z))]",
            "x = sum(y for y in {1, 2})",
            "x = {y for y in {1, 2}}",
            "def f(s: set[int]): pass\ndef g(s: list[int]):\n    for y in s: pass",
            "x = 3 in {1, 2}",
            "def f(X):\n    X.append(1)",
            "def f():\n    x = []\n    x.append(1)",
            "x = 10**12",
        ],
    )
    def test_what_is_harmless_is_not(self, tmp_path: Path, text: str) -> None:
        file = write_source(tmp_path, "chain.written", text)
        test_no_iteration_over_sets(file)
        test_no_state_beside_the_store(file)
        test_no_floats_anywhere(file)
