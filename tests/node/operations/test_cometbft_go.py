"""The tests in Go of our parts of CometBFT, which compare them with the parts of the release."""

import shutil
import subprocess

import pytest

from node_config.cometbft.toolchain import MODULE_FOLDER
from tests.support.running.go_tests import run_go, run_tests


@pytest.mark.slow
def test_vet() -> None:
    run_go("vet")


@pytest.mark.slow
def test_go() -> None:
    run_tests()


def test_go_is_formatted() -> None:
    formatter = shutil.which("gofmt")
    if formatter is None:
        pytest.skip("there is no gofmt")
    command = [formatter, "-l", str(MODULE_FOLDER)]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b""
