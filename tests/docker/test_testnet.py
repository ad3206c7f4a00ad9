"""The network in containers, on a real engine: blocks, metered money, cuts, kills, and its limits.

Everything that is started here has names and addresses of its own, and is removed in the end.
"""

from __future__ import annotations

import json
import re
import shutil
import ssl
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from blockenergy.bank.v1.query_pb2 import QueryBalancesRequest, QueryBalancesResponse
from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.market.v1 import query_pb2 as market_query
from blockenergy.market.v1.state_pb2 import SLOT_STATUS_SETTLED
from blockenergy.market.v1.tx_pb2 import MsgBuy
from blockenergy.metering.v1.state_pb2 import QUALITY_MEASURED
from blockenergy.settlement.v1.query_pb2 import QueryLineRequest, QueryLineResponse
from containers import (
    APPLICATION,
    COMETBFT,
    DEADLINE_S,
    WORKER,
    find_processes,
    kill_processes,
    poll,
    wait_for_common_blocks,
    wait_for_peers,
)

from client.account import Signer
from client.node.chain_pin import read_pin
from client.node.rpc import Rpc
from client.queries import query
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey, MeterKey
from client.watch import read_fees
from meter_bridge.client import (
    ACKNOWLEDGED,
    MeterClient,
    TlsFiles,
    compute_reading,
    dsmr,
    sign_reading,
)
from node_config.testnet import images
from node_config.testnet.certificates import AUTHORITY, CERTIFICATE, KEY
from node_config.testnet.engine import Engine, EngineError
from node_config.testnet.homes import get_meter_id
from node_config.testnet.network import NODES, Testnet
from node_config.testnet.setup import HOME_AMOUNT

pytestmark = pytest.mark.docker

VALIDATOR_BYTES_MAX = 250_000_000
SERVICES = ["node0", "node1", "node2", "node3", "bridge", "meters"]
SERVICES += ["dashboard", "prometheus"]
DASHBOARD = images.FOLDER / "monitoring" / "grafana" / "dashboards" / "blockenergy.json"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
QUANTITY_WH, USED_WH = 2_000, 2_500


def test_all_four_make_blocks_with_the_same_state(net: Testnet) -> None:
    wait_for_common_blocks(net)


def test_every_container_says_that_it_is_well(net: Testnet) -> None:
    for service in SERVICES:
        poll(
            lambda service=service: net.inspect(service, "{{.State.Health.Status}}"),
            lambda status: status == "healthy",
        )


def test_a_validator_has_less_than_250_megabytes(net: Testnet, engine: Engine) -> None:
    template = ["--format", "{{.Size}}"]
    size = int(engine.run("image", "inspect", *template, images.IMAGES["validator"]))
    assert size < VALIDATOR_BYTES_MAX


@pytest.mark.parametrize("service", [*SERVICES, "setup"])
def test_a_container_can_do_no_more_than_it_must(net: Testnet, service: str) -> None:
    host: dict[str, Any] = json.loads(net.inspect(service, "{{json .HostConfig}}"))
    assert host["ReadonlyRootfs"] is True
    assert [name.removeprefix("CAP_") for name in host["CapDrop"]] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert 0 < host["Memory"] <= 1 << 30
    assert 0 < host["PidsLimit"] <= 1_000
    published = [port for ports in (host["PortBindings"] or {}).values() for port in ports]
    assert {port["HostIp"] for port in published} <= {"127.0.0.1"}
    user = net.inspect(service, "{{.Config.User}}")
    assert user.partition(":")[0] not in ("", "0", "root")


def test_the_dashboard_shows_the_chain_and_its_pages(net: Testnet, operators: Path) -> None:
    """Over TLS; every account of the street may sign in, and nobody else sees amounts."""
    context = ssl.create_default_context(cafile=str(operators / AUTHORITY))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    site = f"https://{net.get_address('dashboard')}"
    with opener.open(f"{site}/api/v1/chain", timeout=DEADLINE_S) as answer:
        shown = json.load(answer)
    assert shown["chain_id"] == read_pin(operators / "keys") and int(shown["height"]) > 0
    with opener.open(f"{site}/now", timeout=DEADLINE_S) as answer:
        assert b"<script" in answer.read()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        opener.open(f"{site}/api/v1/mine", timeout=DEADLINE_S)


