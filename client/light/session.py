"""A light client from the user's file: opened, used, and what it verified written back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from client.errors import UsageError
from client.light import store as stores
from client.light.client import LightClient
from client.light.store import TrustStore
from client.node import chain_pin
from client.node.rpc import Rpc
from client.signing.keyring import Keyring, get_home


def get_path() -> Path:
    """The file with what this user trusts."""
    return get_home() / stores.FILE


@contextmanager
def open_client(node: str = "", keyring: Path | None = None) -> Iterator[LightClient]:
    """A light client that asks `node`, or the node of the file; what it verifies is kept, whatever
    becomes of the rest. Raises MissingError if nothing is trusted yet.
    """
    path = get_path()
    store = stores.load(path)
    settings = store.settings
    require_pinned(settings.chain_id, keyring)
    client = LightClient(
        Rpc(node or settings.node), [Rpc(witness) for witness in settings.witnesses], store
    )
    known = list(store.heights)
    try:
        yield client
    finally:
        if list(store.heights) != known:
            stores.save(store, path)


def begin(store: TrustStore) -> None:
    """Writes a new file, in place of one that may be there."""
    stores.save(store, get_path())


def require_pinned(chain_id: str, keyring: Path | None = None) -> None:
    """UsageError if keys of this user sign for another chain."""
    pinned = chain_pin.read_pin(Keyring(keyring).folder)
    if pinned and pinned != chain_id:
        raise UsageError(
            f"the keys sign for chain {pinned}, but the trusted header is of {chain_id}"
        )
