"""`blockenergy meter parse`: shows what the telegrams in a file say, without a bridge."""

from __future__ import annotations

import argparse
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from blockenergy.bridge.v1.bridge_pb2 import TelegramFormat

import text_output
from client.cli.common import add_output_option
from client.definitions import get_short_name
from client.errors import MissingError, UsageError
from meter_bridge.client.telegrams import read_file, split_telegrams
from meter_bridge.formats import FORMATS, find_format, read_telegram
from meter_bridge.formats.telegram import Content, Context, Interval, Secrets, TelegramError
from meter_bridge.options import add_local_time_option

AUTO = "auto"
FILE_CHECK = "SHA-256 of the file"
KEY_FILE_BYTES_MAX = 64 * 1024
EXIT_REJECTED = 1
FORMAT_NAMES: dict[str, TelegramFormat] = {
    get_short_name(TelegramFormat.DESCRIPTOR.values_by_number[number]): number for number in FORMATS
}
_NAMES = {number: name for name, number in FORMAT_NAMES.items()}
# The latest moment that can be shown.
_TIME_S_MAX = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())


def fill_parse(parser: argparse.ArgumentParser) -> None:
    """Options of `parse`."""
    parser.add_argument("file", metavar="FILE", help="one or more telegrams; - for standard input")
    parser.add_argument(
        "--format",
        choices=[AUTO, *FORMAT_NAMES],
        default=AUTO,
        help="format of the telegrams (default: auto, by their content)",
    )
    for name, what in (
        ("encryption", "that opens encrypted telegrams"),
        ("authentication", "of DLMS, beside it"),
        ("master", "of DLMS that opens keys which come with telegrams"),
        ("public", "that verifies signed telegrams, in DER or PEM, or as a point"),
    ):
        parser.add_argument(
            f"--{name}-key",
            metavar="KEY",
            type=parse_key,
            default=b"",
            help=f"the meter's key {what}: hexadecimal, or a file with it",
        )
    parser.add_argument(
        "--obis", metavar="CODE", default="", help="what a value without a name is, as 1-0:1.8.0"
    )
    add_local_time_option(parser)
    add_output_option(parser)
    parser.set_defaults(run_meter=parse)


def parse_key(text: str) -> bytes:
    """Bytes in hexadecimal, or those of a file that holds either."""
    path = Path(text)
    try:
        if not path.is_file():
            return bytes.fromhex(text)
        with path.open("rb") as file:
            content = file.read(KEY_FILE_BYTES_MAX)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError("a key is neither hexadecimal nor a file") from error
    try:
        return bytes.fromhex(content.decode("ascii").strip())
    except ValueError:
        return content


def parse(args: argparse.Namespace) -> int:
    """Prints what each telegram says, or why it is rejected; the exit code is 0 if none is."""
    content = read_file(args.file)
    checks = require_digest(args.file, content)
    format_id = choose_format(args.file, args.format, content)
    telegrams = split_telegrams(args.file, content, format_id)
    secrets = Secrets(
        args.encryption_key, args.authentication_key, args.public_key, args.master_key
    )
    context = Context(args.local_time, secrets, obis=args.obis)
    shown = [row for raw in telegrams for row in describe(format_id, raw, context, checks)]
    if args.output == "json":
        text_output.say(text_output.to_json(shown))
    else:
        text_output.say("\n\n".join(map(to_text, shown)))
    rejected = [row["rejected"] for row in shown if "rejected" in row]
    for sentence in rejected:
        text_output.complain(sentence)
    return EXIT_REJECTED if rejected else 0


def require_digest(name: str, content: bytes) -> tuple[str, ...]:
    """Compares the file with FILE.sha256, if there is one, as sha256sum writes it.

    Errors: MissingError, UsageError if it is another file.
    """
    beside = Path(f"{name}.sha256")
    if not beside.is_file():
        return ()
    try:
        words = beside.read_text("ascii").split()
    except (OSError, ValueError) as error:
        raise MissingError(f"{beside} cannot be read") from error
    if words[:1] != [hashlib.sha256(content).hexdigest()]:
        raise UsageError(f"{name} is not the file that {beside} describes; it was altered")
    return (FILE_CHECK,)


def choose_format(name: str, wanted: str, content: bytes) -> TelegramFormat:
    """The format that was given, or the one that the content has. Errors: UsageError."""
    if wanted != AUTO:
        return FORMAT_NAMES[wanted]
    found = find_format(content)
    if found is None:
        raise UsageError(f"{name} is of no known format, or damaged; give one with --format")
    return found[0]


def describe(
    format_id: TelegramFormat, raw: bytes, context: Context, checks: tuple[str, ...]
) -> list[dict[str, Any]]:
    """What a telegram says, one row for each meter in it; or why it is rejected."""
    name = _NAMES[format_id]
    try:
        contents = read_telegram(format_id, raw, context)
    except TelegramError as error:
        return [{"format": name, "rejected": str(error)}]
    return [to_row(name, content, checks) for content in contents]


def to_row(name: str, content: Content, checks: tuple[str, ...]) -> dict[str, Any]:
    """A content as JSON has it."""
    return {
        "format": name,
        "meter_id": content.meter_id,
        "time": format_time(content.time_s),
        "import_register_wh": content.import_register_wh,
        "export_register_wh": content.export_register_wh,
        "checks": [*content.checks, *checks],
        **({} if content.counter is None else {"counter": content.counter}),
        "values": {
            code: {"amount": f"{quantity.amount:f}", "unit": quantity.unit}
            for code, quantity in content.values.items()
        },
        **({"intervals": list(map(to_interval, content.intervals))} if content.intervals else {}),
    }


def to_interval(interval: Interval) -> dict[str, Any]:
    """An interval as JSON has it."""
    return {
        "start": format_time(interval.start_s),
        "length_s": interval.length_s,
        "energy_wh": interval.energy_wh,
        "direction": "export" if interval.is_export else "import",
        "quality": interval.quality,
    }


def format_time(time_s: int | None) -> str | None:
    """A moment in UTC, such as 2027-01-15T12:00:00Z."""
    if time_s is None or not 0 <= time_s <= _TIME_S_MAX:
        return None
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def to_text(row: dict[str, Any]) -> str:
    """A row for people."""
    lines = []
    for name, value in row.items():
        if name == "values":
            lines += [
                text_output.escape(f"  {code:<14}{one['amount']} {one['unit']}".rstrip())
                for code, one in value.items()
            ]
        elif name == "intervals":
            lines.append(f"{'intervals':<20}{len(value)}, from {value[0]['start']}")
        else:
            shown = ", ".join(value) or "none" if name == "checks" else value
            lines.append(text_output.escape(f"{name:<20}{'-' if shown is None else shown}"))
    return "\n".join(lines)
