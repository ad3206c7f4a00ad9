"""The tests in Go of our parts of CometBFT, which compare them with the parts of the release."""

import os
import shutil
import subprocess

import pytest

from node_config.cometbft.toolchain import (
    BUILD_FLAGS,
    MODULE_FOLDER,
    get_go_version,
    get_needed_go_version,
)

pytestmark = pytest.mark.slow

# A first run compiles CometBFT.
DEADLINE_S = 600


@pytest.fixture(scope="module")
def go() -> str:
    found = shutil.which("go")
    if found is None or get_go_version(found) < get_needed_go_version():
        pytest.skip("there is no Go to run them with")
    return found


@pytest.mark.parametrize("command", [["vet"], ["test", "-count=1"]], ids=lambda words: words[0])
def test_go(go: str, command: list[str]) -> None:
    done = subprocess.run(
        # With the flags of the build, so that what that has compiled is not compiled again.
        [go, *command, *BUILD_FLAGS, "."],
        cwd=MODULE_FOLDER,
        env=os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_go_is_formatted() -> None:
    formatter = shutil.which("gofmt")
    if formatter is None:
        pytest.skip("there is no gofmt")
    command = [formatter, "-l", str(MODULE_FOLDER)]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b""
