"""The units of a service, and the command that puts them in place."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.cli.__main__ import main
from client.errors import UsageError
from node_config.localnet.setup import init_network
from node_config.service import commands, systemd
from node_config.service.systemd import Manager
from node_config.service.unit_files import SERVICES, make_units, quote_argument

APP, COMETBFT, BRIDGE = (f"blockenergy-{name}.service" for name in ("app", "cometbft", "bridge"))
COMMAND = re.compile(r"^ExecStart=(.*)$", re.MULTILINE)
# As an administrator's shell would have it; systemd's own quoting is the same for these.
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("with space") / "100% net"
    init_network(home, 1)
    return home


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package on a machine with systemd; systemctl only writes down its calls."""
    folder = tmp_path / "bin"
    folder.mkdir()
    written = tmp_path / "calls"
    (folder / "systemctl").write_text(f'#!/bin/sh\necho "$*" >> {written}\n')
    (folder / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(systemd, "BOOTED", tmp_path)
    monkeypatch.setattr(commands, "_require_installed", lambda service: None)
    return written


def make(service: str, home: Path, *options: str, user: str = "blockenergy") -> dict[str, str]:
    return make_units(
        service,
        home,
        options,
        cometbft=Path("/opt/blockenergy/bin/cometbft"),
        address="unix://app.sock",
        user=user,
    )


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
@pytest.mark.parametrize("user", ["daemon", ""])
def test_systemd_understands_every_line(tmp_path: Path, net: Path, user: str) -> None:
    home = tmp_path / '50% "of" my $HOME'
    home.mkdir()
    for service in SERVICES:
        for name, text in make(service, home, "--metrics", "a $b", user=user).items():
            existing = text.replace("/opt/blockenergy/bin/cometbft", "/bin/true")
            (tmp_path / name).write_text(existing)
    paths = [str(tmp_path / name) for name in (APP, COMETBFT, BRIDGE)]
    command = ["systemd-analyze", *([] if user else ["--user"]), "verify", "--man=no", *paths]
    environment = os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "XDG_RUNTIME_DIR": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "blockenergy-" in line]
    assert not ours
    assert done.returncode == 0, done.stderr


def test_each_brings_the_other_back() -> None:
    units = make("validator", Path("/srv/node0"))
    assert f"\nUpholds={COMETBFT}\n" in units[APP]
    assert f"\nBindsTo={APP}\nAfter={APP}\n" in units[COMETBFT]
    for text in units.values():
        assert "\nRestart=always\n" in text
        assert "\nStartLimitIntervalSec=0\n" in text
        assert "\nUser=blockenergy\n" in text
        assert "\nReadWritePaths=/srv/node0\n" in text
    # Only the application is enabled: CometBFT follows it.
    assert "[Install]" in units[APP] and "[Install]" not in units[COMETBFT]


def test_a_users_own_manager_gets_only_what_it_can_do() -> None:
    for service in SERVICES:
        for text in make(service, Path("/srv/node0"), user="").values():
            assert "User=" not in text and "Protect" not in text
            assert "\nNoNewPrivileges=yes\n" in text


@given(TEXTS)
def test_an_argument_arrives_as_it_was(text: str) -> None:
    """By the rules of systemd.syntax(7), written here once more."""
    quoted = quote_argument(text)
    if quoted.startswith('"'):
        assert quoted.endswith('"')
        quoted = re.sub(r"\\(.)", r"\1", quoted[1:-1])
    else:
        assert not re.search(r"[\s\"'\\;]", quoted)
    assert quoted.replace("$$", "$").replace("%%", "%") == text
    assert not re.search(r"(?<!%)%(%%)*(?!%)", quoted)


def test_a_line_break_cannot_add_a_line() -> None:
    with pytest.raises(UsageError, match="choose a name without line breaks"):
        make("bridge", Path("/srv/x\nUser=root"))


