"""The drawing of docs/architecture.md: which room imports which, as the code has it.

Rooms are the top-level packages and the modules of the chain. An arrow points from the importer to
what it imports; arrows that follow from two others are left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "agents",
    "node_config",
    "meter_bridge",
    "dashboard",
    "gateway",
    "client",
    "abci_app",
    "grpc_calls",
    "net_address",
    "text_output",
    "chain",
)
BEGIN, END = "<!-- drawing: made by docs/build.py -->", "<!-- end of the drawing -->"
# What lies directly in chain/ is one room: the table of contents and what it is made of.
APP = "chain.app"


def put_drawing(page: str) -> str:
    """The page with its drawing made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{make_drawing()}\n{END}{after}"


def make_drawing() -> str:
    """A Mermaid flowchart of all rooms and of the imports between them."""
    arrows = reduce_arrows(find_arrows())
    modules = sorted({room for arrow in arrows for room in arrow if room.startswith("chain.")})
    lines = ["```mermaid", "flowchart TB"]
    lines += [f"    {name}[{name}/]" for name in PACKAGES if name != "chain"]
    lines += ["    subgraph chain[chain/: the rules]"]
    lines += [f"        {_name(room)}[{room.removeprefix('chain.')}]" for room in modules]
    lines += ["    end"]
    lines += [f"    {_name(source)} --> {_name(target)}" for source, target in sorted(arrows)]
    return "\n".join([*lines, "```"])


def _name(room: str) -> str:
    return room.replace(".", "_")


def find_arrows() -> dict[tuple[str, str], int]:
    """(importer, imported) with the number of files that import."""
    arrows: dict[tuple[str, str], int] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            source = find_room(".".join(path.relative_to(ROOT).with_suffix("").parts))
            targets = {find_room(name) for name in list_imports(path)} - {source, ""}
            for target in sorted(targets):
                arrows[source, target] = arrows.get((source, target), 0) + 1
    return arrows


def list_imports(path: Path) -> Iterator[str]:
    """The full names of what a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def find_room(name: str) -> str:
    """The room of a module; empty if it is none of ours."""
    package, *inside = name.split(".")
    if package != "chain":
        return package if package in PACKAGES else ""
    first = inside[0] if inside else ""
    return f"chain.{first}" if (ROOT / "chain" / first).is_dir() and first else APP


def reduce_arrows(arrows: dict[tuple[str, str], int]) -> set[tuple[str, str]]:
    """The arrows without those for which there is a longer way."""
    targets: dict[str, set[str]] = {}
    for source, target in arrows:
        targets.setdefault(source, set()).add(target)

    def reaches(source: str, target: str) -> bool:
        direct = targets.get(source, set())
        return target in direct or any(reaches(one, target) for one in direct)

    return {
        (source, target)
        for source, target in arrows
        if not any(reaches(other, target) for other in targets[source] - {target})
    }
