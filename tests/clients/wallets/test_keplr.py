"""Every call that Keplr makes, as it makes them: for a new chain, an account and a payment."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin
from cosmos.tx.v1beta1.tx_pb2 import AuthInfo, Fee, ModeInfo, SignerInfo, TxBody, TxRaw
from wallet_keys import DEADLINE_S, ORIGIN, PAYER, RECEIVER

from client.node.rpc import Rpc
from client.signing import tx as txs
from client.signing.keys import AccountKey
from node_config.localnet.network import Network

pytestmark = pytest.mark.network

SEND = MsgSend(
    from_address=PAYER.address,
    to_address=RECEIVER.address,
    amount=[Coin(denom="ueur", amount="54321")],
)
NOT_IMPLEMENTED = (501, {"code": 12, "message": "Not Implemented", "details": []})


def ask(gateway: Any, path: str, body: Any = None) -> tuple[int, Any]:
    """The status and the JSON of an answer, which a page of Keplr's origin may read."""
    request = urllib.request.Request(gateway.rest + path, headers={"Origin": ORIGIN})
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        response = urllib.request.urlopen(request, timeout=DEADLINE_S)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        return response.status, json.load(response)


def get(gateway: Any, path: str) -> Any:
    status, content = ask(gateway, path)
    assert status == 200, content
    return content


def test_the_chain_is_suggested(gateway: Any, network: Network) -> None:
    chain_id = Rpc(network.rpc_urls[0]).status().chain_id
    info = get(gateway, "/cosmos/base/tendermint/v1beta1/node_info")
    assert info["default_node_info"]["network"] == chain_id
    assert info["application_version"]["cosmos_sdk_version"] == "v0.50.0"


def test_the_account_is_shown(gateway: Any) -> None:
    account = get(gateway, f"/cosmos/auth/v1beta1/accounts/{PAYER.address}")["account"]
    assert account["@type"] == "/cosmos.auth.v1beta1.BaseAccount"
    assert account["address"] == PAYER.address
    assert account.keys() == {"@type", "address", "pub_key", "account_number", "sequence"}
    for path in ("balances", "spendable_balances"):
        url = f"/cosmos/bank/v1beta1/{path}/{PAYER.address}?pagination.limit=1000"
        found = get(gateway, url)
        assert [coin["denom"] for coin in found["balances"]] == ["ueur"]
        assert found["pagination"] == {"next_key": "", "total": "0"}
    assert ask(gateway, "/cosmos/bank/v1beta1/spendable_balances/test")[0] == 400
    config = get(gateway, "/cosmos/base/node/v1beta1/config")
    assert config["minimum_gas_price"].endswith("ueur")


def test_an_unknown_account_is_not_found(gateway: Any) -> None:
    nobody = AccountKey(b"n" * 32).address
    status, content = ask(gateway, f"/cosmos/auth/v1beta1/accounts/{nobody}")
    assert status == 404
    assert (content["code"], content["details"]) == (5, [])
    assert content["message"].startswith(f"account {nobody} not found")


@pytest.mark.parametrize(
    "path",
    [
        "/cosmwasm/wasm/v1/contract/test/smart/test",
        "/cosmos/staking/v1beta1/params",
        "/cosmos/staking/v1beta1/pool",
        "/cosmos/staking/v1beta1/delegations",
        "/cosmos/distribution/v1beta1/params",
        "/cosmos/mint/v1beta1/inflation",
        "/cosmos/gov/v1beta1/params/tallying",
        "/ibc/apps/transfer/v1/params",
        "/feemarket/v1/params",
        "/",
    ],
)
def test_what_other_chains_have_is_not_implemented(gateway: Any, path: str) -> None:
    assert ask(gateway, path) == NOT_IMPLEMENTED
    assert ask(gateway, path, {}) == NOT_IMPLEMENTED


