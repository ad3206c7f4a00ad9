"""The whole thing, for real: four validators, a meter bridge, a payment, and a metered slot."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from blockenergy.bank.v1.query_pb2 import QueryBalancesRequest, QueryBalancesResponse
from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.market.v1 import query_pb2 as market_query
from blockenergy.market.v1.state_pb2 import SLOT_STATUS_SETTLED
from blockenergy.market.v1.tx_pb2 import MsgBuy
from blockenergy.metering.v1.state_pb2 import (
    QUALITY_MEASURED,
    READING_METER_UNKNOWN,
    READING_RECORDED,
    Reading,
)
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER, ROLE_DISTRIBUTOR, ROLE_FORECASTER
from blockenergy.settlement.v1.query_pb2 import QueryLineRequest, QueryLineResponse
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin

from client.account import Signer
from client.cli.__main__ import main
from client.cli.forecast.forecast_file import HEADER
from client.errors import UsageError
from client.node.chain_pin import read_pin
from client.node.rpc import Rpc
from client.queries import query
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey, MeterKey
from meter_bridge.chain import ChainUnreachableError, Meter
from meter_bridge.chain.node import NodeChain
from meter_bridge.chain.proofs import open_proofs
from meter_bridge.client import ACKNOWLEDGED, MeterClient, compute_reading, dsmr, sign_reading
from node_config.accounts import GenesisAccount
from node_config.genesis import GenesisMeter
from node_config.localnet.network import Network
from node_config.localnet.ports import find_free_ports
from node_config.localnet.setup import init_network
from tests.support.others.lying_node import LIES, claim_recorded, lying_node
from tests.support.running.networks import quick, require_cometbft, with_params

pytestmark = pytest.mark.network

T = TypeVar("T")
DEADLINE_S = 60.0
CONSUMER, METER = AccountKey(b"c" * 32), MeterKey(b"m" * 32)
FORECASTING = {
    "dora": (AccountKey(b"d" * 32), ROLE_DISTRIBUTOR),
    "frida": (AccountKey(b"f" * 32), ROLE_FORECASTER),
    "fred": (AccountKey(b"g" * 32), ROLE_FORECASTER),
}
WEEK_SLOTS = 7 * 24
METER_ID = "E0000000000000001"
SLOT_LENGTH_S, READING_DEADLINE_S = 4, 5


def poll(get: Callable[[], T], is_enough: Callable[[T], bool]) -> T:
    end_s = time.monotonic() + DEADLINE_S
    while not is_enough(value := get()):
        assert time.monotonic() < end_s, f"still {value}"
        time.sleep(0.05)
    return value


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Four validators and a bridge, with slots short enough to wait for."""
    home = tmp_path_factory.mktemp("network") / "net"
    times = {"slot_length_s": SLOT_LENGTH_S, "reading_deadline_s": READING_DEADLINE_S}
    require_cometbft()
    init_network(
        home,
        4,
        preset=with_params(quick("demo"), metering=times, market={"gate_closure_s": 1}),
        base_port=find_free_ports(4).base,
        accounts=[
            # Enough for minutes of a meter that is silent while a busy machine starts all this.
            GenesisAccount(CONSUMER.address, (ROLE_CONSUMER,), 2_000_000_000),
            *[
                GenesisAccount(key.address, (role,), 20_000_000)
                for key, role in FORECASTING.values()
            ],
        ],
        meters=[GenesisMeter(METER_ID, CONSUMER.address, "feeder-1", 17_000, METER.pub_key)],
        forecasts=make_history(),
    )
    lines: list[str] = []
    network = Network(home, lines.append)
    network.start(DEADLINE_S)
    pids = network.get_pids()
    try:
        assert len(pids) == 9
        yield network
    finally:
        network.stop()
    # Nothing died on the way, and nothing is left.
    assert lines == []
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def make_history() -> dict[str, Any]:
    """A target of net use, with 800 Wh in each slot of the week before."""
    now = int(time.time()) // SLOT_LENGTH_S
    target = {"quantity": "QUANTITY_NET_USE", "orderer": FORECASTING["dora"][0].address}
    return {
        "targets": [{"key": "1", "value": target}],
        "last_target_id": "1",
        "tallies": [{"key": "1", "value": {"slot": str(now)}}],
        "outcomes": [
            {"key": [str(slot), "1"], "value": {"known": True, "value": "800"}}
            for slot in range(now - WEEK_SLOTS, now)
        ],
    }


