"""The rules that run most, compiled from their own sources where this machine can.

Promise: what runs is the same program. mypyc makes a C extension of each module that `FILES` names;
the sources stay the only definition, and tests compare the two. Beside them `NATIVE` names C code,
which is compared with its definition in Python in the same way. Without a C compiler or Python's
headers the sources themselves run, a quarter slower.

`python -m node_config.compiled` builds what is missing and prints the folder, where processes of a
local network find the rules; with `--check` it only says why this machine cannot. `make install`
puts the same into the package.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from functools import cache
from importlib import util
from pathlib import Path
from typing import Any

import text_output
from node_config.cometbft.toolchain import exclusive, get_cache_folder, say

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("abci_app", "chain")
FILES = (
    *("chain/runtime/*.py", "chain/runtime/*/*.py", "chain/ante.py", "chain/app.py"),
    *("chain/mempool.py", "chain/proposals.py", "chain/ruleset.py", "chain/transactions.py"),
    *("chain/*/keeper.py", "chain/*/rules.py", "chain/bank/msgs.py", "chain/metering/msgs.py"),
    "chain/market/open_slot.py",
    *(
        f"chain/settlement/slot/{name}.py"
        for name in ("accounts", "block", "feeder_sums", "line_roots")
    ),
    *(
        "abci_app/metrics.py",
        "abci_app/node.py",
        "abci_app/prefetch.py",
        "abci_app/results.py",
        "abci_app/protocol/dispatch.py",
        "abci_app/protocol/framing.py",
    ),
    *(f"abci_app/storage/{name}.py" for name in ("history", "persistence", "snapshot")),
)
# What is written in C because nothing else makes it fast. Its definition is in Python all the same.
NATIVE = "chain/runtime/native/*.c"
# A package itself only names what is in it, and the errors of a module come from its definitions
# when it is imported.
EXCEPT = ("__init__.py", "error_codes.py")
BUILD_DEADLINE_S = 1800
SETUP = """
import sys
from setuptools import setup
from node_config.compiled import make_extensions
setup(name="rules", packages=[], ext_modules=make_extensions())
"""


def list_sources(root: Path = ROOT) -> list[str]:
    """The files that are compiled, relative to the checkout."""
    found = sorted(path for pattern in FILES for path in root.glob(pattern))
    return [str(path.relative_to(root)) for path in found if path.name not in EXCEPT]


def list_native(root: Path = ROOT) -> list[str]:
    """The files in C, relative to the checkout."""
    return [str(path.relative_to(root)) for path in sorted(root.glob(NATIVE))]


def is_checkout() -> bool:
    """Whether this is the project's own folder; an installed package is not."""
    return (ROOT / "pyproject.toml").is_file()


def find_obstacle() -> str:
    """Why this machine cannot compile; empty if it can."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler})"
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.is_file():
        return "Python's headers are not installed"
    if util.find_spec("mypyc") is None:
        return "mypyc is not installed"
    return ""


def make_extensions() -> list[Any]:
    """The extensions for setuptools, of the sources below the working directory."""
    from mypyc.build import mypycify
    from setuptools import Extension

    extensions: list[Any] = mypycify(list_sources(Path.cwd()), opt_level="2", debug_level="0")
    native = [
        Extension(path.removesuffix(".c").replace("/", "."), [path], extra_compile_args=["-O3"])
        for path in list_native(Path.cwd())
    ]
    return extensions + native


@cache
def find_compiled() -> Path | None:
    """The folder with the compiled rules of exactly these sources, if it has been built."""
    folder = get_folder()
    return folder if folder.is_dir() else None


def get_folder() -> Path:
    """Where the compiled rules of these sources lie or would lie."""
    digest = hashlib.sha256()
    sources = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    for path in [*sources, *(ROOT / path for path in list_native()), Path(__file__)]:
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    return get_cache_folder() / f"rules{suffix}" / digest.hexdigest()[:16]


def build() -> Path:
    """The folder with the compiled rules, built if it is not there yet.

    Raises subprocess.SubprocessError or OSError if that fails.
    """
    target = get_folder()
    with exclusive(target.parent):
        if not target.is_dir():
            for abandoned in target.parent.glob("build-*"):
                shutil.rmtree(abandoned)
            with tempfile.TemporaryDirectory(prefix="build-", dir=target.parent) as name:
                _build_in(Path(name), target)
    return target


def _build_in(work: Path, target: Path) -> None:
    say("Compiling the rules, about a minute ...")
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, work / package, ignore=ignored)
    shutil.copyfile(ROOT / "pyproject.toml", work / "pyproject.toml")
    (work / "proto").mkdir()
    (work / "proto" / "gen").symlink_to(ROOT / "proto" / "gen")
    with (target.parent / "build.log").open("w") as log:
        subprocess.run(
            [sys.executable, "-c", SETUP, "build_ext", "--inplace"],
            cwd=work,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=BUILD_DEADLINE_S,
            check=True,
        )
    result = work / "result"
    result.mkdir()
    for path in [*(work / package for package in PACKAGES), *work.glob("*.so")]:
        path.rename(result / path.name)
    # In one step, so that it is there whole or not at all.
    result.rename(target)


def main(arguments: list[str]) -> int:
    """Builds the compiled rules if this machine can; succeeds if it cannot."""
    if not is_checkout():
        say("An installed package has what was compiled when it was built; nothing is done.")
        return 0
    obstacle = find_obstacle()
    if obstacle:
        say(f"The rules run from their sources: {obstacle}.")
    if obstacle or arguments == ["--check"]:
        return 0
    try:
        text_output.say(str(build()))
    except (subprocess.SubprocessError, OSError):
        log = get_folder().parent / "build.log"
        say(f"The rules run from their sources, as they could not be compiled: see {log}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
