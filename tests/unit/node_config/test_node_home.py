"""A node's folder: made as a whole, changed line by line, backed up, and restored."""

from __future__ import annotations

import io
import json
import tarfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.errors import MissingError, UsageError
from client.files.toml_file import format_value
from client.signing.keyring import Keyring
from net_address import HostPort
from node_config.node.archive import back_up, restore
from node_config.node.doctor import examine
from node_config.node.home import OPERATOR_KEY, NodeHome
from node_config.node.settings import add_peer, parse_peer, read_peers, set_value
from node_config.node.setup import init_node
from tests.support.properties import examples

P2P, RPC = HostPort("127.0.0.1", 26656), HostPort("127.0.0.1", 26657)
ONE, TWO = (f"{digit * 40}@192.0.2.{digit}:26656" for digit in "12")


@pytest.fixture
def home(tmp_path: Path) -> NodeHome:
    path = tmp_path / "node"
    init_node(path, "acme", "demo", P2P, RPC, "secret")
    return NodeHome(path)


def test_a_new_node_has_keys_of_its_own_and_an_encrypted_operator(home: NodeHome) -> None:
    node = home.load()
    assert node.rpc.port == RPC.port
    for path in (home.node_key, home.validator_key, home.keys / "operator.json"):
        assert path.stat().st_mode & 0o077 == 0
    keyring = Keyring(home.keys)
    assert keyring.get(OPERATOR_KEY).is_encrypted
    with pytest.raises(MissingError, match="passphrase"):
        keyring.load(OPERATOR_KEY, lambda: "guess")
    content = tomllib.loads(home.config.read_text())
    assert content["moniker"] == "acme"
    assert content["filter_peers"] is True
    with pytest.raises(UsageError, match="already exists"):
        init_node(home.path, "acme", "demo", P2P, RPC, None)


def test_nothing_is_written_if_something_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "genesis.json"
    bad.write_text("{}")
    for moniker, genesis in (("", None), ("a\nb", None), ("ok", bad), ("ok", tmp_path / "none")):
        with pytest.raises((UsageError, MissingError)):
            init_node(tmp_path / "node", moniker, "demo", P2P, RPC, None, genesis)
    assert list(tmp_path.iterdir()) == [bad]


def test_peers_are_added_once_and_the_rest_stays(home: NodeHome) -> None:
    home.config.write_text("# mine\n" + home.config.read_text())
    for text in (ONE, TWO, ONE.replace("26656", "1")):
        add_peer(home.config, parse_peer(text))
    assert [str(peer) for peer in read_peers(home.config)] == [ONE.replace("26656", "1"), TWO]
    section = tomllib.loads(home.config.read_text())["p2p"]
    assert (
        section["unconditional_peer_ids"] == section["private_peer_ids"] == f"{'1' * 40},{'2' * 40}"
    )
    assert home.config.read_text().startswith("# mine\n")


@pytest.mark.parametrize(
    "text", ["", "x@1.2.3.4:1", f"{'A' * 40}@h:1", f"{'a' * 40}@h", f"{'a' * 40}@h:0", "a" * 40]
)
def test_what_is_no_peer(text: str) -> None:
    with pytest.raises(UsageError, match="is not the ID@HOST:PORT"):
        parse_peer(text)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)


@given(
    st.dictionaries(st.sampled_from("abcd"), TEXTS),
    st.dictionaries(st.sampled_from("abcd"), TEXTS),
    st.sampled_from(["p2p", "rpc", "new"]),
    st.sampled_from("abc"),
    st.one_of(TEXTS, st.booleans(), st.integers(0, 9)),
)
@examples(100)
def test_one_value_changes_and_no_other(
    p2p: dict[str, str], rpc: dict[str, str], section: str, name: str, value: str | bool | int
) -> None:
    def lines(values: dict[str, str]) -> str:
        return "".join(f"{key} = {format_value(one)}\n" for key, one in values.items())

    text = f"top = 1\n\n[p2p]\n{lines(p2p)}\n[rpc] # why\n{lines(rpc)}"
    expected = tomllib.loads(text)
    expected.setdefault(section, {})[name] = value
    assert tomllib.loads(set_value(text, section, name, value)) == expected


def test_a_restored_validator_signs_nothing_that_may_be_signed(
    home: NodeHome, tmp_path: Path
) -> None:
    archive = tmp_path / "node.tar"
    assert back_up(home.path, archive) > 0
    assert archive.stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="exists"):
        back_up(home.path, archive)
    with pytest.raises(UsageError, match="exists"):
        restore(archive, home.path, 5)
    again = NodeHome(tmp_path / "again")
    restore(archive, again.path, 120)
    assert json.loads(again.signing_state.read_text())["height"] == "120"
    assert again.node_id == home.node_id
    assert again.validator_key.read_bytes() == home.validator_key.read_bytes()


def test_what_is_no_archive_leaves_nothing(tmp_path: Path) -> None:
    archive, target = tmp_path / "bad.tar", tmp_path / "node"

    def pack(name: str, kind: bytes = tarfile.REGTYPE) -> None:
        with tarfile.open(archive, "w") as tar:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member, io.BytesIO())

    for name, kind in (
        ("../evil", tarfile.REGTYPE),
        ("/etc/evil", tarfile.REGTYPE),
        ("config/../../evil", tarfile.REGTYPE),
        ("config/link", tarfile.SYMTYPE),
        ("other/file", tarfile.REGTYPE),
        ("config/file", tarfile.REGTYPE),
    ):
        pack(name, kind)
        with pytest.raises((UsageError, MissingError)):
            restore(archive, target, 1)
    archive.write_bytes(b"no tar at all")
    with pytest.raises(UsageError, match="is not an archive"):
        restore(archive, target, 1)
    with pytest.raises(MissingError):
        restore(tmp_path / "missing.tar", target, 1)
    assert list(tmp_path.iterdir()) == [archive]


def test_the_doctor_names_what_is_wrong(home: NodeHome) -> None:
    def problems() -> dict[str, str]:
        return {one.subject: one.problem for one in examine(home)}

    assert "genesis.json cannot be read" in problems()["genesis"]
    home.node_key.chmod(0o644)
    text = home.config.read_text()
    for change in (("filter_peers = true", "filter_peers = false"), ("127.0.0.1", "0.0.0.0")):
        text = text.replace(*change)
    home.config.write_text(text)
    assert "run chmod 600" in problems()["keys"]
    assert "every node may connect" in problems()["settings"]
    assert "it has no password" in problems()["settings"]
    home.signing_state.write_text("{}")
    assert "never start a validator without it" in problems()["keys"]
    home.config.unlink()
    assert "blockenergy node init" in problems()["folder"]