def get_free(rpc: Rpc, address: str) -> int:
    response = query(rpc, QueryBalancesRequest(address=address), QueryBalancesResponse)
    return int(response.free[0].amount) if response.free else 0


def test_all_validators_have_the_same_state(network: Network) -> None:
    height = Rpc(network.rpc_urls[0]).status().latest_height + 2
    network.wait_for_height(height, DEADLINE_S)
    blocks = [Rpc(url).block(height) for url in network.rpc_urls]
    assert len({(block.hash, block.app_hash) for block in blocks}) == 1
    assert blocks[0].app_hash


def test_a_payment_through_one_node_is_seen_by_the_others(network: Network) -> None:
    key = Keyring(network.layout.keys).load("treasury", str)
    assert isinstance(key, AccountKey)
    other = Rpc(network.rpc_urls[3])
    # A node knows the first block a moment before its application has written it.
    before = poll(lambda: get_free(other, CONSUMER.address), bool)
    payment = MsgSend(
        from_address=key.address,
        to_address=CONSUMER.address,
        amount=[Coin(denom="ueur", amount="5")],
    )
    signer = Signer(Rpc(network.rpc_urls[0]), key, chain_id=read_pin(network.layout.keys))
    outcome = signer.send([payment]).require_ok()
    network.wait_for_height(outcome.height, DEADLINE_S)
    poll(lambda: get_free(other, CONSUMER.address), lambda found: found == before + 5)


@pytest.fixture(scope="module")
def settled_slot(network: Network) -> int:
    """A slot in which the consumer has bought 2,000 Wh and used 2,500 Wh."""
    rpc = Rpc(network.rpc_urls[1])
    slot = buy_in_next_slot(rpc, quantity_wh=2_000)
    with MeterClient(network.bridge_address) as bridge:
        # A slot is measured between two readings.
        push_at_slot_end(bridge, slot - 1, import_wh=0)
        push_at_slot_end(bridge, slot, import_wh=2_500)
        status = poll(
            lambda: bridge.status(METER_ID, slot),
            lambda found: found is not None and found.state == bridge_pb2.SPOOL_DONE,
        )
        assert status is not None
        assert status.height > 0
    request = market_query.QuerySlotRequest(slot=slot)
    poll(
        lambda: query(rpc, request, market_query.QuerySlotResponse).info.status,
        lambda found: found == SLOT_STATUS_SETTLED,
    )
    # A state is proven by the header of the next block.
    network.wait_for_height(rpc.status().latest_height + 2, DEADLINE_S)
    return slot


def test_energy_is_bought_metered_over_grpc_and_paid(network: Network, settled_slot: int) -> None:
    request = QueryLineRequest(slot=settled_slot, owner=CONSUMER.address)
    line = query(Rpc(network.rpc_urls[1]), request, QueryLineResponse).line
    assert (line.bought_wh, line.import_wh, line.quality) == (2_000, 2_500, QUALITY_MEASURED)
    # What was used beyond the position costs the highest price there is.
    assert line.imbalance_charge == 500 * 300
    assert line.charged == line.cost + line.imbalance_charge + line.carbon_charge


