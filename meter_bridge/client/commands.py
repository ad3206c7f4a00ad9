"""`blockenergy meter`: pushes telegrams to a bridge, and shows its health and readings.

Exit codes are those of the command line; `push` exits with 0 if every telegram was acknowledged,
with 1 if any was rejected, and with 3 if the bridge asks for some of them again later.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import grpc
from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.bridge.v1.bridge_pb2 import (
    HealthResponse,
    PushRequest,
    PushResponse,
)
from blockenergy.options.v1.options_pb2 import UNIT_WH

import text_output
from client.cli import display
from client.cli.common import (
    BRIDGE_VARIABLE,
    Command,
    add_chain_id_option,
    add_commands,
    add_keyring_option,
    add_output_option,
    show,
)
from client.definitions import get_short_name, get_text
from client.errors import ClientError, MissingError, UsageError
from client.node import chain_pin
from client.units import parse as parse_value
from meter_bridge.bridge import DEFAULT_LISTEN
from meter_bridge.client.connection import (
    ACKNOWLEDGED,
    DEFAULT_TIMEOUT_S,
    BridgeError,
    BridgeUnreachableError,
    MeterClient,
)
from meter_bridge.client.export import fill_export
from meter_bridge.client.gateway import fill_gateway, fill_proof
from meter_bridge.client.parse import FORMAT_NAMES, fill_parse
from meter_bridge.client.telegrams import Source, prepare, read_telegrams
from meter_bridge.formats import dsmr
from meter_bridge.formats.telegram import METER_ID, METER_ID_FORM
from meter_bridge.keys import HELP, find_keyring, load_meter_key
from meter_bridge.options import add_local_time_option
from meter_bridge.tls import MissingFileError, TlsError, TlsFiles

# Time allowed for each further telegram of a stream.
PER_TELEGRAM_S = 0.1
# Results after which a retry may succeed.
TEMPORARY = {bridge_pb2.PUSH_SPOOL_FULL, bridge_pb2.PUSH_CHAIN_UNREACHABLE}
EXIT_REJECTED = 1
EXIT_LATER = 3

DEFAULT_FORMAT = next(iter(FORMAT_NAMES))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the commands of `blockenergy meter`."""
    add_commands(
        parser,
        {
            "push": Command(
                "push telegrams from a file",
                "Reads telegrams from a file, signs the reading of each with the meter's key, "
                "pushes them to a bridge and prints the result of each.",
                fill_push,
            ),
            "parse": Command(
                "show what telegrams say",
                "Shows what the telegrams in a file say: meter, time, registers, and what was "
                "verified. It needs neither a bridge nor a chain.",
                fill_parse,
            ),
            "gateway": Command(
                "read meters and send their readings",
                "Reads meters from serial ports, TCP, MQTT, HTTP, websockets and files, signs the "
                "readings of their slots and sends them to a bridge, as one TOML file says.",
                fill_gateway,
            ),
            "proof": Command(
                "show the telegram of a reading",
                "Shows a reading of a gateway with the telegram that it was made of, and the salt: "
                "the SHA-256 of both is what the chain has of it. The gateway must not be running.",
                fill_proof,
            ),
            "export": Command(
                "write the intervals of a meter for others to read",
                "Writes the energy of a meter's slots as a Green Button or CMEP file, from the "
                "readings on the chain, with a quality code each; gaps are filled so that the sum "
                "is that of the registers.",
                fill_export,
            ),
            "telegram": Command(
                "write a telegram for trials",
                "Writes the telegram of a simulated meter at the end of a slot to standard output.",
                fill_telegram,
            ),
            "status": Command(
                "show the state of a reading",
                "Shows the state of a reading that a bridge has acknowledged.",
                fill_status,
            ),
            "health": Command(
                "show the health of a bridge",
                "Shows whether a bridge works, and its backlog.",
                fill_health,
            ),
        },
    )


