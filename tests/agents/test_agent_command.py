"""The command is there without its libraries, and says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agents.commands import group
from client.cli import main

COMMANDS = (
    *("run", "simulate", "tournament", "grid", "data", "forecast", "plan", "detect", "insight"),
    *("model", "fleet"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["agent", command, "--help"])
    assert ended.value.code == 0
    assert "usage: blockenergy agent" in capsys.readouterr().out


def test_what_is_missing_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(group, "find_spec", lambda name: None)
    assert main(["agent", "data", "somewhere"]) == 4
    said = capsys.readouterr().err
    assert "lightgbm" in said
    assert "make agents" in said
    assert said.count("\n") == 1


def test_help_needs_none_of_the_libraries() -> None:
    script = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({group.LIBRARIES!r}))\n"
        "from client.cli import main\n"
        "main(['agent', 'forecast', '--help'])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "--issue-hour" in ended.stdout


def test_homes_trade_without_the_libraries() -> None:
    script = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({group.LIBRARIES!r}))\n"
        "import agents.run.loop, agents.trading, node_config.demo.home.resident\n"
        "import node_config.simulated.street\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
