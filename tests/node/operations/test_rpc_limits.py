"""What CometBFT's RPC does not let anybody do, with a real CometBFT node."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from abci_app.protocol.server import Server
from tests.node.application.test_abci_cometbft import (  # noqa: F401 - fixtures
    DEADLINE_S,
    Node,
    cometbft,
    home,
    run_node,
)
from tests.node.application.toy import KeyValueApplication

pytestmark = pytest.mark.network

# Together they are more than one search may read.
COUNT, VALUE_BYTES = 100, 200_000
SEARCHES, AT_ONCE = 40, 20
# With every result of every search in memory it would be some gigabytes.
MEMORY_MAX_BYTES = 700 * 1024 * 1024


def ask(node: Node, method: str, **params: Any) -> Any:
    """The result of a call, or the sentence of its error."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(node.rpc, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as response:
        answer = json.load(response)
    error = answer.get("error")
    return (error.get("data") or error["message"]) if error else answer["result"]


def make_tx(number: int) -> bytes:
    return f"{number}=".encode() + b"x" * VALUE_BYTES


def find_memory_peak_bytes(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


@pytest.fixture
def node(
    cometbft: Path,  # noqa: F811
    home: Path,  # noqa: F811
    tmp_path: Path,
) -> Iterator[Node]:
    """A node whose index has more than a search may read."""
    config = home / "config" / "config.toml"
    text = config.read_text()
    config.write_text(
        text.replace("max_subscription_clients = 100", "max_subscription_clients = 0")
    )
    application = KeyValueApplication()
    with (
        Server(application, f"unix://{tmp_path}/abci.sock") as server,
        run_node(cometbft, home, server) as node,
    ):
        node.wait_for(1)
        for number in range(COUNT):
            tx = base64.b64encode(make_tx(number)).decode()
            assert ask(node, "broadcast_tx_sync", tx=tx)["code"] == 0
        height = node.get_height()
        while len(application.pairs) < COUNT:
            height += 1
            node.wait_for(height)
        # The index follows the block.
        node.wait_for(height + 2)
        yield node


def test_searches_are_bounded_while_blocks_go_on(node: Node) -> None:
    before = node.get_height()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(
            pool.map(
                lambda _: ask(node, "tx_search", query="tx.height>0", per_page="100"),
                range(SEARCHES),
            )
        )
    rejected = [answer for answer in answers if "the search reads too much" in answer]
    busy = [answer for answer in answers if "ask again" in answer]
    assert rejected
    assert len(rejected) + len(busy) == SEARCHES
    assert find_memory_peak_bytes(node.process.pid) < MEMORY_MAX_BYTES
    node.wait_for(before + 2)
    # What wallets search for is found.
    digest = hashlib.sha256(make_tx(7)).hexdigest().upper()
    found = ask(node, "tx_search", query=f"tx.hash='{digest}'")
    assert (found["total_count"], found["txs"][0]["hash"]) == ("1", digest)
    height = found["txs"][0]["height"]
    assert int(ask(node, "tx_search", query=f"tx.height={height}", per_page="1")["total_count"]) > 0
    assert ask(node, "block_search", query=f"block.height={height}")["total_count"] == "1"


def test_what_costs_others_something_is_not_served(node: Node) -> None:
    tx = base64.b64encode(b"a=1").decode()
    assert ask(node, "check_tx", tx=tx) == "Method not found"
    for path in ("check_tx", "websocket"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{node.rpc}/{path}", timeout=DEADLINE_S)
        assert caught.value.code == 404
    assert "max_subscription_clients 0" in ask(node, "broadcast_tx_commit", tx=tx)
