"""The package away from its checkout does what the checkout does, or says what it lacks."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker

from node_config.localnet.ports import find_free_ports
from tests.support.running.networks import require_cometbft
from tests.support.source import ROOT

pytestmark = [pytest.mark.network, pytest.mark.slow]

DEADLINE_S = 60.0
# What a wheel is made from. The checkout itself stays as it is: other tests use it meanwhile.
SOURCES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
LOCKED = re.compile(r"^([\w.-]+)==\S+(?: ; (.*?))? \\$", re.MULTILINE)
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel, the locked libraries and CometBFT, as by make install."""
    cometbft = require_cometbft()
    folder = tmp_path_factory.mktemp("installed")
    wheel = make_wheel(folder / "source", folder / "dist")
    prefix = folder / "prefix"
    call(sys.executable, "-m", "venv", "--without-pip", prefix)
    (site,) = prefix.glob("lib/python3*/site-packages")
    link_libraries(site)
    pip = [sys.executable, "-m", "pip", "--python", prefix / "bin" / "python", "install"]
    call(*pip, "--no-index", "--no-deps", wheel)
    shutil.copy(cometbft, prefix / "bin" / "cometbft")
    return prefix


def make_wheel(source: Path, target: Path) -> Path:
    """Built from copies, without compiling the rules, which takes a minute."""
    ignored = shutil.ignore_patterns("__pycache__", "gen", "gen.building", "node_modules")
    for path in ROOT.iterdir():
        if (path / "__init__.py").is_file() or path.name == "proto":
            shutil.copytree(path, source / path.name, ignore=ignored)
    for name in SOURCES:
        shutil.copy(ROOT / name, source)
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", target]
    call(sys.executable, "-m", "pip", "wheel", *options, source, env=os.environ | {"CC": "missing"})
    (wheel,) = target.glob("*.whl")
    return wheel


def link_libraries(site: Path) -> None:
    """Those of requirements/runtime.txt and no others, as this environment has them."""
    text = (ROOT / "requirements" / "runtime.txt").read_text()
    names = [name for name, when in LOCKED.findall(text) if not when or Marker(when).evaluate()]
    assert len(names) > 5
    for name in names:
        distribution = metadata.distribution(name)
        tops = {path.parts[0] for path in distribution.files or () if path.parts[0] != ".."}
        for top in tops - {"__pycache__"}:
            (site / top).symlink_to(str(distribution.locate_file(top)))


def call(*command: str | Path, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def environment(prefix: Path, tmp_path: Path) -> dict[str, str]:
    return {"PATH": f"{prefix / 'bin'}:/usr/bin:/bin", "HOME": str(tmp_path)}


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    """Runs a command of the package in a folder of its own, without a trace of the checkout."""

    def run_command(*command: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr
        return done

    return run_command


@pytest.fixture
def node(run: Run, environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The address of a validator in the folder `net`, started by the installed command."""
    base = find_free_ports(1).base
    net = ["--validators", "1", "--base-port", str(base)]
    assert run("blockenergy", "localnet", "init", "--home", "net", *net).returncode == 0
    start = ["blockenergy", "localnet", "start", "--home", "net"]
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(start, cwd=tmp_path, env=environment, stdout=out, stderr=out)
    try:
        wait_for(lambda: "Ctrl-C stops it." in (tmp_path / "out").read_text(), process)
        yield f"tcp://127.0.0.1:{base + 1}"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0


def wait_for(condition: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert process.poll() is None and time.monotonic() < end_s
        time.sleep(0.05)


def test_the_wheel_has_the_pages_as_they_were_built(prefix: Path) -> None:
    """Users of the package need no Node."""
    built = list_files(ROOT / "dashboard" / "pages" / "dist")
    if not built:
        pytest.skip("the pages are not built: make pages")
    (site,) = prefix.glob("lib/python3*/site-packages")
    assert list_files(site / "dashboard" / "pages" / "dist") == built
    assert {"index.html", "index.html.gz", "verify.html", "verify.html.gz"} <= built.keys()
    assert not (site / "dashboard" / "pages" / "src").exists()


def list_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*")}


def test_it_runs_a_network_and_all_commands(run: Run, node: str, tmp_path: Path) -> None:
    bridge = f"127.0.0.1:{int(node.rpartition(':')[2]) + 33}"
    added = run("blockenergy", "keys", "add", "anna", "--no-passphrase")
    (address,) = re.findall(r"energy1\w+", added.stdout)
    role = ["--address", address, "--roles", "prosumer", "--from", "registrar"]
    commands = [
        ["tx", "registry", "add-participant", *role, "--keyring", "net/keys", "--yes"],
        ["query", "registry", "participant", "--address", address],
        ["status"],
    ]
    for command in commands:
        done = run("blockenergy", *command, "--node", node)
        assert done.returncode == 0, done.stderr
    assert run("blockenergy", "meter", "health", "--bridge", bridge).returncode == 0
    service = ["service", "install", "validator", "--user", "--dry-run", "--home", "net/node0"]
    assert "Upholds=" in run("blockenergy", *service).stdout


def test_it_uses_the_cometbft_that_was_installed(run: Run, prefix: Path) -> None:
    found = run("python", "-m", "node_config.cometbft.toolchain")
    assert found.stdout.strip() == str(prefix / "bin" / "cometbft")


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("node_config.demo", r"install it with: \S+/python -m pip install demandlib matplotlib"),
        ("node_config.compiled", "An installed package has what was compiled"),
    ],
)
def test_what_it_lacks_is_said_in_a_sentence(run: Run, module: str, sentence: str) -> None:
    assert re.search(sentence, run("python", "-m", module).stderr)


def test_images_are_built_in_a_checkout(run: Run, tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o755)
    done = run("env", f"DOCKER={tmp_path / 'docker'}", "python", "-m", "node_config.testnet", "up")
    assert "in a checkout" in done.stderr
