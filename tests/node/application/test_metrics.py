"""What an operator sees of the application: numbers that follow what it does."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tendermint.abci import types_pb2 as abci
from tendermint.types.validator_pb2 import BLOCK_ID_FLAG_ABSENT, BLOCK_ID_FLAG_COMMIT

from abci_app.metrics import MeteredApplication, Metrics
from abci_app.metrics_server import serve_metrics
from abci_app.protocol.listener import ListenError
from abci_app.storage.node_state import NodeState
from abci_app.storage.persistence import Database
from tests.support import documents

TIME_S = 1_800_000_000


@pytest.fixture
def state(tmp_path: Path) -> Iterator[NodeState]:
    with Database.open(tmp_path / "data", create=True) as database:
        yield NodeState(database)


@pytest.fixture
def metrics(state: NodeState, tmp_path: Path) -> Metrics:
    return Metrics(state, tmp_path / "data")


def get_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def read(port: int) -> dict[tuple[str, str], float]:
    """Every sample, by its name and the values of its labels, these in the order of their names."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, " ".join(dict(sorted(sample.labels.items())).values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_blocks_and_transactions_are_counted(state: NodeState, metrics: Metrics) -> None:
    application = MeteredApplication(state, "test", True, None, metrics)
    document = documents.expand(documents.complete(documents.street()))
    application.init_chain(
        abci.RequestInitChain(chain_id="metrics", app_state_bytes=json.dumps(document).encode())
    )
    rejected = application.check_tx(abci.RequestCheckTx(tx=b"no transaction"))
    application.check_tx(abci.RequestCheckTx(tx=b"again", type=abci.CheckTxType.RECHECK))
    block = abci.RequestFinalizeBlock(height=1, txs=[b"no transaction"] * 3)
    block.time.seconds = TIME_S
    for signed, flag in ((b"a" * 20, BLOCK_ID_FLAG_COMMIT), (b"b" * 20, BLOCK_ID_FLAG_ABSENT)):
        vote = block.decided_last_commit.votes.add(block_id_flag=flag)
        vote.validator.address = signed
    application.finalize_block(block)
    port = get_free_port()
    with serve_metrics(metrics, f"127.0.0.1:{port}"):
        assert read(port)["blockenergy_height", ""] == 0
        application.commit(abci.RequestCommit())
        found = read(port)
    assert found["blockenergy_height", ""] == 1
    assert found["blockenergy_block_time_seconds", ""] == TIME_S
    assert found["blockenergy_database_bytes", ""] > 0
    assert found["process_resident_memory_bytes", ""] > 0
    assert rejected.code
    labels = f"{rejected.code} {rejected.codespace}"
    assert found["blockenergy_checked_total", labels] == 1
    assert found["blockenergy_transactions_total", labels] == 3
    assert found["blockenergy_signatures_total", f"yes {'61' * 20}"] == 1
    assert found["blockenergy_signatures_total", f"no {'62' * 20}"] == 1
    assert found["blockenergy_events_total", "blockenergy.market.v1.EventSlotOpened"] > 0
    for call in ("finalize_block", "commit"):
        assert found["blockenergy_abci_call_seconds_count", call] == 1


def test_a_port_that_is_taken_is_a_sentence(metrics: Metrics) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ListenError, match=f"{address}.*in use.*--metrics"):
            serve_metrics(metrics, address).__enter__()


@pytest.mark.parametrize("address", ["26661", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:70000"])
def test_an_address_of_another_form_is_a_sentence(metrics: Metrics, address: str) -> None:
    with pytest.raises(ListenError, match="HOST:PORT"):
        serve_metrics(metrics, address).__enter__()
