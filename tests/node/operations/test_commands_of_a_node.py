"""What an operator asks a node that is stopped: check and export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from abci_app.__main__ import DATA_FOLDER, main
from tests.node.application.driven_node import CHAIN_ID, Node


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A node's folder after two blocks, and its app hash in a file."""
    node = Node(tmp_path / DATA_FOLDER)
    node.begin()
    (tmp_path / "hash").write_bytes(node.block(2).app_hash)
    node.stop()
    return tmp_path


def test_check_says_what_the_validators_compare(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--home", str(home)]) == 0
    app_hash = (home / "hash").read_bytes().hex().upper()
    assert capsys.readouterr().out == f"height 2: 0 problems\napp hash {app_hash}\n"


def test_export_goes_on_from_there(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "config").mkdir()
    (home / "config" / "genesis.json").write_text(json.dumps({"chain_id": CHAIN_ID}))
    assert main(["export", "--home", str(home)]) == 0
    assert json.loads(capsys.readouterr().out)["initial_height"] == "3"


@pytest.mark.parametrize("command", ["check", "export"])
def test_without_a_state_there_is_one_sentence(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--home", str(tmp_path)]) == 4
    assert capsys.readouterr().err.startswith("blockenergy: ")
