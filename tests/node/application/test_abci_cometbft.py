"""The ABCI server under a real CometBFT node with one validator."""

import base64
import contextlib
import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tendermint.abci import types_pb2 as abci

from abci_app.protocol.dispatch import frame_reply
from abci_app.protocol.server import Server
from tests.node.application.toy import KeyValueApplication
from tests.support.running.networks import require_cometbft

pytestmark = pytest.mark.network

DEADLINE_S = 60.0
REQUEST_TIMEOUT_S = 20.0


@pytest.fixture(scope="module")
def cometbft() -> Path:
    return require_cometbft()


@pytest.fixture
def home(cometbft: Path, tmp_path: Path) -> Path:
    """The folder of a new network with one validator."""
    folder = tmp_path / "comet"
    command = [str(cometbft), "init", "--home", str(folder)]
    subprocess.run(command, check=True, timeout=DEADLINE_S, stdout=subprocess.DEVNULL)
    return folder


class Node:
    """A running CometBFT node, as far as its RPC shows it."""

    def __init__(self, process: subprocess.Popen[bytes], rpc_port: int) -> None:
        self.process = process
        self.rpc = f"http://127.0.0.1:{rpc_port}"

    def call(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.rpc}/{path}", timeout=REQUEST_TIMEOUT_S) as answer:
            return json.load(answer)["result"]

    def send(self, pair: str) -> Any:
        """Sends a transaction and waits for its block."""
        return self.call(f'broadcast_tx_commit?tx="{pair}"')

    def get_height(self) -> int:
        """The last height that the node has, 0 until it answers."""
        try:
            return int(self.call("status")["sync_info"]["latest_block_height"])
        except (urllib.error.URLError, ConnectionError):
            assert self.process.poll() is None, "CometBFT has ended"
            return 0

    def wait_for(self, height: int) -> None:
        end_s = time.monotonic() + DEADLINE_S
        while self.get_height() < height:
            assert time.monotonic() < end_s
            time.sleep(0.05)


@contextmanager
def run_node(cometbft: Path, home: Path, server: Server) -> Iterator[Node]:
    """A node that is killed, not asked, at the end."""
    rpc_port, p2p_port = find_free_ports(2)
    command = [
        *[str(cometbft), "start", "--home", str(home)],
        *["--proxy_app", server.address],
        *["--rpc.laddr", f"tcp://127.0.0.1:{rpc_port}"],
        *["--p2p.laddr", f"tcp://127.0.0.1:{p2p_port}"],
    ]
    environment = os.environ | {"CMT_CONSENSUS_TIMEOUT_COMMIT": "50ms"}
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        yield Node(process, rpc_port)
    finally:
        process.kill()
        process.wait(DEADLINE_S)


def find_free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def test_blocks_queries_and_a_restart(cometbft: Path, home: Path, tmp_path: Path) -> None:
    application = KeyValueApplication()
    with Server(application, f"unix://{tmp_path}/abci.sock") as server:
        with run_node(cometbft, home, server) as node:
            node.wait_for(1)
            result = node.send("a=1")
            assert (result["check_tx"]["code"], result["tx_result"]["code"]) == (0, 0)
            answer = node.call('abci_query?data="a"')["response"]
            assert base64.b64decode(answer["value"]) == b"1"
            assert node.send("nonsense")["check_tx"]["code"] != 0
        before = application.height
        with run_node(cometbft, home, server) as node:
            # CometBFT compares heights and app hashes with the application before it goes on.
            node.wait_for(before + 2)
            assert node.send("b=2")["tx_result"]["code"] == 0
            block = node.call(f"block?height={before + 1}")["block"]
            assert len(block["header"]["app_hash"]) == 64
    assert application.pairs == {b"a": b"1", b"b": b"2"}


def test_a_new_application_is_brought_up_to_the_chain(
    cometbft: Path, home: Path, tmp_path: Path
) -> None:
    address = f"unix://{tmp_path}/abci.sock"
    with Server(KeyValueApplication(), address) as server, run_node(cometbft, home, server) as node:
        node.wait_for(1)
        node.send("a=1")
        height = node.get_height()
    # Without its state, the application starts from the genesis and replays every block.
    forgetful = KeyValueApplication()
    with Server(forgetful, address) as server, run_node(cometbft, home, server) as node:
        node.wait_for(height + 1)
        answer = node.call('abci_query?data="a"')["response"]
        assert base64.b64decode(answer["value"]) == b"1"


