"""The street of a local network: what its files say, and how a shell starts and stops it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain import app
from client.errors import UsageError
from client.signing.keyring import Keyring
from node_config.localnet.background import ENV, is_running, start_in_background, stop_network
from node_config.localnet.ports import find_free_ports
from node_config.localnet.setup import init_network
from node_config.localnet.supervisor import NetworkError
from tests.support.running.networks import require_cometbft
from tests.support.store import SortedStore

DEADLINE_S = 60.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "net"
    init_network(home, 1, preset="street", base_port=find_free_ports(1).base)
    yield home
    if is_running(home):
        stop_network(home)


def test_everybody_has_a_key_an_account_and_a_meter(home: Path) -> None:
    document = json.loads((home / "node0/config/genesis.json").read_text())
    assert document["chain_id"].startswith("energy-street-")
    state = document["app_state"]
    keys = {info.name: info for info in Keyring(home / "keys").list_keys()}
    meters = {entry["key"]: entry["value"] for entry in state["registry"]["meters"]}
    participants = {entry["key"]: entry["value"] for entry in state["registry"]["participants"]}
    anna = keys["anna"].address
    assert participants[anna] == {
        "roles": ["ROLE_PROSUMER"],
        "status": "STATUS_ACTIVE",
        "meters": "1",
        "feeder": "north",
        "capacity_w": "11000",
        "source_capacity_w": "11000",
    }
    assert meters["HOME-01"]["owner"] == anna
    assert meters["HOME-01"]["energy_source"] == "ENERGY_SOURCE_SOLAR"
    [battery] = state["storage"]["batteries"]
    assert battery["key"] == keys["battery"].address
    assert battery["value"]["capacity_wh"] == "20000"
    for name in ("anna", "ben", "carl", "battery"):
        assert keys[f"meter-{name}"].key_type == "meter"
    # The slot before genesis counts as settled: what flowed until then is in the battery already.
    exported = app.export(make_store(state))["storage"]["batteries"][0]["value"]
    assert exported["state_of_charge_wh"] == "8000"
    assert exported.items() >= battery["value"].items()


def make_store(state: object) -> SortedStore:
    store = SortedStore()
    store.apply(app.init_chain(state))
    return store


@pytest.mark.network
def test_one_shell_starts_it_uses_it_and_stops_it(home: Path) -> None:
    require_cometbft()
    start_in_background(home, DEADLINE_S)
    with pytest.raises(UsageError, match="a network is already running from"):
        start_in_background(home, DEADLINE_S)
    used = subprocess.run(
        ["sh", "-c", f". {home / ENV}; env; blockenergy query bank balances --address anna"],
        cwd=home,
        env={"PATH": os.environ["PATH"]},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert f"BLOCKENERGY_HOME={home}\n" in used
    assert "100.00 EUR" in used
    stop_network(home)
    assert not (home / ENV).exists()
    with pytest.raises(UsageError, match="no network is running from"):
        stop_network(home)


@pytest.mark.network
def test_a_network_that_does_not_start_says_why(home: Path) -> None:
    require_cometbft()
    genesis = home / "node0/config/genesis.json"
    genesis.write_text("{")
    with pytest.raises(NetworkError, match="is not a genesis document"):
        start_in_background(home, DEADLINE_S)
    assert not is_running(home)