def run(args: argparse.Namespace) -> int:
    """Runs one of the commands; returns the exit code. Errors: ClientError."""
    try:
        code: int = args.run_meter(args)
    except MissingFileError as error:
        raise MissingError(str(error)) from error
    except TlsError as error:
        raise UsageError(str(error)) from error
    return code


def fill_push(parser: argparse.ArgumentParser) -> None:
    """Options of `push`."""
    parser.add_argument("file", metavar="FILE", help="one or more telegrams; - for standard input")
    parser.add_argument(
        "--format",
        choices=FORMAT_NAMES,
        default=DEFAULT_FORMAT,
        help=f"format of the telegrams (default: {DEFAULT_FORMAT})",
    )
    parser.add_argument("--meter-key", metavar="KEY", required=True, help=f"{HELP} or NAME.pem)")
    parser.add_argument(
        "--meter-id",
        metavar="ID",
        type=parse_meter_id,
        help="the meter's id on the chain, if its telegrams have none, or another one",
    )
    add_chain_id_option(parser)
    add_local_time_option(parser)
    add_keyring_option(parser)
    finish(parser)
    parser.set_defaults(run_meter=push)


def fill_telegram(parser: argparse.ArgumentParser) -> None:
    """Options of `telegram`."""
    parser.add_argument("meter_id", metavar="METER", type=parse_meter_id, help="meter id")
    parser.add_argument("slot", metavar="SLOT", type=parse_slot, help="slot number")
    for name in ("import", "export"):
        parser.add_argument(
            f"--{name}",
            dest=f"{name}_register",
            metavar="ENERGY",
            default="0",
            help=f"what the {name} register shows, such as 1234.5kWh (default: 0)",
        )
    finish(parser)
    parser.set_defaults(run_meter=write_telegram)


def fill_status(parser: argparse.ArgumentParser) -> None:
    """Options of `status`."""
    parser.add_argument("meter_id", metavar="METER", help="meter id")
    parser.add_argument("slot", metavar="SLOT", type=parse_slot, help="slot number")
    finish(parser)
    parser.set_defaults(run_meter=show_status)


def fill_health(parser: argparse.ArgumentParser) -> None:
    """Options of `health`."""
    finish(parser)
    parser.set_defaults(run_meter=show_health)


def finish(parser: argparse.ArgumentParser) -> None:
    """Options of all commands."""
    parser.add_argument(
        "--bridge",
        metavar="HOST:PORT",
        default=os.environ.get(BRIDGE_VARIABLE) or DEFAULT_LISTEN,
        help=f"address of the bridge (default: ${BRIDGE_VARIABLE}, else {DEFAULT_LISTEN})",
    )
    parser.add_argument("--tls-cert", metavar="FILE", type=Path, help="own certificate (PEM)")
    parser.add_argument("--tls-key", metavar="FILE", type=Path, help="its private key (PEM)")
    parser.add_argument(
        "--tls-ca", metavar="FILE", type=Path, help="CA of the bridge's certificate (PEM)"
    )
    add_output_option(parser)


def parse_slot(text: str) -> int:
    """A slot number."""
    if not (text.isascii() and text.isdigit() and int(text) < 1 << 63):
        raise argparse.ArgumentTypeError(f"{text!r} is not a slot number")
    return int(text)


def parse_meter_id(text: str) -> str:
    """A meter id."""
    if METER_ID.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a meter id ({METER_ID_FORM})")
    return text


def connect(args: argparse.Namespace) -> MeterClient:
    """A connection according to the options."""
    given = [path for path in (args.tls_cert, args.tls_key, args.tls_ca) if path is not None]
    if len(given) not in (0, 3):
        raise UsageError("--tls-cert, --tls-key and --tls-ca go together; give all three or none")
    return MeterClient(args.bridge, TlsFiles(*given) if given else None)


