"""Finds a node of the Cosmos SDK to compare with, and builds it on request.

    python -m bench.networks.sdk_build                 builds it, about five minutes, once
    python -m bench.networks.sdk_build --ibc-go 10     builds the one with an older IBC

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
from typing import NamedTuple

from node_config.cometbft.toolchain import exclusive, get_cache_folder

MODULE = "github.com/CosmWasm/wasmd"
LIBRARY_MODULE = "github.com/CosmWasm/wasmvm/v3"
DEADLINE_S = 3600
NICENESS = 15


class Release(NamedTuple):
    """A release of wasmd, and the modules of which today's Go needs newer ones than it names."""

    version: str
    newer_modules: tuple[str, ...] = ()


# By the major version of their ibc-go.
LATEST = 11
RELEASES = {
    LATEST: Release("v0.70.3"),
    10: Release("v0.61.14", ("github.com/bytedance/sonic@v1.15.0",)),
}


def find_sdk_node(ibc_go: int = LATEST) -> Path | None:
    """The executable, or None. Its libwasmvm lies beside it."""
    named = os.environ.get("BLOCKENERGY_SDK_NODE")
    if named and ibc_go == LATEST:
        found = shutil.which(named)
        if found is None:
            raise RuntimeError(f"BLOCKENERGY_SDK_NODE names {named}, which is not executable")
        return Path(found).resolve()
    cached = get_folder(ibc_go) / "wasmd"
    return cached if cached.is_file() else None


def get_folder(ibc_go: int) -> Path:
    """Where the build is kept."""
    return get_cache_folder() / f"wasmd-{RELEASES[ibc_go].version.removeprefix('v')}"


def build(ibc_go: int = LATEST) -> Path:
    """The executable, built if it is not there yet. Raises RuntimeError if it cannot be built."""
    go = shutil.which("go")
    if go is None:
        raise RuntimeError("there is no go on the PATH; a Cosmos SDK node cannot be built")
    folder, release = get_folder(ibc_go), RELEASES[ibc_go]
    with exclusive(folder):
        if not (folder / "wasmd").is_file():
            log = folder / "build.log"
            try:
                with tempfile.TemporaryDirectory(prefix="build-", dir=folder) as work:
                    _build_in(Path(work), go, release, folder, log)
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                raise RuntimeError(
                    f"the Cosmos SDK node was not built, see {log}: {error}"
                ) from None
    return folder / "wasmd"


def _build_in(work: Path, go: str, release: Release, folder: Path, log: Path) -> None:
    """Copies the module, because only the main module's replacements count, and builds it."""
    print(f"Building {MODULE} {release.version}, about five minutes; log in {log}", flush=True)
    answer = _ask([go, "mod", "download", "-json", f"{MODULE}@{release.version}"], work)
    source = work / "source"
    shutil.copytree(json.loads(answer)["Dir"], source)
    for path in [source, *source.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)
    for module in release.newer_modules:
        _ask([go, "get", module], source)
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
        command,
        cwd=folder,
        env=os.environ | {"GOWORK": "off"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(f"{' '.join(command[1:])}: {said[-1]}")
    return done.stdout


def main() -> int:
    """Builds the node and prints its path."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.networks.sdk_build",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--ibc-go", type=int, choices=sorted(RELEASES), default=LATEST)
    options = parser.parse_args()
    try:
        print(build(options.ibc_go))
    except RuntimeError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
