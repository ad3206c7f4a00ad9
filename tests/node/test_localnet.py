"""The files of a network: what `init` writes, what `start` reads, and what is said of faults."""

import json
import re
import socket
import stat
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from blockenergy.registry.v1.energy_source_pb2 import ENERGY_SOURCE_SOLAR
from blockenergy.registry.v1.role_pb2 import ROLE_PROSUMER

from chain import app
from chain.runtime.state.store import MemoryStore
from client.errors import MissingError, UsageError
from client.node import chain_pin
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey, MeterKey
from node_config.accounts import GenesisAccount
from node_config.genesis import GenesisMeter
from node_config.localnet.commands import main
from node_config.localnet.layout import Layout, load_layout, require_startable
from node_config.localnet.network import Network
from node_config.localnet.ports import find_free_ports
from node_config.localnet.setup import init_network
from node_config.preset import load_preset

ALICE = AccountKey(b"a" * 32).address
METER_KEYS = [MeterKey(bytes([number]) * 32).pub_key for number in range(2)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A new network of two validators and one participant."""
    accounts = tmp_path / "accounts.csv"
    accounts.write_text(f"address,roles,amount\n{ALICE},prosumer+producer,12.5EUR\n")
    home = tmp_path / "net"
    init_network(home, 2, accounts, base_port=find_free_ports(2).base)
    return home


def read_genesis(home: Path, node: str = "node0") -> Any:
    return json.loads((home / node / "config" / "genesis.json").read_text())


def change(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_the_chain_takes_the_genesis_and_exports_it_again(home: Path) -> None:
    document = read_genesis(home)
    store = MemoryStore()
    store.apply(app.init_chain(document["app_state"]))
    again = MemoryStore()
    again.apply(app.init_chain(app.export(store)))
    assert again.data == store.data
    assert document["initial_height"] == "1"
    assert re.fullmatch(r"energy-local-[0-9a-f]{6}-1", document["chain_id"])


def test_transactions_of_an_earlier_network_are_not_good_on_a_new_one(tmp_path: Path) -> None:
    """The chain id is a part of what is signed, and no two networks have the same."""
    ids = set()
    for name in ("first", "second"):
        chain_id = init_network(tmp_path / name, 1)
        document = read_genesis(tmp_path / name)
        assert document["chain_id"] == chain_id == chain_pin.read_pin(tmp_path / name / "keys")
        ids.add(chain_id)
    assert len(ids) == 2
    # With an id of the operator's choice as well, the keys sign for no other.
    assert init_network(tmp_path / "third", 1, chain_id="street-2") == "street-2"
    assert chain_pin.read_pin(tmp_path / "third" / "keys") == "street-2"


def test_supply_is_what_all_have_together(home: Path) -> None:
    bank = read_genesis(home)["app_state"]["bank"]
    amounts = [int(balance["value"]) for balance in bank["balances"]]
    assert str(sum(amounts)) == bank["denoms"][0]["value"]["supply"]
    # Treasury, backstop, registrar, issuer, bridge, a distributor per validator, default fund,
    # purses, and the CSV.
    preset = load_preset("localnet")
    operators = sum(preset.balances.values()) + preset.balances["distributor"]
    purses = preset.purse_seed * preset.params["market"]["purses"]
    assert sum(amounts) == operators + purses + 12_500_000


def test_an_account_of_the_csv_is_registered(home: Path) -> None:
    state = read_genesis(home)["app_state"]
    participants = {entry["key"]: entry["value"] for entry in state["registry"]["participants"]}
    assert participants[ALICE]["roles"] == ["ROLE_PRODUCER", "ROLE_PROSUMER"]
    accounts = [entry["key"] for entry in state["auth"]["accounts"]]
    assert ALICE in accounts
    assert len(accounts) == len(participants) == 8


def test_feeders_are_those_of_the_preset(home: Path) -> None:
    registry = read_genesis(home)["app_state"]["registry"]
    feeders = {entry["key"]: entry["value"] for entry in registry["feeders"]}
    assert registry["feeder_count"] == "3"
    # The distributor that may change parameters runs all of them.
    operators = {feeder.pop("operator") for feeder in feeders.values()}
    assert operators == {read_genesis(home)["app_state"]["params"]["params"]["authority"]}
    assert feeders == {
        "feeder-1": {"capacity_w": "630000"},
        "feeder-2": {"capacity_w": "400000"},
        "feeder-2a": {"parent": "feeder-2", "capacity_w": "100000", "grid_fee_per_kwh": "5000"},
    }


def test_a_meter_takes_its_owner_to_its_feeder(tmp_path: Path) -> None:
    meters = [
        GenesisMeter("m-1", ALICE, "feeder-2a", 17_000, METER_KEYS[0]),
        GenesisMeter(
            "m-2", ALICE, "feeder-2a", 17_000, METER_KEYS[1], energy_source=ENERGY_SOURCE_SOLAR
        ),
    ]
    alice = GenesisAccount(ALICE, (ROLE_PROSUMER,), 5)
    init_network(tmp_path / "net", 1, accounts=[alice], meters=meters)
    registry = read_genesis(tmp_path / "net")["app_state"]["registry"]
    participants = {entry["key"]: entry["value"] for entry in registry["participants"]}
    places = [(one["meters"], one["feeder"]) for one in participants.values() if one["feeder"]]
    assert places == [("2", "feeder-2a")]
    assert participants[ALICE]["feeder"] == "feeder-2a"
    sources = [entry["value"].get("energy_source") for entry in registry["meters"]]
    assert sources == ["ENERGY_SOURCE_UNSPECIFIED", "ENERGY_SOURCE_SOLAR"]


@pytest.mark.parametrize(
    ("feeders", "sentence"),
    [
        (("feeder-9",), "registry.meters m-0: there is no feeder feeder-9"),
        (("feeder-1", "feeder-2"), "registry.grid_nodes"),
    ],
)
def test_meters_that_the_grid_has_no_place_for(
    tmp_path: Path, feeders: tuple[str, ...], sentence: str
) -> None:
    alice = GenesisAccount(ALICE, (ROLE_PROSUMER,), 5)
    meters = [
        GenesisMeter(f"m-{number}", ALICE, feeder, 17_000, METER_KEYS[number])
        for number, feeder in enumerate(feeders)
    ]
    with pytest.raises(UsageError, match=sentence):
        init_network(tmp_path / "net", 1, accounts=[alice], meters=meters)
    assert not list(tmp_path.iterdir())


def test_keys_belong_to_the_genesis_and_to_their_owner_alone(home: Path) -> None:
    state = read_genesis(home)["app_state"]
    addresses = {info.name: info.address for info in Keyring(home / "keys").list_keys()}
    assert sorted(addresses) == [
        *["backstop", "bridge", "distributor0", "distributor1"],
        *["issuer", "registrar", "treasury"],
    ]
    assert state["registry"]["params"]["registrar"] == addresses["registrar"]
    assert state["market"]["params"]["treasury"] == addresses["treasury"]
    assert state["market"]["params"]["grid_account"] == addresses["distributor0"]
    assert state["settlement"]["params"]["backstop"] == addresses["backstop"]
    secrets = [
        *(home / "keys").glob("*.json"),
        *home.glob("node*/config/*key.json"),
    ]
    assert len(secrets) == 7 + 4
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in secrets)


def test_validators_of_the_genesis_have_their_keys(home: Path) -> None:
    for number, validator in enumerate(read_genesis(home)["validators"]):
        key = json.loads((home / f"node{number}/config/priv_validator_key.json").read_text())
        assert validator["name"] == f"node{number}"
        assert validator["address"] == key["address"]
        assert validator["pub_key"] == key["pub_key"]
    assert (home / "node0/config/genesis.json").read_bytes() == (
        home / "node1/config/genesis.json"
    ).read_bytes()


def test_settings_of_a_private_network(home: Path) -> None:
    config = tomllib.loads((home / "node0/config/config.toml").read_text())
    assert config["p2p"]["pex"] is False
    assert config["p2p"]["flush_throttle_timeout"] == "10ms"
    loopback = ["http://localhost:*", "http://127.0.0.1:*"]
    assert config["rpc"]["cors_allowed_origins"] == loopback
    assert config["consensus"]["create_empty_blocks_interval"] == "1s"
    assert config["rpc"]["laddr"].startswith("tcp://127.0.0.1:")
    assert re.fullmatch(r"[0-9a-f]{40}@127\.0\.0\.1:\d+", config["p2p"]["persistent_peers"])


def test_an_existing_folder_is_left_alone(home: Path) -> None:
    before = sorted(home.rglob("*"))
    with pytest.raises(UsageError, match="already exists; start it, or remove it to create"):
        init_network(home)
    assert sorted(home.rglob("*")) == before


def test_nothing_is_written_for_a_wrong_csv(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.csv"
    accounts.write_text(f"{ALICE},consumer,1\n{ALICE},consumer,1\n")
    with pytest.raises(UsageError, match=r"accounts\.csv: line 2: .* is already in line 1"):
        init_network(tmp_path / "net", accounts_csv=accounts)
    assert [path.name for path in tmp_path.iterdir()] == ["accounts.csv"]


def test_parameters_that_the_chain_rejects(tmp_path: Path) -> None:
    preset = load_preset("localnet")
    market = {**preset.params["market"], "price_low_per_kwh": 300_000}
    wrong = replace(preset, params={**preset.params, "market": market})
    with pytest.raises(UsageError, match="price_low_per_kwh is not below price_high_per_kwh"):
        init_network(tmp_path / "net", preset=wrong)
    unknown = replace(preset, params={**preset.params, "market": {**market, "dept_wh": 1}})
    with pytest.raises(UsageError, match="dept_wh"):
        init_network(tmp_path / "net", preset=unknown)
    for module in preset.params:
        rest = {name: params for name, params in preset.params.items() if name != module}
        with pytest.raises(UsageError, match=f"{module}.params"):
            init_network(tmp_path / "net", preset=replace(preset, params=rest))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"validators": 0}, "0 validators are not possible; choose 1 to 100"),
        ({"validators": 101}, "101 validators are not possible"),
        ({"base_port": 80}, "the ports 80 to"),
        ({"base_port": 65_530}, "the ports 65530 to"),
        ({"chain_id": "a b"}, "'a b' is not a chain id"),
        ({"preset": "huge"}, "there is no preset huge"),
    ],
)
def test_wrong_arguments(tmp_path: Path, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises((UsageError, MissingError), match=sentence):
        init_network(tmp_path / "net", **arguments)
    assert not list(tmp_path.iterdir())


def test_start_reads_what_was_edited(home: Path) -> None:
    before = load_layout(home)
    require_startable(before)
    port = find_free_ports(1).rpc(0)
    change(home / "node1/config/config.toml", str(before.nodes[1].rpc.port), str(port))
    change(home / "localnet.toml", str(before.bridge.listen), "127.0.0.1:1234")
    after = load_layout(home)
    assert after.nodes[1].rpc.port == port
    assert after.nodes[0] == before.nodes[0]
    assert after.bridge.listen.port == 1234


def spoil_state(layout: Layout) -> None:
    for node in layout.nodes:
        change(node.genesis, '"depth_max_wh": "50000"', '"depth_max_wh": "0"')


def spoil_one(layout: Layout) -> None:
    change(layout.nodes[1].genesis, '"depth_max_wh": "50000"', '"depth_max_wh": "1"')


def spoil_json(layout: Layout) -> None:
    for node in layout.nodes:
        node.genesis.write_text("{")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (spoil_state, r"node0/config/genesis.json: .* market.params.depth_max_wh: 1 to"),
        (spoil_one, r"node1/config/genesis.json differs from .*node0/config/genesis.json"),
        (spoil_json, r"node0/config/genesis.json is not a genesis document"),
    ],
)
def test_a_spoilt_genesis_starts_nothing(
    home: Path, spoil: Callable[[Layout], None], sentence: str
) -> None:
    spoil(load_layout(home))
    network = Network(home)
    with pytest.raises(UsageError, match=sentence):
        network.start()
    assert not network.get_pids()


def test_a_taken_port_starts_nothing(home: Path) -> None:
    network = Network(home)
    node = network.layout.nodes[1]
    with (
        socket.create_server(("127.0.0.1", node.rpc.port)),
        pytest.raises(UsageError, match=rf"port {node.rpc.port} is in use; .*node1/config/config"),
    ):
        network.start()
    assert not network.get_pids()


def test_missing_and_broken_files(home: Path, tmp_path: Path) -> None:
    with pytest.raises(
        MissingError, match="holds no network; create one with: blockenergy localnet"
    ):
        load_layout(tmp_path / "nowhere")
    change(home / "node1/config/config.toml", "laddr", "address")
    with pytest.raises(UsageError, match=r"node1/config/config\.toml cannot be used: .*laddr"):
        load_layout(home)
    change(home / "localnet.toml", '"node1"', '"node7"')
    with pytest.raises(MissingError, match=r"node7/config/config\.toml cannot be read"):
        load_layout(home)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = str(tmp_path / "net")
    assert main(["init", "--home", home, "--validators", "1"]) == 0
    assert "Wrote a network of 1 validators" in capsys.readouterr().out
    assert main(["init", "--home", home]) == 2
    assert capsys.readouterr().err.startswith(f"blockenergy: {home} already exists")
    assert main(["start", "--home", str(tmp_path / "nowhere")]) == 4
    assert main(["init", "--validators", "many"]) == 2
