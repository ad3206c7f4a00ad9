"""What a chain commits to of a packet, and under which keys of the store `ibc`: by IBC v2, byte by
byte, so that other chains can verify it.

Where the text of the standard and ibc-go differ, it is as in ibc-go: big-endian numbers, 2 for
receipts and 3 for acknowledgements.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from hashlib import sha256
from typing import Final, NamedTuple

# The value under the key of a receipt.
RECEIPT: Final = b"\x02"
# The only acknowledgement of a packet that the application has not taken.
ERROR_ACKNOWLEDGEMENT: Final = sha256(b"UNIVERSAL_ERROR_ACKNOWLEDGEMENT").digest()
_VERSION: Final = b"\x02"


class Kind(IntEnum):
    """What is kept of a packet: the byte between client id and sequence."""

    COMMITMENT = 1
    RECEIPT = 2
    ACKNOWLEDGEMENT = 3


class Payload(NamedTuple):
    """What one application sends to another."""

    source_port: str
    destination_port: str
    version: str
    encoding: str
    value: bytes


def compute_packet_commitment(
    destination_client: str, timeout_s: int, payloads: Sequence[Payload]
) -> bytes:
    """What the sender keeps of a packet, 32 bytes. timeout_s: seconds since 1970."""
    content = b"".join(_hash_payload(payload) for payload in payloads)
    parts = (destination_client.encode(), _encode_number(timeout_s), content)
    return _hash_parts(_VERSION, parts)


def compute_acknowledgement_commitment(acknowledgements: Sequence[bytes]) -> bytes:
    """What the receiver keeps of what its applications answered, 32 bytes."""
    return _hash_parts(_VERSION, acknowledgements)


def make_key(client_id: str, kind: Kind, sequence: int) -> bytes:
    """Where a chain keeps it of a packet. client_id: the client that the chain has of the other."""
    return client_id.encode() + bytes([kind]) + _encode_number(sequence)


def _hash_payload(payload: Payload) -> bytes:
    *names, value = payload
    return _hash_parts(b"", [*(str(name).encode() for name in names), bytes(value)])


def _hash_parts(head: bytes, parts: Sequence[bytes]) -> bytes:
    return sha256(head + b"".join(sha256(part).digest() for part in parts)).digest()


def _encode_number(number: int) -> bytes:
    return number.to_bytes(8, "big")
