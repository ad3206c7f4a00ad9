"""`python -m meter_bridge` and `blockenergy meter` as an operator runs them."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from client.node import chain_pin
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey, MeterKey
from meter_bridge.client import MeterClient
from meter_bridge.formats.dsmr import format_telegram
from meter_bridge.formats.encoding.frame import compute_crc16
from tests.bridge.processes import DEADLINE_S, child, get
from tests.bridge.waiting import wait_until
from tests.bridge.world_node import WorldNode, make_bridge_key
from tests.support.running.command_line import run_here
from tests.support.streets import people
from tests.support.world import CHAIN_ID, FIRST_SLOT, World

AWAY = "tcp://127.0.0.1:1"


class Operator:
    """A folder with keys and a bridge's home, and commands that run there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = folder / "keys"
        keyring = Keyring(self.keys)
        keyring.add("bridge", make_bridge_key(), None)
        secret = people.meter_key("meter-anna").private_bytes_raw()
        keyring.add("anna", MeterKey(secret), None)
        chain_pin.pin(self.keys, CHAIN_ID)

    @contextmanager
    def running(
        self, node: str, *options: str, listen: str = "127.0.0.1:0", key: str = "bridge"
    ) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """A running bridge and its address."""
        arguments = ["--home", str(self.folder / "home"), "--node", node, "--listen", listen]
        keys = ["--key", key, "--keyring", str(self.keys), "--log-format", "json"]
        with child("-m", "meter_bridge", *arguments, *keys, *options) as process:
            yield process, read_address(process)

    def meter(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors of `blockenergy meter`."""
        done = run_here(["meter", *arguments], {})
        return done.returncode, done.stdout, done.stderr

    def push(self, bridge: str, file: Path, *options: str) -> tuple[int, Any]:
        """Exit code and JSON output of `blockenergy meter push`."""
        key = ["--meter-key", "anna", "--keyring", str(self.keys), "-o", "json"]
        code, output, errors = self.meter("push", str(file), "--bridge", bridge, *key, *options)
        return code, json.loads(output or errors)


def read_address(process: subprocess.Popen[str]) -> str:
    """The address that the bridge logs."""
    return read_message(process, "listening on ").split()[2]


def read_message(process: subprocess.Popen[str], start: str) -> str:
    """The next message in the bridge's log that starts like this."""
    while line := get(process.stderr).readline():
        message: str = json.loads(line)["message"]
        if message.startswith(start):
            return message
    raise AssertionError(f"the bridge exited before it logged {start!r}")


def run_bridge(*arguments: str) -> tuple[int, str]:
    """Exit code and errors of a bridge that cannot start."""
    with child("-m", "meter_bridge", *arguments) as process:
        _, errors = process.communicate(timeout=DEADLINE_S)
        return process.returncode, errors


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


@pytest.fixture
def node() -> Iterator[WorldNode]:
    with WorldNode(World()).running() as node:
        node.make_block(node.world.end_s(FIRST_SLOT))
        yield node


def test_telegrams_from_a_file_reach_the_chain(
    operator: Operator, node: WorldNode, tmp_path: Path
) -> None:
    end_s = node.world.end_s(FIRST_SLOT)
    good = format_telegram("meter-anna", end_s + 2, (1_500, 500), (30,))
    file = tmp_path / "telegrams.txt"
    file.write_bytes(
        b"half a telegram\r\n"
        + good
        + b"\r\n"
        + good.replace(b"001.5", b"009.5")
        + format_telegram("meter-anna", end_s + 90, (1_600,), ())
        + format_telegram("meter-ben", end_s, (1_600,), ())
    )
    with operator.running(node.url) as (process, address):
        with MeterClient(address) as client:
            wait_until(lambda: client.health().healthy)
            code, responses = operator.push(address, file)
            assert code == 1, responses
            assert [response["result"] for response in responses] == [
                "PUSH_ACCEPTED",
                "PUSH_MALFORMED",
                "PUSH_NOT_AT_SLOT_END",
                "PUSH_WRONG_SIGNATURE",
            ]
            wait_until(lambda: client.health().done == 1)
        file.write_bytes(good)
        code, responses = operator.push(address, file, "--chain-id", "street-1")
        assert (code, responses[0]["result"]) == (0, "PUSH_DUPLICATE")
        code, output, _ = operator.meter(
            "status", "meter-anna", str(FIRST_SLOT), "--bridge", address, "-o", "json"
        )
        assert (code, json.loads(output)["result"]) == (0, "READING_RECORDED")
        code, output, _ = operator.meter("health", "--bridge", address)
        assert code == 0
        assert "street-1" in output
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    recorded = node.world.short()[f"metering.readings[{FIRST_SLOT}, meter-anna]"]
    assert {name: int(value) for name, value in recorded.items()} == {
        "import_wh": 2_000,
        "export_wh": 30,
    }


def test_of_a_telegram_a_second_the_nearest_to_the_end_of_the_slot_counts(
    operator: Operator, node: WorldNode, tmp_path: Path
) -> None:
    end_s = node.world.end_s(FIRST_SLOT)
    file = tmp_path / "telegrams.txt"
    telegrams = [
        format_telegram("meter-anna", end_s + off_s, (150_010 + off_s,), ())
        for off_s in range(-8, 9)
    ]
    file.write_bytes(b"".join(telegrams))
    initial = {"registry.meters[meter-anna]": {"initial_import_wh": 150_000}}
    with WorldNode(World(initial)).running() as node:
        node.make_block(end_s)
        with operator.running(node.url) as (_, address), MeterClient(address) as client:
            wait_until(lambda: client.health().healthy)
            code, responses = operator.push(address, file)
            assert (code, len(responses)) == (0, 1)
            wait_until(lambda: client.health().done == 1)
            assert client.health().conflicts == 0
        recorded = node.world.short()[f"metering.readings[{FIRST_SLOT}, meter-anna]"]
        assert recorded == {"import_wh": "150010"}


def test_the_gateway_names_a_meter_whose_telegrams_do_not(
    operator: Operator, node: WorldNode, tmp_path: Path
) -> None:
    end_s = node.world.end_s(FIRST_SLOT)
    file = tmp_path / "telegrams.txt"
    file.write_bytes(make_anonymous(format_telegram("meter-anna", end_s, (1_500,), ())))
    with operator.running(node.url) as (_, address), MeterClient(address) as client:
        wait_until(lambda: client.health().healthy)
        code, responses = operator.push(address, file)
        assert (code, responses[0]["result"]) == (1, "PUSH_MALFORMED")
        assert "--meter-id" in responses[0]["detail"]
        code, responses = operator.push(address, file, "--meter-id", "meter-anna")
        assert (code, responses[0]["meter_id"]) == (0, "meter-anna")
        file.write_bytes(
            format_telegram("A-1", end_s, (1,), ()) + format_telegram("A-2", end_s, (1,), ())
        )
        code, output = operator.push(address, file, "--meter-id", "meter-anna")
        assert code == 2
        assert "A-1 and A-2 among them" in output["error"]["sentence"]


def make_anonymous(telegram: bytes) -> bytes:
    """The telegram without its identifier."""
    lines = telegram.split(b"\r\n")
    content = b"\r\n".join(line for line in lines[:-2] if b"96.1.1" not in line) + b"\r\n!"
    return content + f"{compute_crc16(content):04X}\r\n".encode()


def test_a_clock_that_is_wrong_is_named(
    operator: Operator, node: WorldNode, tmp_path: Path
) -> None:
    """The bridge's own clock is that of the chain, years ahead of this machine's."""
    file = tmp_path / "telegram.txt"
    now_s = node.world.time_s
    with operator.running(node.url) as (_, address), MeterClient(address) as client:
        wait_until(lambda: client.health().healthy)
        for off_s, result in ((3_600, "PUSH_TOO_EARLY"), (-3_600, "PUSH_TOO_LATE")):
            file.write_bytes(format_telegram("meter-anna", now_s + off_s, (1_500,), ()))
            code, responses = operator.push(address, file)
            assert (code, responses[0]["result"]) == (1, result)
            side = "ahead of" if off_s > 0 else "behind"
            assert f"clock in the telegram is 3600 s {side} the bridge's" in responses[0]["detail"]
        file.write_bytes(format_telegram("meter-anna", now_s - 3_580, (1_500,), ()))
        code, responses = operator.push(address, file)
        assert (code, responses[0]["result"]) == (1, "PUSH_NOT_AT_SLOT_END")
        assert "is 3580 s behind the bridge's" in responses[0]["detail"]


@pytest.mark.parametrize(
    ("participant", "why"),
    [
        (None, "is not registered"),
        ({"status": "STATUS_SUSPENDED"}, "is suspended or removed"),
        ({"roles": ["ROLE_CONSUMER"]}, "lacks the role of a bridge"),
    ],
)
def test_a_bridge_that_the_chain_does_not_know_says_so(
    operator: Operator, participant: dict[str, Any] | None, why: str
) -> None:
    changes: dict[str, Any] = {"registry.participants[bridge]": participant}
    if participant is None:
        changes = {}
        Keyring(operator.keys).add("other", AccountKey.generate(), None)
    with (
        WorldNode(World(changes)).running() as node,
        operator.running(node.url, key="bridge" if participant else "other") as (process, address),
    ):
        assert why in read_message(process, "readings are waiting")
        code, output, _ = operator.meter("health", "--bridge", address, "-o", "json")
        health = json.loads(output)
        assert (code, health["healthy"]) == (1, False)
        assert why in health["detail"]


def test_a_proxy_in_the_environment_is_not_asked(
    operator: Operator, node: WorldNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
    with operator.running(node.url) as (_, address):
        with MeterClient(address) as client:
            wait_until(lambda: client.health().healthy)
        code, _, errors = operator.meter("health", "--bridge", address)
        assert (code, errors) == (0, "")


def test_nothing_is_signed_for_a_chain_that_only_the_other_side_has_named(
    operator: Operator, node: WorldNode, tmp_path: Path
) -> None:
    file = tmp_path / "telegram.txt"
    file.write_bytes(format_telegram("meter-anna", node.world.end_s(FIRST_SLOT), (1_500,), ()))
    with operator.running(node.url) as (_, address):
        with MeterClient(address) as client:
            wait_until(lambda: client.health().healthy)
        code, output = operator.push(address, file, "--chain-id", "street-2")
        assert code == 2
        assert "serves chain street-1, not street-2" in output["error"]["sentence"]
        (operator.keys / chain_pin.FILE).unlink()
        code, output = operator.push(address, file)
        assert code == 2
        assert "no chain id is pinned" in output["error"]["sentence"]
        code, responses = operator.push(address, file, "--chain-id", "street-1")
        assert (code, responses[0]["result"]) == (0, "PUSH_ACCEPTED")
    home = ["--home", str(operator.folder / "other"), "--listen", "127.0.0.1:0"]
    code, errors = run_bridge(*home, "--key", "bridge", "--keyring", str(operator.keys))
    assert code == 2
    assert "no chain id is pinned" in errors


def test_restarted_bridge_continues_with_its_spool(
    operator: Operator, node: WorldNode, tmp_path: Path
) -> None:
    file = tmp_path / "telegram.txt"
    end_s = node.world.end_s(FIRST_SLOT + 1)
    file.write_bytes(format_telegram("meter-anna", end_s, (2_000,), (30,)))
    # The meter's clock is ahead: accepted, but due only once the chain passes the end of the slot.
    node.make_block(end_s - 5)
    with operator.running(node.url) as (process, address):
        with MeterClient(address) as client:
            wait_until(lambda: client.health().healthy)
        code, responses = operator.push(address, file)
        assert (code, responses[0]["result"]) == (0, "PUSH_ACCEPTED")
        process.kill()
    node.make_block(end_s)
    with operator.running(node.url) as (_, address), MeterClient(address) as client:
        wait_until(lambda: client.health().done == 1)
    assert f"metering.readings[{FIRST_SLOT + 1}, meter-anna]" in node.world.short()


def test_bridge_starts_without_a_node_and_reports_it(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "telegram.txt"
    file.write_bytes(format_telegram("meter-anna", 1_800_000_060, (2_000,), ()))
    with operator.running(AWAY) as (process, address):
        code, output = operator.push(address, file)
        assert code == 3
        assert "cannot be reached" in output["error"]["sentence"]
        code, output, _ = operator.meter("health", "--bridge", address, "-o", "json")
        assert (code, json.loads(output)["healthy"]) == (1, False)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 0


def test_port_and_home_in_use(operator: Operator) -> None:
    keys = ["--key", "bridge", "--keyring", str(operator.keys), "--node", AWAY]
    home = str(operator.folder / "home")
    with operator.running(AWAY) as (_, address):
        code, errors = run_bridge("--home", home + "2", "--listen", address, *keys)
        assert code == 1
        assert errors.startswith("meter_bridge: The bridge cannot listen on 127.0.0.1")
        assert len(errors.splitlines()) == 1
        code, errors = run_bridge("--home", home, "--listen", "127.0.0.1:0", *keys)
        assert code == 1
        assert "Another bridge uses" in errors
        assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--listen", "0.0.0.0:26690"], 2, "so TLS is required"),
        (["--listen", "somewhere"], 2, "is not HOST:PORT"),
        (["--tls-cert", "x.pem"], 2, "go together"),
        (
            ["--tls-cert", "x.pem", "--tls-key", "x.key", "--tls-client-ca", "ca.pem"],
            4,
            "x.pem cannot be read",
        ),
        (["--key", "nobody"], 4, "there is no key named nobody"),
        (["--key", "anna"], 4, "needs an account key"),
        (["--node", "nowhere"], 2, "is not a node address"),
        (["--light", "nowhere.json"], 4, "no header is trusted yet"),
        (["--backlog-max", "0"], 2, "is not a whole number"),
        (["--utc-offsets", "1"], 2, "is not a pair of offsets"),
        (["--nonsense"], 2, "--nonsense"),
    ],
)
def test_wrong_option_is_reported_in_one_sentence(
    operator: Operator, options: list[str], code: int, sentence: str
) -> None:
    base = ["--home", str(operator.folder / "home"), "--listen", "127.0.0.1:0", "--node", AWAY]
    keys = ["--key", "bridge", "--keyring", str(operator.keys)]
    found, errors = run_bridge(*base, *keys, *options)
    assert found == code
    assert sentence in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["push", "missing.txt", "--meter-key", "anna"], 4, "missing.txt cannot be read"),
        (["push", "empty.txt", "--meter-key", "anna"], 2, "contains no telegram"),
        (["push", "one.txt", "--meter-key", "bridge"], 4, "signed with a meter key"),
        (["push", "one.txt", "--meter-key", "nobody"], 4, "there is no key named nobody"),
        (["push", "one.txt", "--meter-key", "missing.pem"], 4, "cannot be read"),
        (["push", "one.txt"], 2, "--meter-key"),
        (["push", "one.txt", "--meter-key", "anna"], 3, "cannot be reached"),
        (["push", "one.txt", "--meter-key", "anna", "--bridge", "192.0.2.1:1"], 2, "loopback"),
        (["push", "one.txt", "--meter-key", "anna", "--tls-ca", "x"], 2, "go together"),
        (["health"], 3, "cannot be reached"),
        (["status", "meter-anna", "-1"], 2, "-1"),
        (["telegram", "a/b", "7"], 2, "'a/b' is not a meter id"),
        (["telegram", "M-1", "7", "--import", "5"], 2, "'5' is not valid"),
        (["telegram", "M-1", "7"], 3, "cannot be reached"),
        (["status", "meter-anna", "x"], 2, "is not a slot number"),
    ],
)
def test_wrong_command_is_reported_in_one_sentence(
    operator: Operator, arguments: list[str], code: int, sentence: str
) -> None:
    (operator.folder / "empty.txt").touch()
    (operator.folder / "one.txt").write_bytes(format_telegram("meter-anna", 10**9, (1,), ()))
    paths = [
        str(operator.folder / one) if one.endswith((".txt", ".pem")) else one for one in arguments
    ]
    if "--bridge" not in paths:
        paths += ["--bridge", find_silent_address()]
    if paths[0] == "push":
        paths += ["--keyring", str(operator.keys)]
    found, _, errors = operator.meter(*paths)
    assert found == code, errors
    assert sentence in errors
    assert len([line for line in errors.splitlines() if line.startswith("blockenergy:")]) == 1
    assert "Traceback" not in errors


def find_silent_address() -> str:
    """An address without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