def test_an_exception_stops_the_node(cometbft: Path, home: Path, tmp_path: Path) -> None:
    failures: list[str] = []

    class Broken(KeyValueApplication):
        def commit(self, request: Any) -> Any:
            raise OSError(28, "No space left on device")

    with (
        Server(
            Broken(),
            f"unix://{tmp_path}/abci.sock",
            on_failure=lambda call, error: failures.append(call),
        ) as server,
        run_node(cometbft, home, server) as node,
    ):
        node.process.wait(DEADLINE_S)
    assert failures == ["commit"]
    assert "No space left on device" in (home / "log").read_text()


def test_many_transactions_at_once_arrive_once_and_in_their_order(
    cometbft: Path, home: Path, tmp_path: Path
) -> None:
    seen: list[bytes] = []

    class Noting(KeyValueApplication):
        def check_tx(self, request: abci.RequestCheckTx) -> abci.ResponseCheckTx:
            if request.type == abci.NEW:
                seen.append(request.tx)
            return super().check_tx(request)

    application = Noting()
    txs = [b"%d=%s" % (number, b"v" * 300) for number in range(3_000)]
    with (
        Server(application, f"unix://{tmp_path}/abci.sock") as server,
        run_node(cometbft, home, server) as node,
    ):
        node.wait_for(1)
        for tx in txs:
            node.call(f"broadcast_tx_async?tx=0x{tx.hex()}")
        end_s = time.monotonic() + DEADLINE_S
        while len(application.pairs) < len(txs):
            assert time.monotonic() < end_s, len(application.pairs)
            time.sleep(0.05)
    assert seen == txs


ODD = {b"%d" % number for number in range(1, 60, 2)}


class Slow(KeyValueApplication):
    """Takes three transactions into a block, so that others wait; rechecks reject odd keys."""

    def __init__(self) -> None:
        super().__init__()
        self.rejected: set[bytes] = set()

    def prepare_proposal(
        self, request: abci.RequestPrepareProposal
    ) -> abci.ResponsePrepareProposal:
        return abci.ResponsePrepareProposal(txs=request.txs[:3])

    def check_tx(self, request: abci.RequestCheckTx) -> abci.ResponseCheckTx:
        key = request.tx.split(b"=")[0]
        if request.type == abci.CheckTxType.RECHECK and key in ODD:
            self.rejected.add(key)
            return abci.ResponseCheckTx(code=1)
        return super().check_tx(request)


def test_each_recheck_has_its_own_answer(cometbft: Path, home: Path, tmp_path: Path) -> None:
    application = Slow()
    with (
        Server(application, f"unix://{tmp_path}/abci.sock") as server,
        run_node(cometbft, home, server) as node,
    ):
        node.wait_for(1)
        for number in range(60):
            node.call(f'broadcast_tx_async?tx="{number}=x"')
        end_s = time.monotonic() + DEADLINE_S
        while b"58" not in application.pairs or node.call("num_unconfirmed_txs")["total"] != "0":
            assert time.monotonic() < end_s, len(application.pairs)
            time.sleep(0.05)
    # What is rejected waits no more and is in no block; everything else is.
    assert application.rejected
    assert (
        application.pairs.keys() == {b"%d" % number for number in range(60)} - application.rejected
    )


def test_an_answer_to_another_question_stops_the_node(
    cometbft: Path, home: Path, tmp_path: Path
) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(f"{tmp_path}/abci.sock")
    listener.listen()

    def answer_all() -> None:
        # Ends when the listener is shut.
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                with peer:
                    peer.sendall(frame_reply("commit", abci.ResponseCommit()))
                    peer.recv(1)

    thread = threading.Thread(target=answer_all, daemon=True)
    thread.start()

    class Confused:
        address = f"unix://{tmp_path}/abci.sock"

    with run_node(cometbft, home, Confused()) as node:  # type: ignore[arg-type]
        assert node.process.wait(DEADLINE_S) != 0
    listener.shutdown(socket.SHUT_RDWR)
    thread.join(DEADLINE_S)
    listener.close()
    assert "Lost the application" in (home / "log").read_text()
