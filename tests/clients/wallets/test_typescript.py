"""The TypeScript package: built as for npm, it places a bid and reads what became of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from wallet_keys import BIDDER, BIDDER_MNEMONIC, DEADLINE_S

from client.catalog import get_messages
from client.node.rpc import Rpc
from node_config.localnet.network import Network

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "typescript"
# What the lock file of what is installed was.
INSTALLED = PACKAGE / "node_modules" / "installed-lock.json"
BUILD_DEADLINE_S = 300


def run(*command: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "proto" / "gen")])
    return subprocess.run(
        command,
        cwd=PACKAGE,
        check=False,
        capture_output=True,
        text=True,
        timeout=BUILD_DEADLINE_S,
        env={**os.environ, "PYTHONPATH": paths},
    )


@pytest.fixture(scope="module", autouse=True)
def package() -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no node and npm on PATH to build the package with")
    lock = (PACKAGE / "package-lock.json").read_bytes()
    if not INSTALLED.exists() or INSTALLED.read_bytes() != lock:
        install = run(npm, "ci", "--no-audit", "--no-fund")
        if install.returncode:
            pytest.skip(f"its packages cannot be installed: {install.stderr[-300:]}")
        INSTALLED.write_bytes(lock)
    for command in ([sys.executable, "generate.py"], [npm, "run", "build"]):
        built = run(*command)
        assert built.returncode == 0, built.stdout + built.stderr


@pytest.mark.parametrize("mode", ["direct", "amino"])
def test_a_bid_is_placed_and_its_outcome_read(network: Network, mode: str) -> None:
    url = network.rpc_urls[0].replace("tcp://", "http://")
    chain_id = Rpc(network.rpc_urls[0]).status().chain_id
    done = subprocess.run(
        ["node", "test/bid.mjs", url, chain_id, mode, BIDDER_MNEMONIC],
        cwd=PACKAGE,
        check=False,
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE_S,
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    # The pool sells as much as the price limit allows.
    bought_wh = outcome.pop("boughtWh")
    assert 0 < bought_wh <= 1_000 if mode == "direct" else bought_wh == 0
    assert outcome == {
        "address": BIDDER.address,
        "owner": BIDDER.address,
        "orderedWh": 1_000,
        "isCleared": mode == "direct",
    }


def test_every_message_is_in_the_package() -> None:
    script = (
        "import { registryTypes, aminoConverters } from '@blockenergy/client';"
        "console.log(JSON.stringify([registryTypes.map(([url]) => url),"
        " Object.keys(aminoConverters)]))"
    )
    found = run("node", "--input-type=module", "-e", script)
    assert found.returncode == 0, found.stderr
    expected = sorted(
        f"/{operation.request.full_name}"
        for group in get_messages().values()
        for operation in group.values()
        if operation.request.full_name.startswith("blockenergy.")
    )
    registry, amino = json.loads(found.stdout)
    assert registry == amino == expected


def test_the_node_of_another_chain_is_rejected(network: Network) -> None:
    url = network.rpc_urls[0].replace("tcp://", "http://")
    done = run("node", "test/bid.mjs", url, "another-1", "direct", BIDDER_MNEMONIC)
    assert done.returncode != 0
    assert "not another-1" in done.stderr


def test_what_npm_would_publish_has_the_types() -> None:
    packed = run("npm", "pack", "--dry-run", "--json")
    names = {file["path"] for file in json.loads(packed.stdout)[0]["files"]}
    assert {"dist/index.js", "dist/index.d.ts", "README.md"} <= names
    assert "dist/gen/blockenergy/market/v1/tx.d.ts" in names
    assert not any(name.startswith(("src/", "test/", "node_modules/")) for name in names)
    assert "dist/.tsbuildinfo" not in names