@pytest.mark.skipif(not CHROMIUM, reason="there is no chromium")
def test_the_pages_of_the_container_follow_the_chain_in_a_browser(net: Testnet) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    problems: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        # Its certificate is by the network's own authority, which no browser knows.
        page = browser.new_context(ignore_https_errors=True, locale="en-GB").new_page()
        page.on("console", lambda one: problems.append(one.text) if one.type == "error" else None)
        page.on("pageerror", lambda one: problems.append(str(one)))
        deadline_ms = DEADLINE_S * 1_000
        for path in ("mine", "trade", "explore", ""):
            page.goto(f"https://{net.get_address('dashboard')}/{path}", timeout=deadline_ms)
            page.locator("h1").wait_for(timeout=deadline_ms)
        block = page.locator(".block span").first
        height = poll(lambda: read_height(block.inner_text()), lambda found: found > 0)
        poll(lambda: read_height(block.inner_text()), lambda found: found > height)
        browser.close()
    assert not problems


def read_height(text: str) -> int:
    """Of `Block 17, 0.4 s ago`; 0 of anything else."""
    found = re.match(r"Block (\d+),", text)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("number", range(NODES))
def test_a_validator_has_nobody_elses_files(net: Testnet, number: int) -> None:
    mounts = json.loads(net.inspect(f"node{number}", "{{json .Mounts}}"))
    assert [(mount["Name"], mount["Destination"]) for mount in mounts] == [
        (f"{net.project}_node{number}", "/data")
    ]
    container = net.get_container(f"node{number}")
    own = net.engine.run("exec", container, "cat", "/data/config/priv_validator_key.json")
    validator = Rpc(net.get_rpc_url(number)).call("status", {})["validator_info"]
    assert json.loads(own)["address"] == validator["address"]
    with pytest.raises(EngineError, match="Read-only file system"):
        net.engine.run("exec", container, "touch", "/opt/file")


@pytest.mark.parametrize("number", range(NODES))
def test_validators_talk_over_their_links_only(net: Testnet, number: int) -> None:
    links = net.get_links(number)
    assert len(links) == NODES - 1
    networks = json.loads(net.inspect(f"node{number}", "{{json .NetworkSettings.Networks}}"))
    # What is written down for healing is what the engine has done.
    assert {name: networks[name]["IPAddress"] for name, _ in links} == dict(links)
    wait_for_peers(net, number, NODES - 1)


def test_a_telegram_becomes_settled_money(net: Testnet, operators: Path) -> None:
    keyring = Keyring(operators / "keys")
    home, meter = keyring.load("home0", str), keyring.load("meter0", str)
    assert isinstance(home, AccountKey)
    assert isinstance(meter, MeterKey)
    rpc = Rpc(net.get_rpc_url(2))
    slot = query(rpc, market_query.QuerySlotRequest(), market_query.QuerySlotResponse).slot + 2
    order = MsgBuy(buyer=home.address, slot=slot, quantity_wh=QUANTITY_WH)
    order.price_limit_per_kwh = 300_000
    chain_id = read_pin(operators / "keys")
    outcome = Signer(rpc, home, chain_id=chain_id).send([order]).require_ok()
    [(_, fee)] = read_fees(outcome.events)
    # A slot is measured between two readings.
    push_telegram(net, operators, meter, slot - 1, 0)
    push_telegram(net, operators, meter, slot, USED_WH)
    poll(
        lambda: (
            query(
                rpc, market_query.QuerySlotRequest(slot=slot), market_query.QuerySlotResponse
            ).info.status
        ),
        lambda status: status == SLOT_STATUS_SETTLED,
    )
    asked = QueryLineRequest(slot=slot, owner=home.address)
    line = query(rpc, asked, QueryLineResponse).line
    # In the slots before it the meter was silent; the last of them corrects it.
    listed = query(rpc, market_query.QuerySlotsRequest(), market_query.QuerySlotsResponse).slots
    before = 0
    for number in [entry.slot for entry in listed if entry.slot < slot]:
        own = QueryLineRequest(slot=number, owner=home.address)
        earlier = query(rpc, own, QueryLineResponse).line
        before += earlier.charged - earlier.credited
    assert (line.bought_wh, line.import_wh, line.quality) == (
        QUANTITY_WH,
        USED_WH,
        QUALITY_MEASURED,
    )
    # What was used beyond the position costs the highest price there is.
    assert line.imbalance_charge == (USED_WH - QUANTITY_WH) * 300
    assert line.charged == line.cost + line.imbalance_charge + line.carbon_charge
    assert line.cost > 0
    # The same on a validator that took no part in it, and in the account.
    other = Rpc(net.get_rpc_url(3))
    assert query(other, asked, QueryLineResponse).line == line
    balance = query(other, QueryBalancesRequest(address=home.address), QueryBalancesResponse)
    assert int(balance.free[0].amount) == HOME_AMOUNT - line.charged - int(fee.amount) - before


