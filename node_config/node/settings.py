"""Changes single settings of a config.toml and leaves everything else as its owner wrote it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from client.errors import MissingError, UsageError
from client.files import private_file
from client.files.toml_file import format_value, read_toml
from net_address import parse_host_port

# Of p2p: each a list of ids, or of ids with addresses, joined by commas.
DIALLED = "persistent_peers"
KNOWN_IDS = ("unconditional_peer_ids", "private_peer_ids")
NODE_ID = re.compile(r"[0-9a-f]{40}", re.ASCII)


class PeerAddress(NamedTuple):
    """How a node is reached: its id, and host:port."""

    node_id: str
    address: str

    def __str__(self) -> str:
        return f"{self.node_id}@{self.address}"


def parse_peer(text: str) -> PeerAddress:
    """The parts of `id@host:port`; UsageError for anything else."""
    node_id, _, address = text.partition("@")
    try:
        if not NODE_ID.fullmatch(node_id):
            raise ValueError("a node id has 40 hexadecimal digits in lower case")
        if not parse_host_port(address).port:
            raise ValueError(f"{address!r} names no port")
    except ValueError as error:
        raise UsageError(f"{text[:200]!r} is not the ID@HOST:PORT of a node: {error}") from error
    return PeerAddress(node_id, address)


def read_peers(path: Path) -> list[PeerAddress]:
    """Whom a node dials; MissingError or UsageError."""
    text = str(read_toml(path).get("p2p", {}).get(DIALLED, ""))
    return [parse_peer(one.strip()) for one in text.split(",") if one.strip()]


def add_peer(path: Path, peer: PeerAddress) -> None:
    """Has a node dial another one from its next start on. One that it knows by the same id gets
    the new address. MissingError or UsageError.
    """
    peers = {one.node_id: one for one in read_peers(path)} | {peer.node_id: peer}
    text = _read(path)
    text = set_value(text, "p2p", DIALLED, ",".join(map(str, peers.values())))
    section = read_toml(path).get("p2p", {})
    for name in KNOWN_IDS:
        ids = [one for one in str(section.get(name, "")).split(",") if one]
        text = set_value(text, "p2p", name, ",".join(dict.fromkeys([*ids, peer.node_id])))
    write(path, text)


def set_value(text: str, section: str, name: str, value: str | bool | int) -> str:
    """The text of a TOML file with another value; the line is added if there is none."""
    line = f"{name} = {format_value(value)}"
    header = re.search(rf"^\[{re.escape(section)}\][ \t]*(#.*)?$", text, re.MULTILINE)
    if header is None:
        return f"{text.rstrip()}\n\n[{section}]\n{line}\n"
    following = re.compile(r"^\[", re.MULTILINE).search(text, header.end())
    end = following.start() if following else len(text)
    body, count = re.subn(
        rf"^{re.escape(name)}[ \t]*=.*$",
        lambda _: line,
        text[header.end() : end],
        count=1,
        flags=re.MULTILINE,
    )
    if not count:
        body = f"\n{line}{body}"
    return text[: header.end()] + body + text[end:]


def write(path: Path, text: str) -> None:
    """Replaces a file in one step; MissingError if that fails."""
    try:
        private_file.replace(path, text)
    except OSError as error:
        raise MissingError(f"{path} cannot be written: {error.strerror}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise MissingError(f"{path} cannot be read: {error.strerror}") from error