PAGE = {"next_key": "", "total": "0"}
STAKING, DISTRIBUTION = "/cosmos/staking/v1beta1", "/cosmos/distribution/v1beta1"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{STAKING}/validators?status=BOND_STATUS_BONDED", {"validators": [], "pagination": PAGE}),
        (
            f"{STAKING}/delegations/{PAYER.address}?pagination.limit=1000",
            {"delegation_responses": [], "pagination": PAGE},
        ),
        (
            f"{STAKING}/delegators/{PAYER.address}/unbonding_delegations",
            {"unbonding_responses": [], "pagination": PAGE},
        ),
        (
            f"{STAKING}/delegators/{PAYER.address}/redelegations",
            {"redelegation_responses": [], "pagination": PAGE},
        ),
        (
            f"{DISTRIBUTION}/delegators/{PAYER.address}/rewards",
            {"rewards": [], "total": []},
        ),
        ("/cosmos/gov/v1/proposals?pagination.limit=100", {"proposals": [], "pagination": PAGE}),
        ("/cosmos/gov/v1beta1/proposals", {"proposals": [], "pagination": PAGE}),
    ],
)
def test_nobody_stakes_and_nothing_is_proposed(gateway: Any, path: str, expected: Any) -> None:
    assert ask(gateway, path) == (200, expected)
    assert ask(gateway, path, {}) == NOT_IMPLEMENTED
    if PAYER.address in path:
        status, content = ask(gateway, path.replace(PAYER.address, "test"))
        assert (status, content["code"]) == (400, 3)


def test_a_simulation_without_key_and_signature(gateway: Any) -> None:
    mode = ModeInfo(single=ModeInfo.Single(mode=127))
    account = get(gateway, f"/cosmos/auth/v1beta1/accounts/{PAYER.address}")["account"]
    signer = SignerInfo(mode_info=mode, sequence=int(account["sequence"]))
    info = AuthInfo(signer_infos=[signer], fee=Fee())
    raw = TxRaw(
        body_bytes=TxBody(messages=[txs.pack(SEND)]).SerializeToString(),
        auth_info_bytes=info.SerializeToString(),
        signatures=[bytes(64)],
    ).SerializeToString()
    body = {"tx_bytes": base64.b64encode(raw).decode()}
    status, content = ask(gateway, "/cosmos/tx/v1beta1/simulate", body)
    assert status == 200, content
    assert int(content["gas_info"]["gas_used"]) > 0


def test_a_payment_is_sent_and_found(gateway: Any, network: Network) -> None:
    account = get(gateway, f"/cosmos/auth/v1beta1/accounts/{PAYER.address}")["account"]
    raw = txs.sign(
        [SEND],
        PAYER,
        Rpc(network.rpc_urls[0]).status().chain_id,
        int(account["account_number"]),
        int(account["sequence"]),
        [Coin(denom="ueur", amount="100000")],
        200_000,
    )
    body = {"tx_bytes": base64.b64encode(raw).decode(), "mode": "BROADCAST_MODE_SYNC"}
    status, content = ask(gateway, "/cosmos/tx/v1beta1/txs", body)
    assert (status, content["tx_response"]["code"]) == (200, 0), content
    tx_hash = content["tx_response"]["txhash"]
    again = ask(gateway, "/cosmos/tx/v1beta1/txs", body)[1]["tx_response"]
    assert (again["codespace"], again["code"], again["txhash"]) == ("sdk", 19, tx_hash)
    deadline_s = time.monotonic() + DEADLINE_S
    path = f"/cosmos/tx/v1beta1/txs/{tx_hash}"
    while (answer := ask(gateway, path))[0] == 404:
        assert "tx not found" in answer[1]["message"]
        assert time.monotonic() < deadline_s
    assert answer[0] == 200
    found = answer[1]
    assert found["tx"]["body"]["messages"][0]["@type"] == "/cosmos.bank.v1beta1.MsgSend"
    assert found["tx_response"]["tx"]["@type"] == "/cosmos.tx.v1beta1.Tx"
    assert found["tx_response"]["code"] == 0
    transfers = [e for e in found["tx_response"]["events"] if e["type"] == "transfer"]
    assert {"key": "amount", "value": "54321ueur", "index": False} in transfers[0]["attributes"]
    query = f"?events=message.sender='{PAYER.address}'&order_by=ORDER_BY_DESC&limit=1"
    (newest,) = get(gateway, f"/cosmos/tx/v1beta1/txs{query}")["tx_responses"]
    assert newest["txhash"] == tx_hash
    block = get(gateway, f"/cosmos/base/tendermint/v1beta1/blocks/{newest['height']}")
    assert base64.b64encode(raw).decode() in block["block"]["data"]["txs"]
