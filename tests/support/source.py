"""The project's own source as syntax trees, for the tests of its architecture."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Import:
    """One imported name: `from module import name`, or `import module` with an empty name."""

    module: str
    name: str
    line: int


@dataclass(frozen=True)
class SourceFile:
    """A Python file of the project."""

    path: Path
    root: Path = ROOT

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def module(self) -> str:
        """`chain.bank.keeper`, or `chain.bank` for its `__init__`."""
        parts = self.path.relative_to(self.root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def at(self, line: int) -> str:
        """A place as editors and people find it."""
        return f"{self.path.relative_to(self.root)}:{line}"

    def imports(self) -> Iterator[Import]:
        """All imports, those inside functions too."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, "", node.lineno)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    # A relative import would hide where a name comes from.
                    module = "." * node.level + (node.module or "")
                    yield Import(module, alias.name, node.lineno)


def list_source(folder: str) -> list[SourceFile]:
    """All Python files in a folder of the project."""
    return [SourceFile(path) for path in sorted((ROOT / folder).rglob("*.py"))]


def write_source(folder: Path, module: str, text: str) -> SourceFile:
    """A file that is in no project, to see what the tests of the architecture say about it."""
    path = folder.joinpath(*module.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return SourceFile(path, folder)


def exported_names(package: str) -> frozenset[str]:
    """What a package names in its `__all__`."""
    path = ROOT.joinpath(*package.split("."), "__init__.py")
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return frozenset(ast.literal_eval(node.value))
    return frozenset()
