"""CometBFT with a clock that can be set for each validator alone.

The usual tools cannot do this: CometBFT is a static program that reads the clock without the
system's library, time namespaces leave the wall clock alone, and setting the machine's clock would
set everybody's. So the one function with which CometBFT looks at the wall clock is replaced when it
is built; the rest is the program that is always run. The clock may be changed while it runs.
"""

from __future__ import annotations

import hashlib
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from node_config.cometbft import toolchain
from tests.chaos.support.processes import Rewrite, with_variable

VARIABLE = "CLOCK_OFFSET_FILE"
MODULE = "github.com/cometbft/cometbft"
# What CometBFT's own file has, and what stands there instead.
PLAIN = "return Canonical(time.Now())"
IMPORT = 'import (\n\t"sort"\n'
IMPORT_WITH_OS = 'import (\n\t"os"\n\t"sort"\n'
SET = """\
	text, err := os.ReadFile(os.Getenv("CLOCK_OFFSET_FILE"))
	if err != nil {
		panic(err)
	}
	offset, err := time.ParseDuration(string(text))
	if err != nil {
		panic(err)
	}
	return Canonical(time.Now().Add(offset))"""


class Clock:
    """How far the clock of a process is from the right time, in a file that it reads each time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, offset_s: int) -> None:
        """The clock jumps, at once."""
        draft = self._file.with_suffix(".draft")
        draft.write_text(f"{offset_s}s")
        draft.replace(self._file)

    def give(self) -> Rewrite:
        """Has a CometBFT look at this clock."""
        set_variable = with_variable(VARIABLE, str(self._file))
        binary = str(build())
        return lambda command: set_variable([binary, *command[1:]])


def build() -> Path:
    """The program; built once per release and kept beside the one that is always run."""
    folder = toolchain.get_cache_folder() / f"cometbft-{toolchain.VERSION}-clock"
    key = hashlib.sha256((toolchain.compute_source_key() + SET).encode()).hexdigest()[:16]
    target = folder / key / "cometbft"
    with toolchain.exclusive(folder), tempfile.TemporaryDirectory(dir=folder) as work:
        if not target.is_file():
            try:
                go, environment = toolchain.find_go(Path(work))
                # The sources are there only once something has asked for them.
                download = [go, "mod", "download", MODULE]
                toolchain.run(download, environment, folder / "download.log")
            except toolchain.ToolchainError as error:
                pytest.skip(str(error))
            build_into(target, Path(work), go, environment)
    return target


def build_into(target: Path, work: Path, go: str, environment: dict[str, str]) -> None:
    """Builds from a copy of CometBFT with another clock."""

    def run(*arguments: str) -> str:
        return subprocess.run(
            [go, *arguments],
            cwd=toolchain.MODULE_FOLDER,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    sources = work / "sources"
    shutil.copytree(run("list", "-m", "-f", "{{.Dir}}", MODULE).strip(), sources)
    replace_clock(sources / "types" / "time" / "time.go")
    for name in ("go.mod", "go.sum"):
        shutil.copy(toolchain.MODULE_FOLDER / name, work)
    run("mod", "edit", f"-replace={MODULE}={sources}", str(work / "go.mod"))
    flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", f"-modfile={work / 'go.mod'}"]
    run("build", *flags, "-o", str(work / "cometbft"), ".")
    target.parent.mkdir(exist_ok=True)
    (work / "cometbft").rename(target)


def replace_clock(file: Path) -> None:
    """Has CometBFT's own function for the time add what the clock is wrong by."""
    text = file.read_text()
    assert text.count(PLAIN) == text.count(IMPORT) == 1, "CometBFT's clock is not where it was"
    # What comes from the cache of modules may only be read.
    for place in (file.parent, file):
        place.chmod(place.stat().st_mode | stat.S_IWUSR)
    file.write_text(text.replace(f"\t{PLAIN}", SET).replace(IMPORT, IMPORT_WITH_OS))
