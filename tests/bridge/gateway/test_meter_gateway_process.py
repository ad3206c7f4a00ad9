"""`blockenergy meter gateway` as a process: it is checked, read from, killed and started again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from client.cli.__main__ import main
from client.signing.keyring import Keyring
from client.signing.keys import MeterKey
from tests.bridge.fakes import CHAIN_ID, NOW_S, SLOT, SLOT_LENGTH_S, FakeChain, make_key
from tests.bridge.processes import child
from tests.bridge.service.serving import running
from tests.bridge.waiting import wait_until
from tests.bridge.world_node import WorldNode, make_bridge_key
from tests.support.others import meter_telegrams as written
from tests.support.others.meter_telegrams import Shown
from tests.support.streets import people
from tests.support.world import CHAIN_ID as WORLD_ID
from tests.support.world import FIRST_SLOT, World

METER = "HOME-07"


def write_config(folder: Path, port: int, extra: str = "") -> Path:
    keyring = Keyring(folder / "keys")
    if not keyring.has("home"):
        keyring.add("home", make_key(METER), None)
    path = folder / "gateway.toml"
    path.write_text(
        f"""
home = "home-of-gateway"
bridge = "127.0.0.1:{port}"
chain_id = "{CHAIN_ID}"
keyring = "keys"
slot_length_s = {SLOT_LENGTH_S}

[[meter]]
id = "{METER}"
key = "home"
format = "sml"
source = {{ type = "files", folder = "drop", every_s = 1 }}
{extra}
"""
    )
    return path


def drop(folder: Path, slot: int, import_wh: int) -> None:
    """A telegram of the end of a slot, as a file that is complete at once."""
    raw = written.make_sml(Shown((slot + 1) * SLOT_LENGTH_S, import_wh, 0))
    target = folder / "drop"
    target.mkdir(exist_ok=True)
    (target / f"{slot}").write_bytes(raw)
    (target / f"{slot}.sha256").write_text(hashlib.sha256(raw).hexdigest())


def test_nothing_is_lost_or_doubled_by_kill_9(tmp_path: Path, chain: FakeChain) -> None:
    config = write_config(tmp_path, 1)
    command = ["-m", "client.cli", "meter", "gateway", str(config)]
    with child(*command) as gateway:
        drop(tmp_path, SLOT, 1_000)
        # Taken while the bridge is away.
        wait_until((tmp_path / "drop" / "done" / f"{SLOT}").exists)
        gateway.kill()
    with running(tmp_path, chain) as bridge:
        write_config(tmp_path, bridge.port)
        with child(*command) as gateway:
            wait_until(lambda: (METER, SLOT) in chain.recorded)
            gateway.kill()
        chain.pass_time(SLOT_LENGTH_S)
        with child(*command) as gateway:
            # The same telegram once more, with another register, and the next one.
            drop(tmp_path, SLOT, 1_001)
            drop(tmp_path, SLOT + 1, 1_500)
            wait_until(lambda: (METER, SLOT + 1) in chain.recorded)
            gateway.terminate()
            assert gateway.wait(20) == 0
        assert bridge.get_health().conflicts == 0
    shown = {slot: one.import_register_wh for (_, slot), one in chain.recorded.items()}
    assert shown == {SLOT: 1_000, SLOT + 1: 1_500}
    assert NOW_S == (SLOT + 1) * SLOT_LENGTH_S


def test_the_log_says_that_meters_are_read_and_readings_sent(
    tmp_path: Path, chain: FakeChain
) -> None:
    with running(tmp_path, chain) as bridge:
        config = write_config(tmp_path, bridge.port)
        with child("-m", "client.cli", "meter", "gateway", str(config)) as gateway:
            drop(tmp_path, SLOT, 1_000)
            wait_until(lambda: (METER, SLOT) in chain.recorded)
            gateway.terminate()
            _, said = gateway.communicate(timeout=20)
    assert "INFO reading 1 meters\n" in said
    assert f"INFO meter {METER} slot {SLOT}: import 1000 Wh, export 0 Wh, measured\n" in said
    assert said.count(f"INFO meter {METER} is read\n") == 1
    assert "WARNING" not in said


def test_check_says_what_would_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path, 1)
    assert main(["meter", "gateway", str(config), "--check"]) == 0
    shown = capsys.readouterr().out
    assert shown == f"{METER}: sml by files, signed by {make_key(METER).pub_key.hex()}\n"
    assert not (tmp_path / "home-of-gateway").exists()


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        ('encryption_key = "none"', "there is no key named none"),
        ('encryption_key = "home"', "telegrams need a telegram key"),
        ("colour = 7", "colour is unknown"),
        ("[", "is not TOML"),
    ],
)
def test_check_finds_mistakes(
    extra: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, 1, extra)
    assert main(["meter", "gateway", str(config), "--check"]) in (2, 4)
    assert problem in capsys.readouterr().err


def test_gateway_and_bridge_are_one_small_process(tmp_path: Path) -> None:
    """On the real rules; below 100 MB."""
    keyring = Keyring(tmp_path / "keys")
    keyring.add("bridge", make_bridge_key(), None)
    keyring.add("anna", MeterKey(people.meter_key("meter-anna").private_bytes_raw()), None)
    with WorldNode(World()).running() as node:
        end_s = node.world.end_s(FIRST_SLOT)
        node.make_block(end_s)
        config = tmp_path / "gateway.toml"
        config.write_text(
            f"""
home = "gateway"
chain_id = "{WORLD_ID}"
keyring = "keys"
bridge = {{ home = "bridge", key = "bridge", node = "{node.url}" }}

[[meter]]
id = "meter-anna"
key = "anna"
format = "sml"
source = {{ type = "files", folder = "drop", every_s = 1 }}
"""
        )
        (tmp_path / "drop").mkdir()
        raw = written.make_sml(Shown(end_s, 1_500, 30))
        with child("-m", "client.cli", "meter", "gateway", str(config)) as gateway:
            # The gateway learns from its bridge how long a slot is.
            wait_until((tmp_path / "drop" / "done").exists)
            wait_until(lambda: read_note(tmp_path / "gateway", "slot_length_s") != "")
            (tmp_path / "drop" / "1").write_bytes(raw)
            (tmp_path / "drop" / "1.sha256").write_text(hashlib.sha256(raw).hexdigest())
            name = f"metering.readings[{FIRST_SLOT}, meter-anna]"
            wait_until(lambda: name in node.world.short())
            status = Path(f"/proc/{gateway.pid}/status").read_text()
            gateway.terminate()
            assert gateway.wait(20) == 0
        assert node.world.short()[name] == {"import_wh": "1500", "export_wh": "30"}
    peak_kb = next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
    assert peak_kb < 100 * 1024


def read_note(home: Path, name: str) -> str:
    """A note as it lies on disk, while the gateway has the store to itself."""
    return name if name.encode() in (home / "gateway.sqlite-wal").read_bytes() else ""