def push_telegram(net: Testnet, operators: Path, meter: MeterKey, slot: int, shown_wh: int) -> None:
    """Over TLS, as a gateway does, as soon as the bridge takes it; waits until it is recorded."""
    tls = TlsFiles(operators / CERTIFICATE, operators / KEY, operators / AUTHORITY)
    with MeterClient(net.get_address("bridge"), tls=tls) as bridge:
        health = poll(bridge.health, lambda found: found.healthy)
        chain_id = read_pin(operators / "keys")
        assert health.chain_id == chain_id
        end_s = (slot + 1) * health.slot_length_s
        telegram = dsmr.format_telegram(get_meter_id(0), end_s, [shown_wh], [0])
        reading = compute_reading(dsmr.parse(telegram), health.slot_length_s)
        assert reading.slot == slot
        signature = sign_reading(meter, chain_id, reading).signature
        poll(
            lambda: bridge.push_telegram(telegram, signature),
            lambda response: response.result in ACKNOWLEDGED,
        )
        status = poll(
            lambda: bridge.status(get_meter_id(0), slot),
            lambda found: found is not None and found.state == bridge_pb2.SPOOL_DONE,
        )
        assert status is not None
        assert status.height > 0


def test_the_simulated_homes_are_metered_and_pay(net: Testnet) -> None:
    rpc = Rpc(net.get_rpc_url(0))
    current = query(rpc, market_query.QuerySlotRequest(), market_query.QuerySlotResponse).slot
    asked = market_query.QuerySlotRequest(slot=current + 2)
    answer = poll(
        lambda: query(rpc, asked, market_query.QuerySlotResponse),
        lambda found: found.info.status == SLOT_STATUS_SETTLED,
    )
    assert answer.info.bought_wh > 0


def test_one_broken_link_stops_nobody(net: Testnet) -> None:
    net.cut(3, peer=0)
    try:
        assert len([name for name, _ in net.get_links(3) if net.is_on(name, 3)]) == NODES - 2
        wait_for_peers(net, 3, NODES - 2)
        wait_for_common_blocks(net, more=8)
        # The two have tried since to find another way to each other.
        assert len(net.get_peers(3)) == len(net.get_peers(0)) == NODES - 2
    finally:
        net.heal(3, peer=0)
    wait_for_peers(net, 3, NODES - 1)


def test_a_validator_that_is_cut_off_stands_still_and_then_catches_up(net: Testnet) -> None:
    net.cut(3)
    try:
        begin = net.get_height(0)
        net.wait_for_height(0, begin + 3, DEADLINE_S)
        stuck = net.get_height(3)
        # It still answers its clients; what it says is old.
        assert 0 < stuck <= begin + 1
        wait_for_peers(net, 3, 0)
        for number in range(NODES - 1):
            net.wait_for_height(number, net.get_height(0) + 10, DEADLINE_S)
        assert net.get_height(3) == stuck
        poll(
            lambda: net.inspect("node3", "{{.State.Health.Status}}"),
            lambda status: status == "unhealthy",
        )
        assert not net.get_peers(3)
    finally:
        net.heal(3)
    wait_for_peers(net, 3, NODES - 1)
    wait_for_common_blocks(net)


