"""Keys on disk: nobody can prepare the place where one is written, or read it unnoticed."""

import logging
import os
import stat
from pathlib import Path

import pytest

from client.errors import MissingError, UsageError
from client.files import private_file
from client.node import chain_pin
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey


def test_a_prepared_link_is_not_followed(tmp_path: Path) -> None:
    """In a folder that others may write to: the victim's file is safe, and so is the secret."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o777)
    # Every name that a draft could have had by the process id, and the name of the key itself.
    for name in (f"alice.{os.getpid()}.new", "alice.new", ".alice.json-", "chain-id"):
        (folder / name).symlink_to(victim)
    keyring = Keyring(folder)
    keyring.add("alice", AccountKey.generate(), None)
    chain_pin.pin(folder, "street-1")
    assert victim.read_text() == "precious"
    for name in ("alice.json", chain_pin.FILE):
        assert stat.S_IMODE((folder / name).lstat().st_mode) == 0o600
        assert not (folder / name).is_symlink()
    (folder / "bob.json").symlink_to(victim)
    with pytest.raises(UsageError, match="exists"):
        keyring.add("bob", AccountKey.generate(), None)
    assert victim.read_text() == "precious"


def test_a_dangling_link_is_a_name_in_use(tmp_path: Path) -> None:
    (tmp_path / "alice.json").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="exists"):
        Keyring(tmp_path).add("alice", AccountKey.generate(), None)
    assert not (tmp_path / "nowhere").exists()


def test_drafts_have_names_that_nobody_can_foresee_and_do_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = []
    link = os.link

    def note(source: str, target: Path) -> None:
        drafts.append(Path(source).name)
        assert stat.S_IMODE(os.stat(source).st_mode) == 0o600
        link(source, target)

    monkeypatch.setattr(os, "link", note)
    for name in ("a", "b"):
        private_file.write_new(tmp_path / name, "secret")
    assert len(set(drafts)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    with pytest.raises(FileExistsError):
        private_file.write_new(tmp_path / "a", "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert (tmp_path / "a").read_text() == "secret"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_key_that_others_can_use_is_read_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    keyring = Keyring(tmp_path / "keys")
    info = keyring.add("alice", AccountKey.generate(), None)
    with caplog.at_level(logging.WARNING):
        assert keyring.load("alice", str).pub_key == info.pub_key
        assert caplog.messages == []
        (keyring.folder / "alice.json").chmod(mode)
        assert keyring.load("alice", str).pub_key == info.pub_key
    [message] = caplog.messages
    assert f"alice.json can be used by others (mode {mode:04o}); run chmod 600" in message


def test_the_pin_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    assert chain_pin.read_pin(folder) == ""
    with pytest.raises(UsageError, match="no chain id is pinned"):
        chain_pin.choose(folder, "")
    chain_pin.pin(folder, "energy-local-7f3a9c-1")
    assert chain_pin.choose(folder, "") == "energy-local-7f3a9c-1"
    assert chain_pin.choose(folder, "other-1") == "other-1"
    chain_pin.pin(folder, "other-1")
    assert chain_pin.read_pin(folder) == "other-1"
    for wrong in ("", "a b", "a" * 51, "ü", "a\n"):
        with pytest.raises(UsageError, match="is not a chain id"):
            chain_pin.pin(folder, wrong)
    (folder / chain_pin.FILE).write_bytes(b"\xff" * 60)
    with pytest.raises(MissingError, match="does not hold a chain id"):
        chain_pin.read_pin(folder)
