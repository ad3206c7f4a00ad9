"""Signatures checked ahead, in a process of their own: the answers are those of a node alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from cosmos.tx.v1beta1 import tx_pb2
from tendermint.abci import types_pb2 as abci

from abci_app.signature_worker import TASK_BYTES, SignatureWorker, verify_tasks
from chain import app
from chain.runtime.tx import DecodedTx, SignerData, compute_digest, decode
from node_config.localnet.process import make_environment
from tests.node.application.driven_node import ANNA, CHAIN_ID, Node, account_number, pay
from tests.support.transactions import flip_s

SIGNER_DATA = SignerData(CHAIN_ID, account_number("anna"), ANNA.pub_key)
DEADLINE_S = 20.0


def spoiled(raw: bytes) -> bytes:
    """The transaction with a signature that does not fit."""
    tx = tx_pb2.TxRaw.FromString(raw)
    tx.signatures[0] = bytes([tx.signatures[0][0] ^ 1]) + tx.signatures[0][1:]
    return tx.SerializeToString(deterministic=True)


def make_tasks(raws: Sequence[bytes]) -> list[tuple[DecodedTx, SignerData]]:
    return [(decode(raw, app.RULES.handlers), SIGNER_DATA) for raw in raws]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


def wait_until_gone(pid: int) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while is_running(pid):
        assert time.monotonic() < end_s, f"process {pid} is still there"
        time.sleep(0.01)


@pytest.fixture
def worker() -> Iterator[SignatureWorker]:
    with closing(SignatureWorker()) as worker:
        yield worker


def test_each_task_has_its_own_answer() -> None:
    tx = decode(pay(0), app.RULES.handlers)
    digest = compute_digest(tx, SIGNER_DATA)
    tasks = [
        ANNA.pub_key + digest + tx.signature,
        ANNA.pub_key + bytes(32) + tx.signature,
        ANNA.pub_key + digest + flip_s(tx.signature),
        bytes(33) + digest + tx.signature,
        ANNA.pub_key + digest + bytes(64),
        ANNA.pub_key + digest + tx.signature,
    ]
    assert {len(task) for task in tasks} == {TASK_BYTES}
    assert verify_tasks(b"".join(tasks)) == bytes([1, 0, 0, 0, 0, 1])


def test_only_good_signatures_are_noted(worker: SignatureWorker) -> None:
    raws = [pay(number) if number % 3 else spoiled(pay(number)) for number in range(200)]
    tasks = make_tasks(raws)
    batches = worker.submit(tasks)
    # When the last one is done, so are the others.
    worker.wait(batches[-1])
    for number, (tx, _) in enumerate(tasks):
        assert tx.verified_for == (SIGNER_DATA if number % 3 else None)


def test_a_few_are_left_to_the_node(worker: SignatureWorker) -> None:
    assert worker.submit(make_tasks([pay(0), pay(1)])) == []


def test_what_has_another_length_is_left_to_the_node(
    worker: SignatureWorker,
) -> None:
    tasks = make_tasks([pay(number) for number in range(8)])
    tasks[3][0].signature = b"short"
    tasks[5] = (tasks[5][0], SignerData(CHAIN_ID, SIGNER_DATA.account_number, b""))
    for batch in worker.submit(tasks):
        worker.wait(batch)
    assert [tx.verified_for is not None for tx, _ in tasks].count(False) == 2


class TestTheAnswersAreThoseOfANodeAlone:
    def offers(self) -> list[bytes]:
        """Anna's transactions: good, with a wrong signature, out of order, for another chain, and
        no transaction at all.
        """
        good = [pay(number) for number in range(12)]
        return [*good[:6], spoiled(good[6]), b"noise", *good[6:], good[3], pay(12, chain_id="x")]

    def trade(self, node: Node) -> tuple[list[int], bool, list[int], bytes]:
        txs = self.offers()
        node.begin()
        node.app.on_check_tx_batch([abci.RequestCheckTx(tx=tx) for tx in txs])
        codes = [node.check(tx).code for tx in txs]
        accepted = node.accepts([tx for tx, code in zip(txs, codes, strict=True) if not code])
        executed = node.block(2, txs)
        node.stop()
        return codes, accepted, [r.code for r in executed.tx_results], executed.app_hash

    def test_with_a_worker(self, tmp_path: Path, worker: SignatureWorker) -> None:
        alone = self.trade(Node(tmp_path / "alone"))
        assert alone == self.trade(Node(tmp_path / "helped", worker))
        assert alone[0].count(0) == 12

    def test_with_a_worker_that_was_killed(
        self, tmp_path: Path, worker: SignatureWorker, caplog: pytest.LogCaptureFixture
    ) -> None:
        os.kill(worker.pid, signal.SIGKILL)
        wait_until_gone(worker.pid)
        alone = self.trade(Node(tmp_path / "alone"))
        assert alone == self.trade(Node(tmp_path / "helped", worker))
        assert "going on alone" in caplog.text
        assert len(caplog.records) == 1

    def test_a_block_from_elsewhere_is_checked_ahead(
        self, tmp_path: Path, worker: SignatureWorker
    ) -> None:
        txs = [pay(number) for number in range(8)]
        node = Node(tmp_path / "state", worker)
        node.begin()
        assert node.accepts(txs)
        assert not node.accepts([*txs[:7], spoiled(txs[7])])
        assert {result.code for result in node.block(2, txs).tx_results} == {0}
        node.stop()


class TestTheProcess:
    def test_it_leaves_the_end_to_the_node(self, worker: SignatureWorker) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            tasks = make_tasks([pay(0)] * 4)
            for batch in worker.submit(tasks):
                worker.wait(batch)
            os.kill(worker.pid, number)
            assert all(tx.verified_for == SIGNER_DATA for tx, _ in tasks)

    def test_it_ends_with_the_node(self) -> None:
        with closing(SignatureWorker()) as worker:
            assert is_running(worker.pid)
        wait_until_gone(worker.pid)

    def test_it_ends_when_the_node_is_killed(self) -> None:
        program = (
            "import time; from abci_app.signature_worker import SignatureWorker; "
            "print(SignatureWorker().pid, flush=True); time.sleep(600)"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, env=make_environment()
        ) as node:
            assert node.stdout is not None
            pid = int(node.stdout.readline())
            node.kill()
        wait_until_gone(pid)