def push(args: argparse.Namespace) -> int:
    """Pushes every telegram of a file and prints the results, even if the bridge vanishes."""
    telegram_format = FORMAT_NAMES[args.format]
    telegrams = read_telegrams(args.file, telegram_format)
    key = load_meter_key(args.meter_key, args.keyring)
    chain_id = chain_pin.choose(find_keyring(args.meter_key, args.keyring).folder, args.chain_id)
    with connect(args) as bridge:
        health = require_chain(bridge.health(), chain_id)
        source = Source(telegram_format, args.local_time, args.meter_id or "")
        prepared = prepare(source, telegrams, key, health)
        responses, failure = push_all(bridge, prepared)
    print_responses(args, responses)
    if failure is not None:
        raise failure
    results = {response.result for response in responses}
    if results - ACKNOWLEDGED - TEMPORARY:
        return EXIT_REJECTED
    return EXIT_LATER if results & TEMPORARY else 0


def push_all(
    bridge: MeterClient, prepared: Sequence[PushRequest | PushResponse]
) -> tuple[list[PushResponse], BridgeError | None]:
    """One response per telegram, in order; also for those the bridge did not respond to."""
    requests = [item for item in prepared if isinstance(item, PushRequest)]
    received: list[PushResponse] = []
    failure = None
    try:
        for response in bridge.stream(requests, DEFAULT_TIMEOUT_S + PER_TELEGRAM_S * len(requests)):
            received.append(response)  # noqa: PERF402, keep what arrived before a failure
    except BridgeError as error:
        failure = error
    missing = PushResponse(detail="No response; push the telegram again.")
    rest = iter(received)
    responses = [
        next(rest, missing) if isinstance(item, PushRequest) else item for item in prepared
    ]
    return responses, failure


def show_status(args: argparse.Namespace) -> int:
    """Prints the state of a reading."""
    with connect(args) as bridge:
        found = bridge.status(args.meter_id, args.slot)
    if found is None:
        raise ClientError(
            f"the bridge has no reading of meter {args.meter_id} for slot {args.slot}, or has "
            "already pruned it"
        )
    show(args, found)
    return 0


def show_health(args: argparse.Namespace) -> int:
    """Prints the health of the bridge; the exit code is 0 if it is healthy."""
    with connect(args) as bridge:
        health = bridge.health()
    show(args, health)
    return 0 if health.healthy else EXIT_REJECTED


def write_telegram(args: argparse.Namespace) -> int:
    """Writes a telegram; the bridge says how long a slot is."""
    registers_wh = [
        parse_value(UNIT_WH, text) for text in (args.import_register, args.export_register)
    ]
    with connect(args) as bridge:
        health = bridge.health()
    require_chain(health, health.chain_id)
    end_s = (args.slot + 1) * health.slot_length_s
    telegram = dsmr.format_telegram(args.meter_id, end_s, registers_wh[:1], registers_wh[1:])
    sys.stdout.buffer.write(telegram)
    return 0


def require_chain(health: HealthResponse, chain_id: str) -> HealthResponse:
    """Errors: ClientError if the bridge does not know its chain yet, or serves another one."""
    if not health.slot_length_s:
        raise BridgeUnreachableError(health.detail, grpc.StatusCode.UNAVAILABLE)
    if health.chain_id != chain_id:
        raise UsageError(
            f"the bridge serves chain {health.chain_id}, not {chain_id}; check --bridge and "
            "--chain-id"
        )
    return health


def print_responses(args: argparse.Namespace, responses: Sequence[PushResponse]) -> None:
    """A JSON list, or one line per telegram."""
    if args.output == "json":
        text_output.say(text_output.to_json([display.to_dict(response) for response in responses]))
        return
    for number, response in enumerate(responses, start=1):
        value = bridge_pb2.PushResult.DESCRIPTOR.values_by_number[response.result]
        subject = f"meter {response.meter_id} slot {response.slot}: " if response.meter_id else ""
        sentence = response.detail or get_text(value)
        text_output.say(
            text_output.escape(f"{number}: {subject}{get_short_name(value)}. {sentence}")
        )
