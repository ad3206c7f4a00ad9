"""Verifies signatures ahead of time, in a process of its own.

A signature takes a third of the time of a transaction, and Python computes on one core at a time:
while this process verifies, the node executes. It promises that nothing depends on it: a signature
that it has not found good, for whatever reason, is verified again where the rules need it, so a
worker that is slow or gone costs time and changes no answer.

    python -m abci_app.signature_worker        the worker itself: tasks come on standard input
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from queue import Queue

from chain.runtime.signatures import (
    DIGEST_BYTES,
    SECP256K1_KEY_BYTES,
    SECP256K1_SIGNATURE_BYTES,
    verify_secp256k1_digest,
)
from chain.runtime.tx import DecodedTx, SignerData, compute_digest

# In front of the tasks of a batch: how many there are.
COUNT_BYTES = 4
TASK_BYTES = SECP256K1_KEY_BYTES + DIGEST_BYTES + SECP256K1_SIGNATURE_BYTES
GOOD = 1
# Max tasks in a batch: few enough that the first is answered soon.
BATCH_MAX = 64
# Min tasks in a batch: to send fewer takes longer than to verify them.
BATCH_MIN = 4
# The library releases the interpreter while it verifies, so that a thread for each core helps.
THREADS_MAX = 8
# Max batches that the worker reads before the first of them is answered.
BATCHES_AHEAD_MAX = 256
# How long the node waits for a batch, which takes milliseconds.
REPLY_DEADLINE_S = 30.0
# Grace period for a worker without tasks to exit.
END_DEADLINE_S = 10.0

log = logging.getLogger(__name__)

# A transaction, and what its signature has to verify against.
SignatureTask = tuple[DecodedTx, SignerData]


class Batch:
    """Signatures that a worker is verifying."""

    __slots__ = ("is_done", "tasks")

    def __init__(self, tasks: Sequence[SignatureTask]) -> None:
        self.tasks = tasks
        self.is_done = False


class SignatureWorker:
    """A process that verifies signatures; any thread may submit and wait. It ends with `close`, or
    with this process. Raises OSError if the machine has no memory for another process.
    """

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(REPLY_DEADLINE_S)
        with theirs:
            end = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "abci_app.signature_worker"], stdin=end, stdout=end
            )
        self._replies = self._socket.makefile("rb")
        self._submitting = threading.Lock()
        self._waiting = threading.Lock()
        self._batches: deque[Batch] = deque()
        self._is_lost = False

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def submit(self, tasks: Iterable[SignatureTask]) -> list[Batch]:
        """Has signatures verified; returns the batches to wait for, in their order.

        The first is sent while `tasks` still yields the next.
        """
        fit = (task for task in tasks if _has_lengths(*task))
        batches: list[Batch] = []
        while len(part := list(islice(fit, BATCH_MAX))) >= BATCH_MIN and not self._is_lost:
            batches.append(Batch(part))
            with self._submitting:
                self._batches.append(batches[-1])
                self._send(batches[-1])
        return batches

    def wait(self, batch: Batch) -> None:
        """Returns when the good signatures of a batch are noted in their transactions."""
        with self._waiting:
            while not batch.is_done:
                self._receive(self._batches.popleft())

    def close(self) -> None:
        """Ends the process."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        try:
            self._process.wait(END_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._replies.close()
        self._socket.close()

    def _send(self, batch: Batch) -> None:
        tasks = [
            signer_data.pub_key + compute_digest(tx, signer_data) + tx.signature
            for tx, signer_data in batch.tasks
        ]
        try:
            self._socket.sendall(len(tasks).to_bytes(COUNT_BYTES, "big") + b"".join(tasks))
        except OSError as error:
            self._lose(error)

    def _receive(self, batch: Batch) -> None:
        """Reads the answer to the oldest batch."""
        try:
            answer = b"" if self._is_lost else self._replies.read(len(batch.tasks))
            if len(answer) < len(batch.tasks):
                self._lose(EOFError("it has ended"))
        except OSError as error:
            answer = b""
            self._lose(error)
        for (tx, signer_data), result in zip(batch.tasks, answer, strict=False):
            if result == GOOD:
                tx.verified_for = signer_data
        batch.is_done = True

    def _lose(self, error: Exception) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._process.kill()
            log.warning("lost the signature process, going on alone: %s", error)


def _has_lengths(tx: DecodedTx, signer_data: SignerData) -> bool:
    """Whether a signature and its key have the lengths of a task."""
    key_fits = len(signer_data.pub_key) == SECP256K1_KEY_BYTES
    return key_fits and len(tx.signature) == SECP256K1_SIGNATURE_BYTES


def main() -> None:
    """Answers batches in their order, a byte for each signature, until there are no more."""
    # The node decides when to end: it stops sending.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    cores = len(os.sched_getaffinity(0))
    results: Queue[Future[bytes] | None] = Queue(BATCHES_AHEAD_MAX)
    with (
        socket.socket(fileno=os.dup(sys.stdin.fileno())) as connection,
        ThreadPoolExecutor(min(cores, THREADS_MAX)) as pool,
    ):
        sender = threading.Thread(target=send_results, args=(connection, results))
        sender.start()
        for tasks in read_batches(connection):
            results.put(pool.submit(verify_tasks, tasks))
        results.put(None)
        sender.join()


def read_batches(connection: socket.socket) -> Iterator[bytes]:
    """The tasks of each batch. An incomplete batch of a node that was killed is dropped."""
    with connection.makefile("rb") as requests, suppress(OSError):
        while len(head := requests.read(COUNT_BYTES)) == COUNT_BYTES:
            size = int.from_bytes(head, "big") * TASK_BYTES
            tasks = requests.read(size)
            if len(tasks) < size:
                break
            yield tasks


def send_results(connection: socket.socket, results: Queue[Future[bytes] | None]) -> None:
    """Sends results until there are no more; after the node has gone, they are dropped."""
    while (result := results.get()) is not None:
        with suppress(OSError):
            connection.sendall(result.result())


def verify_tasks(tasks: bytes) -> bytes:
    """A byte for each task: 1 if its signature is good, else 0."""
    end_of_key = SECP256K1_KEY_BYTES
    end_of_digest = end_of_key + DIGEST_BYTES
    results = bytearray()
    for first in range(0, len(tasks), TASK_BYTES):
        task = tasks[first : first + TASK_BYTES]
        results.append(
            verify_secp256k1_digest(
                task[:end_of_key], task[end_of_key:end_of_digest], task[end_of_digest:]
            )
        )
    return bytes(results)


if __name__ == "__main__":
    main()
