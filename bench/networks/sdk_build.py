"""Finds a node of the Cosmos SDK to compare with, and builds it on request.

    python -m bench.networks.sdk_build           builds it, about five minutes, once

The node is wasmd, a chain of the Cosmos SDK that builds from one Go module. `find_sdk_node` gives
the one that $BLOCKENERGY_SDK_NODE names, else the cached build, else None: a benchmark goes on
without it. Go and a C linker are needed for the build.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from node_config.cometbft.toolchain import exclusive, get_cache_folder

MODULE, VERSION = "github.com/CosmWasm/wasmd", "v0.70.3"
LIBRARY_MODULE = "github.com/CosmWasm/wasmvm/v3"
DEADLINE_S = 3600
NICENESS = 15


def find_sdk_node() -> Path | None:
    """The executable, or None. Its libwasmvm lies beside it."""
    named = os.environ.get("BLOCKENERGY_SDK_NODE")
    if named:
        found = shutil.which(named)
        if found is None:
            raise RuntimeError(f"BLOCKENERGY_SDK_NODE names {named}, which is not executable")
        return Path(found).resolve()
    cached = get_folder() / "wasmd"
    return cached if cached.is_file() else None


def get_folder() -> Path:
    """Where the build is kept."""
    return get_cache_folder() / f"wasmd-{VERSION.removeprefix('v')}"


def build() -> Path:
    """The executable, built if it is not there yet. Raises RuntimeError if it cannot be built."""
    go = shutil.which("go")
    if go is None:
        raise RuntimeError("there is no go on the PATH; a Cosmos SDK node cannot be built")
    folder = get_folder()
    with exclusive(folder):
        if not (folder / "wasmd").is_file():
            log = folder / "build.log"
            try:
                with tempfile.TemporaryDirectory(prefix="build-", dir=folder) as work:
                    _build_in(Path(work), go, folder, log)
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                raise RuntimeError(
                    f"the Cosmos SDK node was not built, see {log}: {error}"
                ) from None
    return folder / "wasmd"


def _build_in(work: Path, go: str, folder: Path, log: Path) -> None:
    """Copies the module, because only the main module's replacements count, and builds it."""
    print(f"Building {MODULE} {VERSION}, about five minutes; log in {log}", flush=True)
    answer = _ask([go, "mod", "download", "-json", f"{MODULE}@{VERSION}"], work)
    source = work / "source"
    shutil.copytree(json.loads(answer)["Dir"], source)
    for path in [source, *source.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)
    binary = work / "wasmd"
    flags = ["-trimpath", "-buildvcs=false", "-ldflags=-s -w"]
    with log.open("w") as output:
        subprocess.run(
            ["nice", "-n", str(NICENESS), go, "build", *flags, "-o", str(binary), "./cmd/wasmd"],
            cwd=source,
            env=os.environ | {"CGO_ENABLED": "1", "GOWORK": "off"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=DEADLINE_S,
            check=True,
        )
    library = Path(_ask([go, "list", "-m", "-f", "{{.Dir}}", LIBRARY_MODULE], source).strip())
    for path in (library / "internal" / "api").glob(f"libwasmvm.{os.uname().machine}.so"):
        shutil.copyfile(path, folder / path.name)
    # The executable comes last: where it lies, all of the build lies.
    binary.rename(folder / "wasmd")


def _ask(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, timeout=DEADLINE_S
    )
    return done.stdout


def main() -> int:
    """Builds the node and prints its path."""
    argparse.ArgumentParser(
        prog="python -m bench.networks.sdk_build", description=__doc__
    ).parse_args()
    try:
        print(build())
    except RuntimeError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