def test_a_killed_validator_catches_up(net: Testnet) -> None:
    container = net.get_container("node2")
    net.engine.run("kill", "--signal", "KILL", container)
    try:
        assert net.inspect("node2", "{{.State.Status}}") == "exited"
        begin = net.get_height(0)
        for number in (0, 1, 3):
            net.wait_for_height(number, begin + 8, DEADLINE_S)
    finally:
        net.engine.run("start", container)
    wait_for_common_blocks(net)


@pytest.mark.parametrize("number", range(NODES))
def test_signatures_are_checked_in_a_process_of_their_own(net: Testnet, number: int) -> None:
    count = "import os; print(len(os.sched_getaffinity(0)))"
    cores = int(net.engine.run("exec", net.get_container(f"node{number}"), "python", "-c", count))
    assert len(find_processes(net, f"node{number}", WORKER)) == (1 if cores > 1 else 0)


def test_a_validator_goes_on_without_that_process_and_ends_in_order(net: Testnet) -> None:
    apps = find_processes(net, "node0", APPLICATION)
    kill_processes(net, "node0", WORKER)
    assert not find_processes(net, "node0", WORKER)
    wait_for_common_blocks(net)
    assert find_processes(net, "node0", APPLICATION) == apps
    container = net.get_container("node0")
    net.engine.run("stop", container)
    try:
        # Nothing had to be killed.
        assert net.inspect("node0", "{{.State.ExitCode}}") == "0"
    finally:
        net.engine.run("start", container)
    wait_for_common_blocks(net)


@pytest.mark.parametrize("process", [COMETBFT, APPLICATION])
def test_a_dead_process_takes_its_container_along_and_is_started_again(
    net: Testnet, process: str
) -> None:
    before = int(net.inspect("node1", "{{.RestartCount}}"))
    workers = len(find_processes(net, "node1", WORKER))
    kill_processes(net, "node1", process)
    poll(
        lambda: int(net.inspect("node1", "{{.RestartCount}}")),
        lambda count: count == before + 1,
    )
    wait_for_common_blocks(net)
    assert len(find_processes(net, "node1", WORKER)) == workers


def test_prometheus_hears_every_process(net: Testnet) -> None:
    def get_states() -> list[str]:
        targets = ask_prometheus(net, "targets")["activeTargets"]
        return [target["health"] for target in targets]

    poll(get_states, lambda states: states == ["up"] * (NODES * 2 + 1))


def get_expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def is_of_nodes(expression: str) -> bool:
    """Whether each validator has one figure; of others there are as many as there are kinds."""
    return not any(word in expression for word in ("code", "event", "bridge"))


@pytest.mark.parametrize("expression", get_expressions())
def test_every_panel_of_the_dashboard_has_something_to_show(net: Testnet, expression: str) -> None:
    poll(
        lambda: ask_prometheus(net, "query", query=expression)["result"],
        lambda found: len(found) == NODES if is_of_nodes(expression) else len(found) >= 1,
    )


def test_grafana_shows_the_dashboard(net: Testnet) -> None:
    if not net.has_grafana:
        pytest.skip(f"the image {images.GRAFANA} cannot be pulled; name one with GRAFANA_IMAGE")
    url = f"http://{net.get_address('grafana')}/api"
    found = poll(
        lambda: fetch(f"{url}/dashboards/uid/blockenergy"), lambda answer: answer is not None
    )
    assert found["dashboard"]["title"] == "BlockEnergy"
    assert fetch(f"{url}/datasources/uid/prometheus/health")["status"] == "OK"


def ask_prometheus(net: Testnet, path: str, **parameters: str) -> Any:
    url = f"http://{net.get_address('prometheus')}/api/v1/{path}"
    answer = fetch(f"{url}?{urllib.parse.urlencode(parameters)}")
    assert answer["status"] == "success"
    return answer["data"]


def fetch(url: str) -> Any:
    """The JSON at an address; None while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)
    except OSError:
        return None
