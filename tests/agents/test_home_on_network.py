"""Homes that trade on a real network by themselves, and are killed while they do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_processes import DEADLINE_S, read_turns, start_agent, wait_for_signed_turn

from agents.chain_view import ask_node, read_position_wh
from agents.run.settings import read_home
from client.account import get_account
from client.errors import ClientError
from client.node.rpc import Rpc
from client.signing import tx
from client.signing.keyring import Keyring
from node_config.localnet.background import start_in_background, stop_network
from node_config.localnet.ports import find_free_ports
from node_config.localnet.setup import init_network
from tests.support.running.networks import require_cometbft

SLOTS_PER_DAY = 24
PRESET = """
base = "street"

[params.metering]
slot_length_s = 6
reading_deadline_s = 3

[params.market]
gate_closure_s = 2
late_cancellation_s = 2
"""
ANNA = """
key = "anna"
schedule_file = "schedule.json"

[battery]
capacity_wh = 10_000
power_w = 5_000
state_of_charge_wh = 5_000
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    require_cometbft()
    folder = tmp_path_factory.mktemp("network")
    preset = folder / "fast.toml"
    preset.write_text(PRESET)
    home, ports = folder / "net", find_free_ports(1)
    init_network(home, 1, preset=str(preset), base_port=ports.base)
    start_in_background(home, DEADLINE_S)
    yield home, f"tcp://127.0.0.1:{ports.base + 1}"
    stop_network(home)


@pytest.mark.network
def test_a_home_that_is_killed_orders_nothing_twice(
    network: tuple[Path, str], tmp_path: Path
) -> None:
    file = tmp_path / "anna.toml"
    file.write_text(ANNA)
    home, node = network
    rpc, address = Rpc(node), Keyring(home / "keys").get("anna").address
    before = get_account(rpc, address).sequence
    slot = 0
    for _ in range(3):
        # It is killed as soon as a turn is on disk: before, while or after it is sent.
        agent = start_agent(file, network)
        slot = wait_for_signed_turn(file, slot)
        agent.send_signal(signal.SIGKILL)
        agent.communicate(timeout=DEADLINE_S)
    said, _ = start_agent(file, network, "--turns", "2").communicate(timeout=DEADLINE_S)
    turns = read_turns(file)
    assert len(turns) >= 4, said
    assert all(status != "signed" for _, status, *_ in turns), said
    included = [turn for turn in turns if turn[1] == "included"]
    # Each transaction of the account is one of the journal, with the bytes that it has.
    assert get_account(rpc, address).sequence - before == len(included) >= 3, said
    traded: dict[int, int] = {}
    for _, _, raw, decided, outcome in included:
        found = rpc.tx(tx.compute_hash(raw))
        assert found is not None
        assert found.tx == raw
        if found.result.code:
            # It was sent again after the gate of its first slot had closed, and ordered nothing.
            assert json.loads(outcome)["error"] == found.result.log
            continue
        pairs = zip(json.loads(decided)["orders"], json.loads(outcome)["orders"], strict=True)
        for order, result in pairs:
            sign = 1 if order["is_buy"] else -1
            moved_wh = traded.get(order["slot"], 0) + sign * result["traded_wh"]
            traded[order["slot"]] = moved_wh
    # And what the chain says it has is what the journal says it has traded.
    last = turns[-1][0]
    ahead = {slot: wh for slot, wh in traded.items() if slot > last and wh}
    assert ahead
    ask = ask_node(rpc)
    assert {slot: read_position_wh(ask, slot, address) for slot in ahead} == ahead
    schedule = json.loads((tmp_path / "schedule.json").read_text())
    assert schedule["slot"] == last


@pytest.mark.network
def test_a_dry_run_and_a_stop_file_send_nothing(network: tuple[Path, str], tmp_path: Path) -> None:
    home, node = network
    file = tmp_path / "ben.toml"
    file.write_text('key = "ben"\nstrategy = "taker"\n')
    address = Keyring(home / "keys").get("ben").address
    said, _ = start_agent(file, network, "--dry-run", "--turns", "1").communicate(
        timeout=DEADLINE_S
    )
    # A producer sells, and buys nothing.
    assert "slot" in said
    assert "would buy" not in said
    file.with_suffix(".stop").touch()
    said, _ = start_agent(file, network, "--turns", "1").communicate(timeout=DEADLINE_S)
    assert "nothing is sent while" in said
    assert get_account(Rpc(node), address).sequence == 0


