"""An application that cannot write says why in a sentence, ends, and has lost nothing."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tendermint.abci import types_pb2 as abci

from node_config.localnet.process import make_environment
from tests.chaos.support.applications import CHAIN_ID, START_S
from tests.chaos.support.rpc import wait_until
from tests.node.application.toy import Client
from tests.support import documents

DEADLINE_S = 30.0
MISSING = 4
BLOCKS = 5


def test_an_application_that_cannot_write(tmp_path: Path) -> None:
    with running(tmp_path) as (process, node):
        node.call(make_genesis())
        hashes = [execute(node, height) for height in range(1, BLOCKS + 1)]
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, hard))
        lost = node.call(make_block(BLOCKS + 1)).finalize_block.app_hash
        node.send(abci.RequestCommit(), abci.RequestFlush())
        (rejection,) = node.receive(1)
        assert f"Height {BLOCKS + 1} cannot be written" in rejection.exception.error
        said = process.communicate(timeout=DEADLINE_S)[0]
    assert process.returncode == MISSING
    assert said.rstrip().endswith("Check the disk and its free space, then start the node again.")
    assert "Traceback" not in said
    with running(tmp_path) as (process, node):
        info = node.call(abci.RequestInfo()).info
        assert (info.last_block_height, info.last_block_app_hash) == (BLOCKS, hashes[-1])
        assert execute(node, BLOCKS + 1) == lost


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    """The application as a process, and CometBFT's side of its socket."""
    process = subprocess.Popen(
        [sys.executable, "-m", "abci_app", "--home", "."],
        cwd=folder,
        env=make_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until((folder / "app.sock").exists, DEADLINE_S, "the socket")
        with Client(f"unix://{folder}/app.sock") as client:
            yield process, client
    finally:
        process.kill()
        process.wait()


def make_genesis() -> abci.RequestInitChain:
    document = documents.expand(documents.complete(documents.street()))
    state = json.dumps(document).encode()
    return abci.RequestInitChain(chain_id=CHAIN_ID, app_state_bytes=state)


def make_block(height: int) -> abci.RequestFinalizeBlock:
    request = abci.RequestFinalizeBlock(height=height)
    request.time.seconds = START_S + height
    return request


def execute(node: Client, height: int) -> bytes:
    """Executes and commits a block; gives its app hash."""
    app_hash: bytes = node.call(make_block(height)).finalize_block.app_hash
    node.call(abci.RequestCommit())
    return app_hash