@pytest.fixture
def trusting(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> Path:
    """What a user trusts who knows nothing but the first block; one node is the witness."""
    monkeypatch.setenv("BLOCKENERGY_HOME", str(tmp_path))
    node, witness = network.rpc_urls[1:3]
    first = Rpc(node).block(1).hash.hex()
    begin = ["light", "trust", "--height", "1", "--hash", first, "--node", node]
    assert main([*begin, "--witness", witness]) == 0
    capsys.readouterr()
    # The latest header is verified already, and would not be asked for again.
    network.wait_for_height(Rpc(node).status().latest_height + 1, DEADLINE_S)
    return tmp_path / "light.json"


def test_a_payment_is_proven_by_a_node_that_nobody_trusts(
    network: Network, settled_slot: int, trusting: Path, capsys: Any
) -> None:
    asking = ["verify", "settlement", "--slot", str(settled_slot), "-o", "json"]
    asking += ["--account", CONSUMER.address]
    before = trusting.read_bytes()
    assert main([*asking, "--node", network.rpc_urls[0]]) == 0
    line = json.loads(capsys.readouterr().out)["line"]
    assert (line["bought_wh"], line["import_wh"]) == ("2000", "2500")
    assert line["imbalance_charge"] == str(500 * 300)
    for lie in LIES:
        # What the command has verified would be believed whatever the node says.
        trusting.write_bytes(before)
        with lying_node(network.rpc_urls[0], lie) as url:
            assert main([*asking, "--node", url]) == 1, lie.__name__
        said = capsys.readouterr()
        assert said.out == ""
        assert json.loads(said.err)["error"]["sentence"]
    nobody = ["--account", AccountKey(b"n" * 32).address, "--node", network.rpc_urls[0]]
    assert main([*asking, *nobody]) == 1
    assert "LINE_UNKNOWN" in capsys.readouterr().err


def test_a_bridge_believes_only_what_is_proven(
    network: Network, settled_slot: int, trusting: Path
) -> None:
    key = Keyring(network.layout.keys).load("bridge", str)
    assert isinstance(key, AccountKey)
    chain_id = read_pin(network.layout.keys)
    reading = Reading(meter_id="nobodys", slot=settled_slot, signature=bytes(64))

    def submit(url: str, light: Path | None) -> Any:
        with open_proofs(light, Rpc(url), chain_id) as proofs:
            chain = NodeChain(Rpc(url), key, chain_id, DEADLINE_S, proofs)
            chain.get_params()
            meter = Meter(key.address, METER.pub_key, is_active=True)
            assert chain.get_meter(METER_ID) == meter
            assert chain.get_meter("nobodys") is None
            assert chain.find_account_problem() == ""
            return chain.submit([reading])[0].code

    before = trusting.read_bytes()
    assert submit(network.rpc_urls[0], trusting) == READING_METER_UNKNOWN
    # What was verified is kept for the next start.
    assert trusting.read_bytes() != before
    with lying_node(network.rpc_urls[0], claim_recorded) as url:
        assert submit(url, None) == READING_RECORDED
        with pytest.raises(ChainUnreachableError, match="not those that the next header names"):
            submit(url, trusting)
    for lie in LIES:
        trusting.write_bytes(before)
        with (
            lying_node(network.rpc_urls[0], lie) as url,
            pytest.raises(ChainUnreachableError),
        ):
            submit(url, trusting)
    with (
        pytest.raises(UsageError, match="trusts chain"),
        open_proofs(trusting, Rpc(network.rpc_urls[0]), "another-1"),
    ):
        pass


def buy_in_next_slot(rpc: Rpc, quantity_wh: int) -> int:
    """Buys in the next slot that takes orders long enough; gives its number."""
    # A young chain has no slot in delivery yet, so the open ones are listed instead.
    open_slots = poll(
        lambda: [
            entry.slot
            for entry in query(
                rpc, market_query.QuerySlotsRequest(), market_query.QuerySlotsResponse
            ).slots
            if entry.takes_orders
        ],
        lambda found: len(found) > 1,
    )
    slot = open_slots[1]
    order = MsgBuy(
        buyer=CONSUMER.address, slot=slot, quantity_wh=quantity_wh, price_limit_per_kwh=300_000
    )
    Signer(rpc, CONSUMER, chain_id=rpc.status().chain_id).send([order]).require_ok()
    return slot


def push_at_slot_end(bridge: MeterClient, slot: int, import_wh: int) -> None:
    """Pushes the telegram of the end of a slot as soon as the bridge takes it."""
    health = poll(bridge.health, lambda found: found.healthy and bool(found.chain_id))
    telegram = dsmr.format_telegram(METER_ID, (slot + 1) * SLOT_LENGTH_S, [import_wh], [0])
    reading = compute_reading(dsmr.parse(telegram), health.slot_length_s)
    assert reading.slot == slot
    signature = sign_reading(METER, health.chain_id, reading).signature
    poll(
        lambda: bridge.push_telegram(telegram, signature),
        lambda response: response.result in ACKNOWLEDGED,
    )


def get_time_s(rpc: Rpc) -> int:
    return rpc.status().latest_time_ns // 10**9


def wait_until(rpc: Rpc, block_time_s: int) -> None:
    poll(lambda: get_time_s(rpc), lambda time_s: time_s >= block_time_s)


class Cli:
    """The command line with the keys of the network, answering in JSON."""

    def __init__(self, network: Network, capsys: pytest.CaptureFixture[str]) -> None:
        self._network, self._capsys = network, capsys
        self._keyring = Keyring(network.layout.keys)
        for name, (key, _) in FORECASTING.items():
            self._keyring.add(name, key, None)

    def call(self, *arguments: str) -> Any:
        """What a command without a signature prints."""
        status = main([*arguments, "--node", self._network.rpc_urls[1], "-o", "json"])
        printed = self._capsys.readouterr()
        assert status == 0, printed.err
        return json.loads(printed.out)

    def sign(self, signer: str, *arguments: str) -> Any:
        """Sends what a command signs, and waits for its block."""
        keys = ["--from", signer, "--keyring", str(self._network.layout.keys), "--yes"]
        return self.call(*arguments, *keys)


def test_forecasts_are_scored_and_shares_paid(
    network: Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One forecast in the open, one sealed and revealed slot by slot, and a market on the slot."""
    rpc, cli = Rpc(network.rpc_urls[1]), Cli(network, capsys)
    cli.sign(
        "dora", "tx", "forecast", "order-forecasts", "--quantity", "net-use",
        "--reward-per-slot", "0.10", "--funding", "1",
    )  # fmt: skip
    slot = get_time_s(rpc) // SLOT_LENGTH_S + 5
    cli.sign(
        "dora", "tx", "forecast", "create-market", "--target-id", "1", "--slot", str(slot),
        "--bounds", "600", "--beta", "1", "--closes-at", str(slot * SLOT_LENGTH_S - 1),
    )  # fmt: skip
    files = {}
    for name, value_wh in (("frida", 500), ("fred", 900)):
        files[name] = tmp_path / f"{name}.csv"
        rows = [",".join([str(slot + ahead), *[str(value_wh)] * 9]) for ahead in range(8)]
        files[name].write_text("\n".join([",".join(HEADER), *rows]))
    stake = ("--target", "1", "--stake", "0.05")
    cli.sign("frida", "forecast", "submit", str(files["frida"]), "--sealed", *stake)
    cli.sign("fred", "forecast", "submit", str(files["fred"]), *stake)
    quoted = cli.call("predict", "quote", "1", "0", "1")
    cli.sign("frida", "predict", "buy", "1", "0", "1")
    cli.sign("fred", "predict", "buy", "1", "1", "1")
    cli.sign("fred", "predict", "sell", "1", "1", "0.5")
    [market] = cli.call("predict", "markets")["markets"]
    assert int(quoted["amount"]) == 584_963
    assert market["market"]["shares"] == ["1000000", "500000"]
    with MeterClient(network.bridge_address) as bridge:
        push_at_slot_end(bridge, slot - 1, import_wh=2_500)
        wait_until(rpc, slot * SLOT_LENGTH_S - 1)
        cli.sign("frida", "forecast", "reveal", str(files["frida"]), "--target", "1")
        push_at_slot_end(bridge, slot, import_wh=3_000)
    # What was revealed could still be, and is left out.
    next_slot = (get_time_s(rpc) + 1) // SLOT_LENGTH_S + 1
    wait_until(rpc, next_slot * SLOT_LENGTH_S - 1)
    cli.sign("frida", "forecast", "reveal", str(files["frida"]), "--target", "1")
    skills = poll(
        lambda: cli.call("forecast", "scores", "--target", "1")["scores"],
        lambda found: len(found) > 1,
    )
    assert {entry["skill_permille"] for entry in skills} == {"1000", "-334"}
    scored = ("forecast", "scores", "--forecaster", FORECASTING["frida"][0].address)
    [score] = [entry for entry in cli.call(*scored)["scores"] if entry["slot"] == str(slot)]
    # A perfect forecast earns no more than its stake.
    assert (score["score"].get("loss", "0"), score["score"]["reward"]) == ("0", "50000")
    poll(lambda: cli.call("predict", "markets")["markets"], lambda found: not found)
