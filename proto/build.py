"""Compiles every definition under proto/ to Python messages and type stubs in proto/gen.

The generated packages keep the names of the proto packages: blockenergy, cosmos, tendermint.
Services are compiled only where a gRPC server or client of ours speaks them.

Errors: exits with the compiler's message and status 1 when a definition is wrong.
"""

from __future__ import annotations

import shutil
import sys
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent
OUTPUT = ROOT / "gen"
GRPC_FOLDERS = ("blockenergy/bridge",)


def main() -> int:
    """Rebuilds proto/gen from nothing, so that no file of a removed definition stays behind."""
    sources = sorted(
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.proto")
        if OUTPUT not in path.parents
    )
    building = OUTPUT.with_suffix(".building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    status = compile_sources(sources, building)
    if status == 0:
        make_packages(building)
        shutil.rmtree(OUTPUT, ignore_errors=True)
        building.rename(OUTPUT)
    return status


def compile_sources(sources: list[str], output: Path) -> int:
    """Runs the protobuf compiler; returns its exit status."""
    include = str(resources.files("grpc_tools") / "_proto")
    common = ["protoc", f"-I{ROOT}", f"-I{include}"]
    messages = [f"--python_out={output}", f"--pyi_out={output}"]
    # The comments in the definitions are the manual: help texts and docs/reference read them here.
    described = [
        "--include_source_info",
        "--include_imports",
        f"--descriptor_set_out={output / 'descriptors.bin'}",
    ]
    status = int(protoc.main([*common, *messages, *described, *sources]))
    services = [name for name in sources if name.startswith(GRPC_FOLDERS)]
    if status == 0 and services:
        status = int(protoc.main([*common, f"--grpc_python_out={output}", *services]))
    return status


def make_packages(output: Path) -> None:
    """Marks each folder as a package, with its types, so that imports never meet a namespace."""
    for folder in sorted(path for path in output.rglob("*") if path.is_dir()):
        (folder / "__init__.py").touch()
    for package in output.iterdir():
        if package.is_dir():
            (package / "py.typed").touch()
    shutil.move(output / "descriptors.bin", output / "blockenergy" / "descriptors.bin")


if __name__ == "__main__":
    sys.exit(main())