def test_the_units_can_be_looked_at_first(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = str(net / "node0")
    command = ["service", "install", "validator", "--user", "--dry-run", "--home", home]
    assert main([*command, "--", "--metrics", "127.0.0.1:26670"]) == 0
    shown = capsys.readouterr().out
    python = Path(sys.prefix) / "bin" / "python"
    assert COMMAND.findall(shown) == [
        f"{python} -m abci_app --home . --address unix://app.sock --metrics 127.0.0.1:26670",
        f"{Path(sys.prefix) / 'bin' / 'cometbft'} start --home .",
    ]
    assert f"WorkingDirectory={home.replace('%', '%%')}\n" in shown


def test_files_are_named_from_everywhere(
    net: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(net)
    command = ["service", "install", "bridge", "--user", "--dry-run", "--home", "bridge"]
    assert main([*command, "--", "--key", "keys/bridge.json"]) == 0
    key = str(net / "keys" / "bridge.json").replace("%", "%%")
    assert f'--home . --key "{key}"\n' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["install", "validator", "--home", "nowhere"], "there is no folder"),
        (["install", "validator", "--home", "bridge"], "config.toml"),
        (["install", "bridge", "--home", "bridge"], "required: --key"),
        (["install", "bridge", "--home", "bridge", "--", "--key", "k", "--home", "x"], "before"),
        (["install", "bridge", "--home", "bridge", "--", "--key", "k", "--what"], "--what"),
        (["uninstall", "bridge"], "no bridge is installed in"),
    ],
)
def test_a_mistake_is_said_before_anything_is_done(
    net: Path,
    calls: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(net)
    assert main(["service", *arguments[:2], "--user", *arguments[2:]]) in (2, 4)
    assert sentence in capsys.readouterr().err
    assert not calls.exists()
    assert not Manager(is_user=True).folder.exists()


def test_root_does_not_run_a_service(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if (net / "node0").stat().st_uid != 0:
        pytest.skip("only root has folders of root")
    assert main(["service", "install", "validator", "--home", str(net / "node0")]) == 2
    assert "give it to an account of its own: useradd" in capsys.readouterr().err


def test_a_checkout_is_not_run_as_a_service(
    net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Manager, "require_usable", lambda self: None)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    home = str(net / "node0")
    assert main(["service", "install", "validator", "--user", "--home", home]) == 2
    assert "make install PREFIX=" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_without_systemd_it_says_so(
    net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(systemd, "BOOTED", tmp_path / "missing")
    home = str(net / "node0")
    assert main(["service", "install", "validator", "--user", "--home", home]) == 4
    assert "--dry-run prints the units" in capsys.readouterr().err


def test_installed_again_it_is_restarted_and_uninstalled_it_is_gone(
    net: Path, calls: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Manager(is_user=True).folder
    install = ["service", "install", "validator", "--user", "--home", str(net / "node0")]
    once = ["--user daemon-reload", f"--user enable {APP}", f"--user restart {APP}"]
    for times in (1, 2):
        assert main(install) == 0
        assert calls.read_text().splitlines() == once * times
        assert {path.name for path in folder.iterdir()} == {APP, COMETBFT}
    assert main([*install[:-1], str(shutil.copytree(net / "node0", net / "other"))]) == 2
    assert "runs the folder" in capsys.readouterr().err
    calls.unlink()
    assert main(["service", "uninstall", "validator", "--user"]) == 0
    assert calls.read_text().splitlines() == [
        f"--user disable --now {APP}",
        "--user daemon-reload",
    ]
    assert not list(folder.iterdir())


def test_what_systemctl_says_is_passed_on(
    net: Path, calls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bin" / "systemctl").write_text("#!/bin/sh\necho no bus >&2; exit 1\n")
    assert main(["service", "install", "validator", "--user", "--home", str(net / "node0")]) == 1
    assert "systemctl --user daemon-reload failed: no bus" in capsys.readouterr().err
