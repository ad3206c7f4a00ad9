"""Distributors with folders of their own make a genesis, run its chain, and look after their nodes.

Everything goes by the commands that docs/operators.md names.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import blockenergy
import pytest

from client.cli.__main__ import main
from client.errors import RpcError
from client.node.rpc import Rpc
from node_config.compiled import ROOT
from node_config.localnet.ports import Ports, find_free_ports
from node_config.localnet.process import make_environment
from node_config.localnet.supervisor import NetworkError
from node_config.node.home import NodeHome
from tests.chaos.support.rpc import wait_until
from tests.support.running.networks import require_cometbft

pytestmark = pytest.mark.network

COUNT = 3
DEADLINE_S = 90.0
DENOMS_MAX = 77
# What the next release has, and this one has not.
MIGRATION = f"""
from chain.bank.state import PARAMS


def raise_denoms(ctx):
    params = PARAMS.get(ctx)
    params.denoms_max = {DENOMS_MAX}
    PARAMS.set(ctx, params)


MIGRATIONS = {{"v2": raise_denoms}}
"""
PASSPHRASE = "a passphrase"


class Company:
    """A distributor: its folder, and its node while it runs."""

    def __init__(self, folder: Path, number: int, ports: Ports) -> None:
        self.number = number
        self.folder = folder / f"company{number}"
        self.folder.mkdir()
        self.p2p = f"127.0.0.1:{ports.p2p(number)}"
        self.url = f"tcp://127.0.0.1:{ports.rpc(number)}"
        self.home = NodeHome(self.folder / "node")
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str, status: int = 0) -> str:
        """What a command prints, in this process: starting one for each would take long."""
        said = io.StringIO()
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setenv("BLOCKENERGY_PASSPHRASE", PASSPHRASE)
            patch.setenv("BLOCKENERGY_YES", "1")
            patch.setenv("BLOCKENERGY_NODE", self.url)
            assert main(arguments) == status, said.getvalue()
        return said.getvalue()

    def read(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "-o", "json"))

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "client.cli", "node", "start"]
        self.process = subprocess.Popen(
            [*command, "--", "--history-heights", "50"],
            cwd=self.folder,
            env=make_environment() | (environment or {}),
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "start.log").open("ab"),
            start_new_session=True,
        )

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def wait_for_end(self) -> str:
        """What a node said that has ended by itself."""
        wait_until(self.has_ended, DEADLINE_S, "the node to end")
        assert self.process is not None
        assert self.process.returncode == NetworkError.exit_code
        self.process = None
        return (self.folder / "start.log").read_text()

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(DEADLINE_S) == 0
            self.process = None

    def get_height(self) -> int:
        try:
            return Rpc(self.url).status().latest_height
        except RpcError:
            return 0

    def wait_for_height(self, height: int) -> None:
        wait_until(lambda: self.get_height() >= height, DEADLINE_S, f"height {height}")


@pytest.fixture(scope="module")
def companies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Company]]:
    require_cometbft()
    ports = find_free_ports(COUNT)
    folder = tmp_path_factory.mktemp("ceremony")
    companies = [Company(folder, number, ports) for number in range(COUNT)]
    hold_ceremony(folder, companies)
    for company in companies:
        company.start()
    try:
        for company in companies:
            company.wait_for_height(2)
        yield companies
    finally:
        for company in companies:
            if company.process is not None:
                company.process.send_signal(signal.SIGTERM)
                company.process.wait(DEADLINE_S)


def hold_ceremony(folder: Path, companies: list[Company]) -> None:
    operators = []
    for company in companies:
        rpc = company.url.removeprefix("tcp://")
        moniker = f"company{company.number}"
        company.run("node", "init", "--moniker", moniker, "--p2p", company.p2p, "--rpc", rpc)
        key = company.read("keys", "show", "operator", "--keyring", "node/keys")
        assert key["encrypted"] is True
        operators.append(key["address"])
    first, *_ = companies
    names = ("registrar", "treasury", "backstop", "issuer", "bridge")
    offices = [f"--office={name}={operators[at % COUNT]}" for at, name in enumerate(names)]
    draft = str(folder / "draft.json")
    first.run("genesis", "init", "--preset", "demo", *offices, "--out", draft)
    records = [str(folder / f"record{company.number}.json") for company in companies]
    for company, record in zip(companies, records, strict=True):
        own = ("--home", "node", "--p2p", company.p2p, "--out", record)
        company.run("genesis", "add-validator", "--draft", draft, *own)
    hashes = set()
    for company in companies:
        turned = records[company.number :] + records[: company.number]
        company.run("genesis", "collect", "--draft", draft, *turned, "--home", "node")
        hashes.add(company.read("genesis", "hash", "genesis.json")["sha256"])
    assert len(hashes) == 1
    checked = first.run(
        "genesis", "validate", "genesis.json", "--draft", draft, "--records", *records
    )
    assert f"{COUNT} validators" in checked
    missing = ("--draft", draft, "--records", *records[1:])
    assert "is not made of" in first.run("genesis", "validate", "genesis.json", *missing, status=2)


def test_the_chain_runs_and_every_node_is_in_good_health(companies: list[Company]) -> None:
    for company in companies:
        company.wait_for_height(5)
        assert set(company.read("node", "doctor").values()) == {"ok"}
    status = companies[0].read("node", "status")
    assert status["supervised"] is True
    assert status["peers"] == COUNT - 1
    assert int(status["power"]) == 10
    # More than two thirds of three equal powers are all of them.
    signed = status["signed_of_last_blocks"]
    assert len(signed) == COUNT
    assert len(set(signed.values())) == 1
    number, blocks = next(iter(signed.values())).split(" of ")
    assert number == blocks != "0"
    assert "is already running" in companies[0].run("node", "start", status=2)
    # All three have to sign, so a killed process is back, or there are no more blocks.
    path = companies[1].home.path / "logs" / "node-app.log"
    assert path.stat().st_size
    pids = subprocess.run(
        ["pgrep", "-P", str(companies[1].process.pid)],  # type: ignore[union-attr]
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    os.kill(int(pids[0]), signal.SIGKILL)
    companies[0].wait_for_height(companies[0].get_height() + 5)


def test_a_block_is_taken_back_and_executed_again(companies: list[Company]) -> None:
    company = companies[2]
    # The first block is never taken back.
    company.wait_for_height(3)
    assert "stop it first" in company.run("node", "rollback", status=2)
    company.stop()
    before = company.home.app_data
    said = company.run("node", "rollback")
    height = int(said.split()[-1].rstrip("."))
    # Once more changes nothing: CometBFT takes back one block, and no more.
    assert company.run("node", "rollback") == said
    assert before.is_dir()
    company.start()
    company.wait_for_height(height + 3)


def test_a_backup_becomes_a_node_that_signs_nothing_twice(companies: list[Company]) -> None:
    company, trusted = companies[2], companies[0].url
    company.stop()
    company.run("node", "backup", "--out", "node.tar")
    company.home.path.rename(company.folder / "lost")
    # Of three validators all have to sign: the chain waits at this height for the restored one.
    height = companies[0].get_height()
    company.run("node", "restore", "node.tar", "--signed-height", str(height))
    company.start()
    companies[0].wait_for_height(height + 3)
    state = json.loads(company.home.signing_state.read_text())
    assert int(state["height"]) > height
    assert Rpc(trusted).status().latest_height > height
    assert set(company.read("node", "doctor").values()) == {"ok"}


def make_next_release(folder: Path) -> dict[str, str]:
    """The environment in which the next release runs."""
    for path in ROOT.iterdir():
        if (path / "__init__.py").is_file():
            ignored = shutil.ignore_patterns("__pycache__", "*.so")
            shutil.copytree(path, folder / path.name, ignore=ignored)
    (folder / "chain" / "migrations.py").write_text(MIGRATION)
    generated = Path(blockenergy.__path__[0]).parent
    return {"PYTHONPATH": f"{folder}:{generated}"}


def decide(companies: list[Company], content: Mapping[str, object]) -> None:
    """Everybody approves."""
    first, *others = companies
    own = ("--from", "operator", "--keyring", "node/keys", "-o", "json")
    said = first.run("tx", "validators", "propose", "--content", json.dumps(content), *own)
    proposal_id = json.loads(said)["responses"][0]["proposal_id"]
    for company in others:
        company.run("tx", "validators", "approve", "--proposal-id", proposal_id, *own)


def test_a_vote_upgrades_the_chain(companies: list[Company], tmp_path: Path) -> None:
    first = companies[0]
    authority = first.read("query", "validators", "vote-account")["address"]
    height = first.get_height() + 20
    plan = {"name": "v2", "height": str(height), "info": "https://example.com/v2"}
    message = {"@type": "/blockenergy.upgrade.v1.MsgPlanUpgrade", "authority": authority}
    decide(companies, message | {"plan": plan})
    assert first.read("query", "upgrade", "plan")["plan"] == plan
    release = make_next_release(tmp_path / "release")
    waiting = list(companies)
    while waiting:
        # Who stops first may leave the others without its vote for the block, until it is back.
        wait_until(lambda: any(one.has_ended() for one in waiting), DEADLINE_S, "a node to end")
        company = next(one for one in waiting if one.has_ended())
        waiting.remove(company)
        said = company.wait_for_end()
        assert f"the upgrade v2 begins at height {height}" in said
        assert "is not restarted" in said
        info = json.loads((company.home.path / "data" / "upgrade-info.json").read_text())
        assert info == {**plan, "height": height, "time": "0001-01-01T00:00:00Z"}
        company.start(release)
    for company in companies:
        company.wait_for_height(height + 3)
    # Genesis has another number.
    assert int(first.read("query", "bank", "params")["params"]["denoms_max"]) == DENOMS_MAX
    assert first.read("query", "upgrade", "upgrades")["upgrades"] == [
        {"name": "v2", "height": str(height)}
    ]
    first.stop()
    first.start()
    assert "has made the upgrade v2, which this release does not have" in first.wait_for_end()
