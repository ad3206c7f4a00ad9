"""Backs a node up into one file, and makes a node of it again that cannot sign what it has signed.

An archive is a tar file with the folders of a stopped node. What a restored validator may sign is
not what the archive says, which is out of date: it is given the height from which on nothing is
signed yet.
"""

from __future__ import annotations

import contextlib
import json
import os
import tarfile
import tempfile
from pathlib import Path

from client.errors import MissingError, UsageError
from node_config.localnet.supervisor import lock_home
from node_config.node.home import NodeHome
from node_config.node.settings import write

FOLDERS = ("config", "data", "app-data", "snapshots", "keys")
# Those without which there is no node.
NEEDED = ("config", "data")
# Blocks beyond the one that a node elsewhere names, before a restored validator signs again.
MARGIN_BLOCKS = 10


def back_up(path: Path, archive: Path) -> int:
    """Writes the archive of a stopped node; returns its size in bytes. UsageError, MissingError."""
    home = NodeHome(path.absolute())
    home.load()
    if archive.exists():
        raise UsageError(f"{archive} exists; choose another name")
    with contextlib.closing(lock_home(home.path, "a node")):
        require_unused(home)
        draft = archive.with_name(f".{archive.name}.draft")
        try:
            # It has the node's keys.
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                with tarfile.open(fileobj=file, mode="w") as tar:
                    for name in FOLDERS:
                        if (home.path / name).is_dir():
                            tar.add(home.path / name, name)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, archive)
        except OSError as error:
            raise MissingError(f"{archive} cannot be written: {error.strerror}") from error
        finally:
            draft.unlink(missing_ok=True)
    return archive.stat().st_size


def restore(archive: Path, path: Path, signed_height: int) -> None:
    """Makes a node of an archive in a folder that does not exist. Its validator signs nothing up to
    `signed_height`. UsageError or MissingError.
    """
    if path.exists():
        raise UsageError(f"{path} exists; choose another folder, or move it away")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
            draft = NodeHome(Path(folder) / "home")
            draft.path.mkdir(mode=0o700)
            with tarfile.open(archive, mode="r:") as tar:
                _require_ours(archive, tar)
                tar.extractall(draft.path, filter="data")
            draft.load()
            state = {"height": str(signed_height), "round": 0, "step": 0}
            write(draft.signing_state, json.dumps(state, indent=2) + "\n")
            draft.path.rename(path)
    except (tarfile.TarError, EOFError) as error:
        raise UsageError(f"{archive} is not an archive of a node: {error}") from error
    except OSError as error:
        raise MissingError(f"{path} cannot be restored: {error.strerror or error}") from error


def _require_ours(archive: Path, tar: tarfile.TarFile) -> None:
    found = set()
    for member in tar:
        top = member.name.split("/")[0]
        if top not in FOLDERS or not (member.isfile() or member.isdir()):
            raise UsageError(f"{archive} is not an archive of a node: it has {member.name[:200]!r}")
        found.add(top)
    for name in NEEDED:
        if name not in found:
            raise UsageError(f"{archive} is not an archive of a node: {name} is missing")


def require_unused(home: NodeHome) -> None:
    """That nothing else, such as a service of systemd, runs the node."""
    address = home.load().rpc
    if not address.is_free():
        raise UsageError(f"something listens at {address}; stop the node first")
