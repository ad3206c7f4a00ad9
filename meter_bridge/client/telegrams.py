"""From a file to what is pushed: finds the telegrams, chooses among them, and signs their readings.

A meter that sends a telegram every second sends many around the end of a slot. The nearest to the
end is the reading of the slot; the others would only be conflicts with it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.bridge.v1.bridge_pb2 import (
    HealthResponse,
    PushRequest,
    PushResponse,
    PushTelegramRequest,
    TelegramFormat,
)
from blockenergy.metering.v1.state_pb2 import Reading

import text_output
from client.errors import MissingError, UsageError
from client.signing.keys import MeterKey
from meter_bridge.client.connection import sign_reading
from meter_bridge.formats import FORMATS, decode_hexadecimal, parse_telegram
from meter_bridge.formats.encoding.local_time import LocalTime
from meter_bridge.formats.telegram import TelegramError
from meter_bridge.readings import NotAtSlotEndError, compute_reading, rank

FILE_BYTES_MAX = 64 * 1024 * 1024


@dataclass(frozen=True)
class Source:
    """What has to be known of the meters that have sent the telegrams."""

    format: TelegramFormat
    local_time: LocalTime
    # Takes the place of the identifier in the telegrams; empty if they have one.
    meter_id: str = ""


@dataclass(frozen=True)
class Candidate:
    """A telegram that could be pushed."""

    raw: bytes
    reading: Reading
    # The identifier in the telegram.
    identifier: str
    rank: tuple[int, bool]


def read_telegrams(name: str, telegram_format: TelegramFormat) -> list[bytes]:
    """The telegrams in a file; reports on standard error if there is anything between them."""
    return split_telegrams(name, read_file(name), telegram_format)


def read_file(name: str) -> bytes:
    """The content of a file, or of standard input for `-`. Errors: MissingError, UsageError."""
    try:
        if name == "-":
            content = sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise MissingError(f"{name} cannot be read: {error.strerror}") from error
    if len(content) > FILE_BYTES_MAX:
        raise UsageError(f"{name} is larger than {FILE_BYTES_MAX} bytes; split it")
    return content


def split_telegrams(name: str, content: bytes, telegram_format: TelegramFormat) -> list[bytes]:
    """The telegrams in the content of a file; reports how much lies between them.

    Errors: UsageError if there is none.
    """
    known = FORMATS[telegram_format]
    if (decoded := decode_hexadecimal(content)) is not None:
        content = decoded
    telegrams = list(known.split(content))
    if not telegrams:
        raise UsageError(f"{name} contains no telegram; {known.framing}")
    for telegram in telegrams:
        content = content.replace(telegram, b"", 1)
    if between := len(content.strip()):
        text_output.complain(f"{name}: {between} bytes outside telegrams were ignored")
    return telegrams


def prepare(
    source: Source, telegrams: Sequence[bytes], key: MeterKey, health: HealthResponse
) -> list[PushRequest | PushResponse]:
    """The requests for the telegrams nearest to the end of their slots, and the responses that say
    why others cannot be pushed; reports on standard error how many were left out.

    Errors: UsageError if one id is given for several meters.
    """
    read = [read_candidate(source, raw, health.slot_length_s) for raw in telegrams]
    if source.meter_id:
        require_one_meter([item for item in read if isinstance(item, Candidate)])
    best: dict[tuple[str, int], tuple[int, bool]] = {}
    for item in read:
        if isinstance(item, Candidate):
            slot = (item.reading.meter_id, item.reading.slot)
            best[slot] = min(item.rank, best.get(slot, item.rank))
    chosen = [
        item
        for item in read
        if isinstance(item, PushResponse)
        or item.rank == best[item.reading.meter_id, item.reading.slot]
    ]
    if len(chosen) < len(read):
        count = len(read) - len(chosen)
        text_output.complain(f"{count} telegrams further from the end of their slot were left out")
    return [
        item if isinstance(item, PushResponse) else make_request(source, item, key, health)
        for item in chosen
    ]


def read_candidate(source: Source, raw: bytes, slot_length_s: int) -> Candidate | PushResponse:
    """A telegram with its reading, or the response that says why it has none."""
    try:
        telegram = parse_telegram(source.format, raw, source.local_time)
        reading = compute_reading(telegram, slot_length_s, source.meter_id)
    except TelegramError as error:
        return PushResponse(result=bridge_pb2.PUSH_MALFORMED, detail=str(error))
    except NotAtSlotEndError as error:
        return PushResponse(result=bridge_pb2.PUSH_NOT_AT_SLOT_END, detail=str(error))
    return Candidate(raw, reading, telegram.meter_id, rank(telegram, slot_length_s))


def require_one_meter(candidates: Sequence[Candidate]) -> None:
    """Errors: UsageError if the telegrams come from several meters."""
    identifiers = sorted({candidate.identifier for candidate in candidates} - {""})
    if len(identifiers) > 1:
        raise UsageError(
            f"the telegrams come from {len(identifiers)} meters, {identifiers[0]} and "
            f"{identifiers[1]} among them, but --meter-id is for one; push them one by one"
        )


def make_request(
    source: Source, candidate: Candidate, key: MeterKey, health: HealthResponse
) -> PushRequest:
    """The request for a telegram, signed by the meter."""
    telegram = PushTelegramRequest(
        format=source.format,
        telegram=candidate.raw,
        signature=sign_reading(key, health.chain_id, candidate.reading).signature,
        meter_id=source.meter_id,
    )
    return PushRequest(telegram=telegram)
