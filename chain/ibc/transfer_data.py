"""What a packet of ICS-20 says, and what denominations are called: `ics20-1`, byte by byte.

A path is a denomination with the hops that it took to get here, the last one first:
`transfer/07-tendermint-0/uatom`. A voucher of it has a name of a fixed length.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from ibc.applications.transfer.v1.packet_pb2 import FungibleTokenPacketData

from chain.ibc.identifiers import is_client_id
from chain.runtime.encoding import codec
from chain.runtime.units import AMOUNT_MAX

PORT: Final = "transfer"
VERSION: Final = "ics20-1"
PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
VOUCHER_PREFIX: Final = "ibc/"
SUCCESS: Final = b'{"result":"AQ=="}'
# A path is part of a key, and a name of a party no document.
PATH_BYTES_MAX: Final = 128
PARTY_BYTES_MAX: Final = 128
_VALUE_BYTES_MAX: Final = 40_000
_HOPS_MAX: Final = 4
_BASE: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9:._-]{2,127}", re.ASCII)
# What is sent on is kept for ever: an account, and no text.
_ACCOUNT: Final = re.compile(r"[a-zA-Z0-9]{1,128}", re.ASCII)
_AMOUNT: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_TEXT: Final = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"'
_SPACE: Final = r"[ \t\n\r]*"
_PAIR: Final = rf"{_SPACE}{_TEXT}{_SPACE}:{_SPACE}{_TEXT}{_SPACE}"
# No levels below the first, so that reading it takes no stack.
_FLAT_OBJECT: Final = re.compile(rf"{_SPACE}\{{{_PAIR}(?:,{_PAIR})*\}}{_SPACE}")
_FIELDS: Final = ("denom", "amount", "sender", "receiver", "memo")


class TransferDataError(ValueError):
    """A payload that is no transfer; the message says why."""


class TransferData(NamedTuple):
    """Who sends what to whom. path: as the sender's chain has it."""

    path: str
    amount: int
    sender: str
    receiver: str


def get_escrow_account(client_id: str) -> bytes:
    """Where money waits that was sent over a client; nobody can sign for it."""
    return sha256(f"{VERSION}\x00{PORT}/{client_id}".encode()).digest()[:20]


def add_hop(client_id: str, path: str) -> str:
    """The path of what came over a client."""
    return f"{PORT}/{client_id}/{path}"


def remove_hop(client_id: str, path: str) -> str | None:
    """The path without its last hop; None if that was not over this client."""
    hop = add_hop(client_id, "")
    return path.removeprefix(hop) if path.startswith(hop) else None


def get_voucher_denom(client_id: str, path: str) -> str | None:
    """What stands here for what came over a client; None for a denomination of this chain."""
    return None if remove_hop(client_id, path) is None else get_denom(path)


def get_denom(path: str) -> str:
    """The denomination of this chain that stands for a path: itself, or a voucher."""
    if "/" not in path:
        return path
    return VOUCHER_PREFIX + sha256(path.encode()).hexdigest().upper()


def split_path(path: str) -> tuple[list[tuple[str, str]], str]:
    """Hops as port and client, the last one first, and the base denomination."""
    *hops, base = path.split("/")
    return list(zip(hops[::2], hops[1::2], strict=True)), base


def is_path(path: str) -> bool:
    """Whether something can be called so: hops over clients, and a base without a slash."""
    *hops, base = path.split("/")
    ports, clients = hops[::2], hops[1::2]
    good = len(ports) == len(clients) <= _HOPS_MAX and len(path.encode()) <= PATH_BYTES_MAX
    good = good and all(port == PORT for port in ports) and all(map(is_client_id, clients))
    return good and bool(_BASE.fullmatch(base))


def is_account(text: str) -> bool:
    """Whether money can be sent to this account of another chain."""
    return bool(_ACCOUNT.fullmatch(text))


def write(data: TransferData, encoding: str) -> bytes:
    """The value of a payload. encoding: PROTOBUF or JSON."""
    fields = (data.path, str(data.amount), data.sender, data.receiver)
    if encoding == PROTOBUF:
        values = dict(zip(_FIELDS, fields, strict=False))
        return codec.encode(FungibleTokenPacketData(**values))
    content = dict(zip(_FIELDS, fields, strict=False))
    return json.dumps(content, separators=(",", ":")).encode()


def read(version: str, encoding: str, value: bytes) -> TransferData:
    """What a payload says; raises TransferDataError."""
    _require(version == VERSION, f"the version is not {VERSION}")
    _require(len(value) <= _VALUE_BYTES_MAX, "it is too large")
    _require(encoding in (PROTOBUF, JSON), "the encoding is not known")
    path, amount, sender, receiver = _READERS[encoding](value)
    _require(is_path(path), "the denomination is not valid")
    good = _AMOUNT.fullmatch(amount) is not None and int(amount) <= AMOUNT_MAX
    _require(good, "the amount is not a number from 1 to 2^63 - 1")
    sizes = [len(party.encode()) for party in (sender, receiver)]
    _require(all(0 < size <= PARTY_BYTES_MAX for size in sizes), "sender or receiver is not valid")
    return TransferData(path, int(amount), sender, receiver)


def _read_protobuf(value: bytes) -> tuple[str, str, str, str]:
    try:
        data = FungibleTokenPacketData.FromString(value)
    except DecodeError:
        raise TransferDataError("it is no transfer") from None
    return data.denom, data.amount, data.sender, data.receiver


def _read_json(value: bytes) -> tuple[str, str, str, str]:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise TransferDataError("it is no text") from None
    _require(_FLAT_OBJECT.fullmatch(text), "it is no object of texts")
    pairs: list[tuple[str, str]] = json.loads(text, object_pairs_hook=list)
    content = dict(pairs)
    known = content.keys() <= set(_FIELDS) and len(content) == len(pairs)
    _require(known, "it has a name twice, or one that it may not have")
    texts = [content.get(name, "") for name in _FIELDS]
    # What is written with an escape may be half of a character.
    _require(not any("\ud800" <= one <= "\udfff" for one in "".join(texts)), "it is no text")
    denom, amount, sender, receiver, _ = texts
    return denom, amount, sender, receiver


_READERS: Final = {PROTOBUF: _read_protobuf, JSON: _read_json}


def _require(holds: object, problem: str) -> None:
    if not holds:
        raise TransferDataError(problem)
