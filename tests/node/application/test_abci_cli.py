"""The ABCI server as CometBFT's own command line client sees it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tendermint.abci import types_pb2 as abci

from abci_app.protocol.server import Server
from node_config.cometbft.toolchain import (
    MODULE_FOLDER,
    VERSION,
    compute_source_key,
    exclusive,
    get_cache_folder,
    get_go_version,
    get_needed_go_version,
)
from tests.node.application.toy import MALFORMED, NOT_FOUND, KeyValueApplication, compute_hash

pytestmark = pytest.mark.slow

PACKAGE = "github.com/cometbft/cometbft/abci/cmd/abci-cli"
BUILD_DEADLINE_S = 600
ANSWER_DEADLINE_S = 30


@pytest.fixture(scope="module")
def abci_cli() -> Path:
    """CometBFT's client, built from the sources that go.mod pins and kept in the cache."""
    folder = get_cache_folder() / f"abci-cli-{VERSION}"
    binary = folder / compute_source_key() / "abci-cli"
    with exclusive(folder):
        if not binary.is_file():
            build(binary)
    return binary


def build(binary: Path) -> None:
    go = shutil.which("go")
    if go is None or get_go_version(go) < get_needed_go_version():
        pytest.skip("abci-cli is not in the cache, and there is no Go to build it")
    unfinished = binary.with_suffix(".building")
    command = [go, "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", str(unfinished)]
    subprocess.run(
        [*command, PACKAGE],
        cwd=MODULE_FOLDER,
        env=os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"},
        timeout=BUILD_DEADLINE_S,
        check=True,
    )
    unfinished.rename(binary)


@pytest.fixture(params=["unix", "tcp"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    address = f"unix://{tmp_path}/abci.sock" if request.param == "unix" else "tcp://127.0.0.1:0"
    with Server(KeyValueApplication(), address) as running:
        yield running


def run(abci_cli: Path, server: Server, *command: str, lines: str = "") -> str:
    """Runs one command of abci-cli; gives what it prints, errors included."""
    options = ["--address", server.address, "--log_level", "error", "--verbose"]
    return subprocess.run(
        [str(abci_cli), *options, *command],
        input=lines,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=ANSWER_DEADLINE_S,
        check=False,
    ).stdout


BATCH = """echo hello
info
check_tx "a=1"
check_tx "nonsense"
prepare_proposal "a=1" "nonsense" "b=2"
process_proposal "a=1" "nonsense"
process_proposal "a=1" "b=2"
finalize_block "a=1" "nonsense" "b=2"
query "b"
commit
query "b"
query "c"
info
"""


def test_a_batch_of_calls(abci_cli: Path, server: Server) -> None:
    app_hash = compute_hash({b"a": b"1", b"b": b"2"}).hex().upper()
    absent = f"-> code: {NOT_FOUND}\n-> log: no such key\n-> height: {{height}}\n"
    blocks = [
        "-> code: OK\n-> data: hello\n-> data.hex: 0x68656C6C6F\n",
        "-> code: OK\n-> data: 0 pairs\n-> data.hex: 0x30207061697273\n",
        "-> code: OK\n",
        f"-> code: {MALFORMED}\n-> log: write key=value\n",
        "-> code: OK\n-> log: Succeeded. Tx: a=1\n-> code: OK\n-> log: Succeeded. Tx: b=2\n",
        "-> code: OK\n-> status: REJECT\n",
        "-> code: OK\n-> status: ACCEPT\n",
        f"-> code: OK\n-> code: {MALFORMED}\n-> code: OK\n-> code: OK\n-> data.hex: 0x{app_hash}\n",
        absent.format(height=0) + "-> key: b\n-> key.hex: 62\n",
        "-> code: OK\n",
        "-> code: OK\n-> height: 1\n-> key: b\n-> key.hex: 62\n-> value: 2\n-> value.hex: 32\n",
        absent.format(height=1) + "-> key: c\n-> key.hex: 63\n",
        "-> code: OK\n-> data: 2 pairs\n-> data.hex: 0x32207061697273\n",
    ]
    # A command without arguments is printed with a space behind it.
    output = run(abci_cli, server, "batch", lines=BATCH).replace(" \n", "\n")
    commands = BATCH.splitlines()
    expected = "".join(
        f"> {command}\n{block}\n" for command, block in zip(commands, blocks, strict=True)
    )
    assert output == expected


def test_calls_one_by_one_each_with_a_connection_of_its_own(abci_cli: Path, server: Server) -> None:
    assert "-> data: hello" in run(abci_cli, server, "echo", "hello")
    assert "-> code: OK" in run(abci_cli, server, "check_tx", '"a=1"')
    finalized = run(abci_cli, server, "finalize_block", '"a=1"')
    assert compute_hash({b"a": b"1"}).hex().upper() in finalized
    assert "-> code: OK" in run(abci_cli, server, "commit")
    assert "-> value: 1" in run(abci_cli, server, "query", "--path", "/", '"a"')
    assert "Tx: b=2" in run(abci_cli, server, "prepare_proposal", '"b=2"')
    assert "-> status: REJECT" in run(abci_cli, server, "process_proposal", '"nonsense"')
    assert "-> data: 1 pairs" in run(abci_cli, server, "info")


def test_a_block_of_several_hundred_kilobytes(abci_cli: Path, server: Server) -> None:
    pairs = {b"key%d" % number: b"v" * 100_000 for number in range(5)}
    txs = [f'"{key.decode()}={value.decode()}"' for key, value in pairs.items()]
    output = run(abci_cli, server, "finalize_block", *txs)
    assert output.count("-> code: OK") == 6
    assert compute_hash(pairs).hex().upper() in output


def test_an_interactive_session(abci_cli: Path, server: Server) -> None:
    output = run(abci_cli, server, "console", lines="echo one\n")
    assert "-> data: one" in output


def test_the_client_shows_the_reason_of_an_exception(abci_cli: Path, tmp_path: Path) -> None:
    class Broken(KeyValueApplication):
        def commit(self, request: abci.RequestCommit) -> abci.ResponseCommit:
            raise OSError(28, "No space left on device")

    with Server(Broken(), f"unix://{tmp_path}/abci.sock") as server:
        assert "No space left on device" in run(abci_cli, server, "commit")
        assert "-> data: here" in run(abci_cli, server, "echo", "here")
