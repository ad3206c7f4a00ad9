"""What goes into the containers, looked at without an engine."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest
from cryptography import x509

from client.errors import UsageError
from client.node.chain_pin import read_pin
from client.signing.keyring import Keyring
from node_config.preset import load_preset
from node_config.testnet import images, page_health
from node_config.testnet.homes import HOURS, LOAD_W, PV_W, SimulatedHome, Street, has_pv
from node_config.testnet.network import NODES, PORTS
from node_config.testnet.setup import CHAIN_NAME, main, write_volumes

GRAFANA = images.FOLDER / "monitoring" / "grafana"
STREET = Street(
    homes=4,
    first_slot=1_000,
    slot_length_s=60,
    represented_duration_s=900,
    reading_deadline_s=60,
    price_low_per_kwh=80_000,
    price_high_per_kwh=300_000,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("volumes")
    assert write_volumes(folder, load_preset("localnet"), 3)
    return folder


def test_a_validator_gets_its_own_folder_and_knows_its_links_by_name(root: Path) -> None:
    keys = set()
    chain_id = read_pin(root / "operators" / "keys")
    assert re.fullmatch(rf"{CHAIN_NAME}-[0-9a-f]{{6}}-1", chain_id)
    # The homes and the bridge sign for this chain too, and for no other.
    assert {read_pin(root / name) for name in ("bridge", "meters/keys")} == {chain_id}
    for number in range(NODES):
        config = root / f"node{number}" / "config"
        content = tomllib.loads((config / "config.toml").read_text())
        assert content["moniker"] == f"node{number}"
        hosts = [peer.partition("@")[2] for peer in content["p2p"]["persistent_peers"].split(",")]
        assert hosts == [f"peer{n}:26656" for n in range(NODES) if n != number]
        assert content["instrumentation"]["prometheus"] is True
        assert json.loads((config / "genesis.json").read_text())["chain_id"] == chain_id
        keys.add((config / "priv_validator_key.json").read_text())
        assert len(list((root / f"node{number}").rglob("*key.json"))) == 2
    assert len(keys) == NODES


def test_people_and_homes_have_different_keys(root: Path) -> None:
    people = {key.name for key in Keyring(root / "operators" / "keys").list_keys()}
    homes = {key.name for key in Keyring(root / "meters" / "keys").list_keys()}
    assert {"registrar", "issuer", "bridge", "home0", "meter0"} <= people
    assert homes == {f"{kind}{number}" for kind in ("home", "meter") for number in (1, 2, 3)}
    assert Street.read(root / "meters").homes == 3


def test_volumes_that_are_filled_stay_as_they_are(root: Path) -> None:
    before = (root / "node0" / "config" / "genesis.json").read_bytes()
    assert not write_volumes(root, load_preset("localnet"), 3)
    assert (root / "node0" / "config" / "genesis.json").read_bytes() == before


def test_half_filled_volumes_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "node1").mkdir()
    (tmp_path / "node1" / "config").mkdir()
    with pytest.raises(UsageError, match=r"node1 holds only a part of a network; remove"):
        write_volumes(tmp_path, load_preset("localnet"), 1)


def test_setup_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(tmp_path), "--homes", "1000"]) == 2
    assert "not a number from 0 to 100" in capsys.readouterr().err
    assert main(["--root", str(tmp_path / "missing")]) == 4
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["bridge", "dashboard"])
def test_a_server_is_known_by_its_name_and_on_loopback(root: Path, name: str) -> None:
    pem = (root / name / "tls.pem").read_bytes()
    names = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == [name, "localhost"]
    assert [str(ip) for ip in names.value.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert (root / name / "tls.key").stat().st_mode & 0o077 == 0
    assert len(list(root.rglob("authority.pem"))) == 4
    assert len(list((root / "dashboard").iterdir())) == 3


def test_what_compose_starts_is_built_and_published() -> None:
    """Without an engine: each image of ours has a stage, each published port a variable."""
    compose, stages = images.FOLDER / "compose.yaml", images.DOCKERFILE.read_text()
    text = compose.read_text()
    ours = set(re.findall(r"-(blockenergy/\w+)\}", text))
    assert ours == set(images.IMAGES.values())
    assert all(f" AS {name}\n" in stages for name in images.IMAGES)
    ports = dict(re.findall(r"127\.0\.0\.1:\$\{(\w+_PORT(?:_\d)?):-(\d+)\}:", text))
    assert ports == {name: str(default) for name, default in PORTS.values()}


def test_the_images_have_every_package_that_is_imported_in_them() -> None:
    """But those of functions, which are imported where they are called."""
    listed = images.DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
    copied = {line.removeprefix("!") for line in listed if line.startswith("!")}
    packages = {path.parent.name for path in images.CHECKOUT.glob("*/__init__.py")}
    sources = [
        path for name in packages & copied for path in (images.CHECKOUT / name).rglob("*.py")
    ]
    elsewhere = {images.CHECKOUT / "node_config" / name for name in ("demo", "simulated")}
    for path in sources:
        if not elsewhere & set(path.parents):
            assert packages & find_imported(path) <= copied, path


def find_imported(path: Path) -> set[str]:
    """The packages that a module imports as soon as it is imported itself."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        found |= {name.partition(".")[0] for name in names}
    return found


def test_a_dashboard_that_does_not_respond_is_not_well(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = str(root / "dashboard" / "authority.pem")
    assert page_health.main("127.0.0.1:8080", 1, authority) == 1
    assert page_health.main("127.0.0.1:8080", 1, "missing.pem") == 1
    assert capsys.readouterr().out.count("the dashboard does not respond") == 2


def test_registers_count_what_flows() -> None:
    for number in range(1, STREET.homes + 1):
        home = SimulatedHome(STREET, number)
        import_wh = export_wh = 0
        assert home.compute_registers_wh(STREET.first_slot - 5) == (0, 0)
        for slot in range(STREET.first_slot, STREET.first_slot + 3 * STREET.slots_per_day):
            flow_wh = home.get_net_use_wh(slot)
            import_wh += max(flow_wh, 0)
            export_wh += max(-flow_wh, 0)
            assert home.compute_registers_wh(slot) == (import_wh, export_wh)
        assert import_wh > 0
        assert (export_wh > 0) == has_pv(number)


def test_forecasts_are_near_what_flows_and_not_the_same() -> None:
    home = SimulatedHome(STREET, 2)
    slots = range(STREET.slots_per_day)
    errors = [home.forecast_wh(slot) - home.get_net_use_wh(slot) for slot in slots]
    assert any(errors)
    assert all(
        abs(error) <= home.get_net_use_wh(slot) * 8 // 100 + 1
        for slot, error in zip(slots, errors, strict=True)
    )


def test_a_day_has_24_hours() -> None:
    assert len(LOAD_W) == len(PV_W) == HOURS


def test_panels_ask_the_provisioned_source() -> None:
    dashboard = json.loads((GRAFANA / "dashboards" / "blockenergy.json").read_text())
    source = (GRAFANA / "provisioning" / "datasources" / "prometheus.yaml").read_text()
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in dashboard["panels"]:
        uid = panel["datasource"]["uid"]
        assert f"uid: {uid}\n" in source
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {uid}
