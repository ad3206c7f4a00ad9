"""Checks signatures ahead of time, in a process of its own.

A signature takes a third of the time of a transaction, and Python computes on one core at a time:
while this process checks, the node executes. It promises that nothing depends on it: a signature
that it has not found good, for whatever reason, is checked again where the rules ask for it, so a
worker that is slow or gone costs time and changes no answer.

    python -m abci_app.signature_worker        the other end: jobs come on standard input
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

# In front of the jobs of a batch: how many there are.
COUNT_BYTES = 4
JOB_BYTES = SECP256K1_KEY_BYTES + DIGEST_BYTES + SECP256K1_SIGNATURE_BYTES
GOOD = 1
# Jobs that are sent together: few enough that the answer to the first is not long in coming.
BATCH_MAX = 64
# For fewer, asking takes longer than checking.
BATCH_MIN = 4
# The library lets go of the interpreter while it checks: a thread for each core is at work.
THREADS_MAX = 8
# So many batches are taken in before the first of them is answered.
BATCHES_AHEAD_MAX = 256
# After this the node no longer waits for an answer: a batch takes milliseconds.
REPLY_DEADLINE_S = 30.0
# How long a worker may take to end when it has nothing more to do.
END_DEADLINE_S = 10.0

log = logging.getLogger(__name__)


class Batch:
    """Signatures that a worker is checking."""

    __slots__ = ("claims", "is_settled")

    def __init__(self, claims: Sequence[tuple[DecodedTx, SignerData]]) -> None:
        self.claims = claims
        self.is_settled = False


class SignatureWorker:
    """A process that checks signatures; any thread may submit and wait. OSError if there is no room
    for another process. It ends with `close`, or with this process.
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

    def submit(self, claims: Iterable[tuple[DecodedTx, SignerData]]) -> list[Batch]:
        """Has signatures checked; the batches, in their order, are to be waited for.

        What is checked first is on its way while `claims` still finds out what comes next.
        """
        fit = (claim for claim in claims if _has_form(*claim))
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
            while not batch.is_settled:
                self._settle(self._batches.popleft())

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
        jobs = [
            signer_data.pub_key + compute_digest(tx, signer_data) + tx.signature
            for tx, signer_data in batch.claims
        ]
        try:
            self._socket.sendall(len(jobs).to_bytes(COUNT_BYTES, "big") + b"".join(jobs))
        except OSError as error:
            self._lose(error)

    def _settle(self, batch: Batch) -> None:
        """Reads the answer to the oldest batch."""
        try:
            answer = b"" if self._is_lost else self._replies.read(len(batch.claims))
            if len(answer) < len(batch.claims):
                self._lose(EOFError("it has ended"))
        except OSError as error:
            answer = b""
            self._lose(error)
        for (tx, signer_data), result in zip(batch.claims, answer, strict=False):
            if result == GOOD:
                tx.verified_for = signer_data
        batch.is_settled = True

    def _lose(self, error: Exception) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._process.kill()
            log.warning("lost the process that checks signatures ahead, going on alone: %s", error)


def _has_form(tx: DecodedTx, signer_data: SignerData) -> bool:
    """Whether a signature and its key have the lengths of a job."""
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
        for jobs in read_batches(connection):
            results.put(pool.submit(check_jobs, jobs))
        results.put(None)
        sender.join()


def read_batches(connection: socket.socket) -> Iterator[bytes]:
    """The jobs of each batch. A node that was killed leaves half a batch, which is none."""
    with connection.makefile("rb") as requests, suppress(OSError):
        while len(head := requests.read(COUNT_BYTES)) == COUNT_BYTES:
            size = int.from_bytes(head, "big") * JOB_BYTES
            jobs = requests.read(size)
            if len(jobs) < size:
                break
            yield jobs


def send_results(connection: socket.socket, results: Queue[Future[bytes] | None]) -> None:
    """Sends results until there are no more, or nobody who hears them."""
    while (result := results.get()) is not None:
        # With nobody there, reading ends as well, and what is left is taken off the queue.
        with suppress(OSError):
            connection.sendall(result.result())


def check_jobs(jobs: bytes) -> bytes:
    """A byte for each job: 1 if its signature is good, else 0."""
    end_of_key = SECP256K1_KEY_BYTES
    end_of_digest = end_of_key + DIGEST_BYTES
    results = bytearray()
    for first in range(0, len(jobs), JOB_BYTES):
        job = jobs[first : first + JOB_BYTES]
        results.append(
            verify_secp256k1_digest(
                job[:end_of_key], job[end_of_key:end_of_digest], job[end_of_digest:]
            )
        )
    return bytes(results)


if __name__ == "__main__":
    main()
