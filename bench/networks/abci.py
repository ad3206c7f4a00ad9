"""Measures how many CheckTx calls per second the ABCI server answers for a trivial application.

Run `python -m bench.networks.abci`. The client is a second process on the same machine.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tendermint.abci import types_pb2 as abci

from abci_app.protocol.server import Server
from tests.node.application.toy import Client, KeyValueApplication, frame_request, make_check_txs

TX_BYTES = 310
BATCH = 200
SECONDS = 3.0
CHECK_TXS = [frame_request(request) for request in make_check_txs(BATCH, TX_BYTES)]
FLUSH = frame_request(abci.RequestFlush())
BATCH_OF_CHECK_TXS = b"".join(CHECK_TXS) + FLUSH


def main() -> None:
    """Prints the rates over a unix socket and over TCP."""
    with tempfile.TemporaryDirectory() as folder:
        for address in (f"unix://{Path(folder) / 'abci.sock'}", "tcp://127.0.0.1:0"):
            with Server(KeyValueApplication(), address) as server:
                for measure in (call_one_by_one, call_with_flush, call_in_batches):
                    process = multiprocessing.Process(target=report, args=(measure, server.address))
                    process.start()
                    process.join()


def report(measure: Callable[[Client], int], address: str) -> None:
    """Repeats a measurement for a while and prints its rate."""
    with Client(address) as client:
        calls, start_s = 0, time.perf_counter()
        while time.perf_counter() - start_s < SECONDS:
            calls += measure(client)
        rate = calls / (time.perf_counter() - start_s)
    print(f"{address.split(':', maxsplit=1)[0]:5} {measure.__name__:16} {rate:10,.0f} CheckTx/s")


def call_one_by_one(client: Client) -> int:
    """Each request waits for the reply to the one before."""
    for frame in CHECK_TXS:
        client.socket.sendall(frame)
        wait_for(client, 1)
    return BATCH


def call_with_flush(client: Client) -> int:
    """The same with a Flush behind each request, as CometBFT's synchronous calls have."""
    for frame in CHECK_TXS:
        client.socket.sendall(frame + FLUSH)
        wait_for(client, 2)
    return BATCH


def call_in_batches(client: Client) -> int:
    """A batch of requests goes out before its replies are read."""
    client.socket.sendall(BATCH_OF_CHECK_TXS)
    wait_for(client, BATCH + 1)
    return BATCH


def wait_for(client: Client, count: int) -> None:
    """Counts replies without looking into them: the client is not what is measured."""
    while count > 0:
        count -= sum(1 for _ in client.reader.feed(client.socket.recv(65536)))


if __name__ == "__main__":
    main()
