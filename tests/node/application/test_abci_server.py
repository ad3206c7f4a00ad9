"""The ABCI server over real sockets: order, pieces, faults, limits, reconnects, stopping."""

import logging
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tendermint.abci import types_pb2 as abci

from abci_app.protocol.server import SWITCH_INTERVAL_S, AddressInUse, Server
from chain.runtime.encoding.codec import write_varint
from tests.node.application.toy import Client, KeyValueApplication, frame_request

DEADLINE_S = 20.0
BIG_BYTES = 40_000_000
ECHO = abci.RequestEcho


@pytest.fixture(params=["unix", "tcp"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"unix://{tmp_path}/abci.sock" if request.param == "unix" else "tcp://127.0.0.1:0"


@pytest.fixture
def application() -> "Gated":
    return Gated()


@pytest.fixture
def server(application: "Gated", address: str) -> Iterator[Server]:
    with Server(application, address, max_frame_bytes=8_000_000, max_connections=32) as running:
        yield running
        application.gate.set()
    wait_until(lambda: not find_server_threads())


class Gated(KeyValueApplication):
    """Holds up a query for "slow" until the gate opens, gives much for "big", fails on "bug"."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.waiting = threading.Event()

    def query(self, request: abci.RequestQuery) -> abci.ResponseQuery:
        if request.data == b"bug":
            raise RuntimeError("the cat is on the keyboard")
        if request.data == b"big":
            return abci.ResponseQuery(value=bytes(BIG_BYTES))
        if request.data == b"slow":
            self.waiting.set()
            assert self.gate.wait(DEADLINE_S)
        return super().query(request)


def wait_until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.005)


def find_connection_threads() -> list[str]:
    return [name for name in find_server_threads() if name.removeprefix("abci-").isdecimal()]


def find_server_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("abci-")]


def require_alive(server: Server) -> None:
    """The server answers a new peer, once it has seen that the old ones are gone."""
    wait_until(lambda: find_server_threads() == ["abci-accept"])
    with Client(server.address) as client:
        assert client.call(ECHO(message="alive")).echo.message == "alive"


def test_a_block_from_check_to_query(server: Server) -> None:
    with Client(server.address) as client:
        assert client.call(abci.RequestInfo()).info.last_block_height == 0
        assert client.call(abci.RequestCheckTx(tx=b"a=1")).check_tx.code == 0
        assert client.call(abci.RequestCheckTx(tx=b"nonsense")).check_tx.code != 0
        done = client.call(abci.RequestFinalizeBlock(txs=[b"a=1", b"nonsense"], height=1))
        assert [result.code for result in done.finalize_block.tx_results] == [0, 1]
        assert client.call(abci.RequestQuery(data=b"a")).query.code != 0
        client.call(abci.RequestCommit())
        info = client.call(abci.RequestInfo()).info
        assert info.last_block_height == 1
        assert info.last_block_app_hash == done.finalize_block.app_hash
        assert client.call(abci.RequestQuery(data=b"a")).query.value == b"1"


def test_replies_come_in_the_order_of_the_requests(server: Server) -> None:
    requests = [ECHO(message=str(number)) for number in range(2000)]
    with Client(server.address) as client:
        client.send(*requests, abci.RequestFlush())
        replies = client.receive(2001)
    assert [reply.echo.message for reply in replies[:-1]] == [str(n) for n in range(2000)]
    assert replies[-1].WhichOneof("value") == "flush"


def test_calls_of_all_kinds_keep_their_order(server: Server) -> None:
    requests = [
        ECHO(message="x"),
        abci.RequestCheckTx(tx=b"a=1"),
        abci.RequestFlush(),
        abci.RequestInfo(),
        abci.RequestListSnapshots(),
        abci.RequestQuery(data=b"a"),
        abci.RequestFlush(),
    ]
    names = ["echo", "check_tx", "flush", "info", "list_snapshots", "query", "flush"]
    with Client(server.address) as client:
        client.send(*requests * 50)
        assert [reply.WhichOneof("value") for reply in client.receive(350)] == names * 50


def test_a_request_that_arrives_byte_by_byte(server: Server) -> None:
    with Client(server.address) as client:
        for byte in frame_request(ECHO(message="x" * 300)):
            client.socket.sendall(bytes([byte]))
        assert client.receive(1)[0].echo.message == "x" * 300


def test_a_block_of_several_megabytes(server: Server) -> None:
    txs = [b"k%d=" % number + b"v" * 1000 for number in range(5000)]
    with Client(server.address) as client:
        reply = client.call(abci.RequestPrepareProposal(txs=txs)).prepare_proposal
    assert list(reply.txs) == txs


def test_many_large_replies_to_one_batch(server: Server) -> None:
    requests = [ECHO(message=chr(65 + number) * 400_000) for number in range(12)]
    with Client(server.address) as client:
        sending = threading.Thread(target=client.send, args=requests)
        sending.start()
        replies = client.receive(12)
        sending.join(DEADLINE_S)
    assert [reply.echo.message for reply in replies] == [each.message for each in requests]


def test_a_large_reply_does_not_wait_for_the_rest_of_its_batch(
    server: Server, application: Gated
) -> None:
    with Client(server.address) as client:
        client.send(abci.RequestQuery(data=b"big"), abci.RequestQuery(data=b"slow"))
        assert len(client.receive(1)[0].query.value) == BIG_BYTES
        assert application.waiting.wait(DEADLINE_S)
        application.gate.set()
        client.receive(1)


def test_a_slow_query_does_not_hold_up_other_connections(
    server: Server, application: Gated
) -> None:
    with Client(server.address) as slow, Client(server.address) as consensus:
        slow.send(abci.RequestQuery(data=b"slow"))
        assert application.waiting.wait(DEADLINE_S)
        consensus.call(abci.RequestFinalizeBlock(txs=[b"slow=1"], height=1))
        consensus.call(abci.RequestCommit())
        application.gate.set()
        assert slow.receive(1)[0].query.height == 1


def test_a_thread_that_computes_gives_way_quickly(server: Server) -> None:
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL_S)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (write_varint(8_000_001), "over the limit of 8000000"),
        (b"\xff" * 11, "not an unsigned 64-bit varint"),
        (b"\x03\xff\xff\xff", "not an ABCI request"),
        (b"\x00", "names no call"),
    ],
)
def test_a_malformed_message_is_answered_and_ends_its_connection_only(
    server: Server, fault: bytes, sentence: str
) -> None:
    with Client(server.address) as bystander, Client(server.address) as client:
        # What follows the fault is never looked at, however much it is.
        client.socket.sendall(frame_request(ECHO(message="before")) + fault + b"\0" * 5_000_000)
        before, rejection = client.receive(2)
        assert before.echo.message == "before"
        assert sentence in rejection.exception.error
        assert client.is_closed()
        assert bystander.call(ECHO(message="here")).echo.message == "here"
    require_alive(server)


def test_an_exception_of_the_application_is_told_logged_and_handed_on(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[tuple[str, Exception]] = []
    with Server(Gated(), address, on_failure=lambda *args: failures.append(args)) as server:
        with Client(server.address) as client, caplog.at_level(logging.CRITICAL):
            client.send(ECHO(message="x"), abci.RequestQuery(data=b"bug"), ECHO(message="y"))
            before, rejection = client.receive(2)
            assert before.echo.message == "x"
            assert "query failed: RuntimeError: the cat" in rejection.exception.error
            assert client.is_closed()
        wait_until(lambda: len(failures) == 1)
        require_alive(server)
    assert failures[0][0] == "query"
    assert isinstance(failures[0][1], RuntimeError)
    (record,) = [each for each in caplog.records if each.levelno == logging.CRITICAL]
    assert record.exc_info is not None
    assert "the cat is on the keyboard" in caplog.text


def test_the_failure_callback_may_stop_the_server(address: str) -> None:
    stopped = threading.Event()

    def stop(call: str, error: Exception) -> None:
        assert running.stop(DEADLINE_S)
        stopped.set()

    running = Server(Gated(), address, on_failure=stop)
    running.start()
    with Client(running.address) as client, Client(running.address) as other:
        other.call(ECHO())
        client.send(abci.RequestQuery(data=b"bug"))
        assert client.receive(1)[0].exception.error
        assert stopped.wait(DEADLINE_S)
        assert other.is_closed()
    wait_until(lambda: not find_server_threads())


def test_the_application_keeps_its_state_when_comet_comes_back(server: Server) -> None:
    for height in range(1, 31):
        with Client(server.address) as client:
            assert client.call(abci.RequestInfo()).info.last_block_height == height - 1
            client.call(abci.RequestFinalizeBlock(txs=[b"h=%d" % height], height=height))
            client.call(abci.RequestCommit())


def test_a_peer_that_vanishes_in_the_middle_of_a_request_does_no_harm(server: Server) -> None:
    for _ in range(20):
        with Client(server.address) as client:
            client.socket.sendall(frame_request(ECHO(message="x" * 1000))[:500])
    require_alive(server)


def test_a_peer_that_vanishes_in_the_middle_of_a_reply_does_no_harm(server: Server) -> None:
    with Client(server.address) as client:
        client.send(abci.RequestQuery(data=b"big"))
        assert client.socket.recv(1)
    require_alive(server)


def test_connections_over_the_limit_are_rejected_with_a_sentence(address: str) -> None:
    with Server(KeyValueApplication(), address, max_connections=4) as server:
        clients = [Client(server.address) for _ in range(4)]
        for client in clients:
            client.call(ECHO())
        with Client(server.address) as extra:
            assert "already has 4 ABCI connections" in extra.receive(1)[0].exception.error
            assert extra.is_closed()
        clients.pop().socket.close()
        wait_until(lambda: len(find_connection_threads()) == 3)
        clients.append(Client(server.address))
        for client in clients:
            assert client.call(ECHO(message="here")).echo.message == "here"
            client.socket.close()


def test_stopping_lets_a_call_in_progress_finish(server: Server, application: Gated) -> None:
    results: list[bool] = []
    with Client(server.address) as client:
        client.send(abci.RequestQuery(data=b"slow"))
        assert application.waiting.wait(DEADLINE_S)
        stopping = threading.Thread(target=lambda: results.append(server.stop(DEADLINE_S)))
        stopping.start()
        wait_until(lambda: "abci-accept" not in find_server_threads())
        application.gate.set()
        assert client.receive(1)[0].WhichOneof("value") == "query"
        assert client.is_closed()
        stopping.join(DEADLINE_S)
    assert results == [True]


def test_stopping_tells_of_a_call_that_does_not_finish(server: Server, application: Gated) -> None:
    with Client(server.address) as client:
        client.send(abci.RequestQuery(data=b"slow"))
        assert application.waiting.wait(DEADLINE_S)
        assert not server.stop(deadline_s=0.05)


def test_a_stopped_server_gives_its_address_free(address: str) -> None:
    first = Server(KeyValueApplication(), address)
    first.start()
    with Client(first.address) as client:
        client.call(ECHO())
        assert first.stop()
        assert client.is_closed()
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        Client(first.address)
    with Server(KeyValueApplication(), first.address) as second:
        require_alive(second)
    assert first.stop()


def test_a_second_server_at_the_same_address_is_rejected(server: Server) -> None:
    second = Server(KeyValueApplication(), server.address)
    with pytest.raises(AddressInUse):
        second.start()
    assert second.stop()
    require_alive(server)


def test_a_peer_that_never_reads_cannot_keep_the_server_from_stopping(server: Server) -> None:
    with Client(server.address) as client:
        client.send(abci.RequestQuery(data=b"big"))
        # The reply has begun to arrive, and it is larger than what the system holds for a peer.
        assert select.select([client.socket], [], [], DEADLINE_S)[0]
        assert not server.stop(deadline_s=0.1)
        wait_until(lambda: not find_server_threads())


def test_a_machine_without_descriptors_keeps_its_open_connections(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(server.address) as client:
        client.call(ECHO())

        def fail(self: socket.socket) -> tuple[socket.socket, object]:
            raise OSError(24, "Too many open files")

        monkeypatch.setattr(socket.socket, "accept", fail)
        with Client(server.address) as newcomer:
            assert client.call(ECHO(message="on")).echo.message == "on"
            monkeypatch.undo()
            assert newcomer.call(ECHO(message="at last")).echo.message == "at last"