@pytest.mark.network
def test_a_folder_of_homes_trades_within_limits(network: tuple[Path, str], tmp_path: Path) -> None:
    for name in ("anna", "carl"):
        (tmp_path / f"{name}.toml").write_text(f'key = "{name}"\n[limits]\nmoney_per_day = 90_000')
    said, _ = start_agent(tmp_path, network, "--turns", "3").communicate(timeout=DEADLINE_S)
    for name in ("anna", "carl"):
        turns = read_turns(tmp_path / f"{name}.toml")
        assert len(turns) >= 3, said
        assert "signed" not in {status for _, status, *_ in turns[:-1]}, said
        traded = [
            (slot // SLOTS_PER_DAY, order, result)
            for slot, _, _, decided, outcome in turns
            # A slow machine may miss a gate; then nothing of the turn is ordered.
            if "orders" in (json.loads(outcome) or {})
            for order, result in zip(
                json.loads(decided)["orders"], json.loads(outcome)["orders"], strict=True
            )
        ]
        assert traded, said
        # The second turn knows what the first has spent.
        for day in {day for day, _, _ in traded}:
            bought = [result for one, order, result in traded if one == day and order["is_buy"]]
            assert sum(result["amount"] for result in bought) <= 90_000, said
        assert name == "anna" or all(order["is_buy"] for _, order, _ in traded)
    assert "the owner allows" in said


@pytest.mark.network
def test_a_delegated_key_trades_for_its_owner(network: tuple[Path, str], tmp_path: Path) -> None:
    """Ben's key trades for Anna, who has allowed it; it is Anna who has the energy and pays."""
    home, node = network
    rpc, keyring = Rpc(node), Keyring(home / "keys")
    anna, ben = keyring.get("anna").address, keyring.get("ben").address
    right = {
        "authorization": {
            "@type": "/blockenergy.authz.v1.TradeAuthorization",
            "messages": [f"/blockenergy.market.v1.Msg{name}" for name in ("Buy", "Sell")],
            "money_per_day": "100000000",
            "quantity_per_slot_wh": "100000",
        },
        "expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400)),
    }
    common = ["--node", node, "--keyring", str(home / "keys"), "--yes"]
    subprocess.run(
        [
            *(sys.executable, "-m", "client.cli", "tx", "authz", "grant", "--from", "anna"),
            *("--grantee", "ben", "--grant", json.dumps(right), *common),
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        timeout=DEADLINE_S,
    )
    before = get_account(rpc, anna).sequence, get_account(rpc, ben).sequence
    file = tmp_path / "anna.toml"
    # Far more than a home of these hours has agreed on already.
    file.write_text('key = "ben"\nowner = "anna"\nstrategy = "taker"\nannual_kwh = 20_000\n')
    deadline, executed = time.monotonic() + DEADLINE_S, False
    while not executed and time.monotonic() < deadline:
        # A slow machine may miss a gate; then nothing of the turn is ordered.
        said, _ = start_agent(file, network, "--turns", "2").communicate(timeout=DEADLINE_S)
        included = [turn for turn in read_turns(file) if turn[1] == "included"]
        executed = any("orders" in json.loads(turn[4]) for turn in included)
    assert executed, said
    after = get_account(rpc, anna).sequence, get_account(rpc, ben).sequence
    assert after == (before[0], before[1] + len(included)), said
    slots = {order["slot"] for turn in included for order in json.loads(turn[3])["orders"]}
    ask = ask_node(rpc)
    assert any(read_position_wh(ask, slot, anna) for slot in slots), said
    assert not any(read_position_wh(ask, slot, ben) for slot in slots), said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "key is missing"),
        ('key = "a"\ncolour = "red"', "colour is not known"),
        ('key = "a"\nannual_kwh = "many"', "annual_kwh is not a whole number"),
        ('key = "a"\nannual_kwh = -1', "annual_kwh is not between"),
        ('key = "a"\nstrategy = "hope"', "strategy is not one of"),
        ('key = "a"\nbattery = 5', "battery is not a table"),
        ('key = "a"\n[battery]\ncapacity_wh = 5', "battery.power_w is missing"),
        (
            'key = "a"\n[battery]\ncapacity_wh = 5\npower_w = 5\nreserve_wh = 6',
            "more than capacity_wh",
        ),
        (
            'key = "a"\n[load]\nenergy_wh = 5\npower_w = 5\nfirst_hour = 3\nend_hour = 3',
            "are the same",
        ),
        ("key = [", "is not valid TOML"),
    ],
)
def test_what_is_wrong_with_a_home_is_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "home.toml"
    file.write_text(text)
    with pytest.raises(ClientError, match=sentence):
        read_home(file)
