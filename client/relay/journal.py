"""How far a relayer has read, and what it has still to do: one file, written beside and renamed.

If it is lost, the blocks are read again; nothing in it is trusted by a chain.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.message import DecodeError
from ibc.core.channel.v2.packet_pb2 import Acknowledgement, Packet

from client.errors import MissingError
from client.files import private_file
from client.relay.packets import Answered, Sent

# What waits beyond this has to be read again later.
WAITING_MAX = 10_000


@dataclass
class Journal:
    """Of one chain: the last height that was read, and what happened there and is not done."""

    height: int
    sent: list[Sent] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)

    def add(self, one: Sent | Answered) -> None:
        """Notes what has happened."""
        if isinstance(one, Sent):
            self.sent.append(one)
        else:
            self.answered.append(one)

    @property
    def is_full(self) -> bool:
        """Whether nothing more can be noted."""
        return len(self.sent) + len(self.answered) >= WAITING_MAX


def save(path: Path, journals: dict[str, Journal]) -> None:
    """Writes journals by the names of their chains; raises MissingError."""
    content = {
        name: {
            "height": journal.height,
            "sent": [one.packet.SerializeToString().hex() for one in journal.sent],
            "answered": [
                [
                    one.packet.SerializeToString().hex(),
                    one.acknowledgement.SerializeToString().hex(),
                ]
                for one in journal.answered
            ],
        }
        for name, journal in journals.items()
    }
    try:
        private_file.replace(path, json.dumps(content))
    except OSError as error:
        raise MissingError(f"cannot write {path}: {error.strerror}") from error


def load(path: Path) -> dict[str, Journal]:
    """Reads what was saved, nothing if there is no file; raises MissingError."""
    try:
        content = json.loads(path.read_text())
        return {
            name: Journal(
                int(one["height"]),
                [Sent(Packet.FromString(bytes.fromhex(text))) for text in one["sent"]],
                [
                    Answered(
                        Packet.FromString(bytes.fromhex(packet)),
                        Acknowledgement.FromString(bytes.fromhex(answer)),
                    )
                    for packet, answer in one["answered"]
                ],
            )
            for name, one in content.items()
        }
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise MissingError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, DecodeError) as error:
        raise MissingError(f"{path} is damaged: remove it, and blocks are read again") from error
