"""`blockenergy meter`: pushes telegrams to a bridge and asks it how it is.

Exit codes are those of the command line; `push` ends with 0 if every telegram was acknowledged,
with 1 if any was refused, and with 3 if the bridge asks for some of them again later.
"""

# ruff: noqa: T201, printing is what a command does.

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import grpc
from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.bridge.v1.bridge_pb2 import (
    TELEGRAM_FORMAT_DSMR_P1,
    HealthResponse,
    PushRequest,
    PushResponse,
    PushTelegramRequest,
)

from client import display
from client.cli_common import Command, add_commands, add_keyring_option, add_output_option, show
from client.definitions import get_short_name, get_text
from client.errors import ClientError, MissingError, UsageError
from client.keys import MeterKey
from meter_bridge import dsmr
from meter_bridge.bridge import DEFAULT_LISTEN
from meter_bridge.connection import (
    ACKNOWLEDGED,
    DEFAULT_TIMEOUT_S,
    BridgeError,
    BridgeUnreachableError,
    MeterClient,
    sign_reading,
)
from meter_bridge.keys import HELP, load_meter_key
from meter_bridge.options import add_local_time_option
from meter_bridge.readings import NotAtSlotEndError, compute_reading
from meter_bridge.telegram import LocalTime, TelegramError
from meter_bridge.tls import MissingFileError, TlsError, TlsFiles

FILE_BYTES_MAX = 64 * 1024 * 1024
# One telegram: from a line that begins with / to the next line that begins with !.
TELEGRAM = re.compile(rb"^/.*?^![^\r\n]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
# What a bridge needs at the most to answer one more telegram of a stream.
PER_TELEGRAM_S = 0.1
# Results that the same telegram may not have the next time.
PASSING = {bridge_pb2.PUSH_SPOOL_FULL, bridge_pb2.PUSH_CHAIN_UNREACHABLE}
EXIT_REFUSED = 1
EXIT_LATER = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the commands of `blockenergy meter`."""
    add_commands(
        parser,
        {
            "push": Command(
                "push telegrams from a file",
                "Reads DSMR P1 telegrams from a file, signs the reading of each with the meter's "
                "key, pushes them to a bridge and prints what became of each.",
                fill_push,
            ),
            "status": Command(
                "show what became of a reading",
                "Shows how far a reading has come that a bridge has acknowledged.",
                fill_status,
            ),
            "health": Command(
                "show how a bridge is",
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
    parser.add_argument("file", metavar="FILE", help="one or many telegrams; - for standard input")
    parser.add_argument("--meter-key", metavar="KEY", required=True, help=f"{HELP} or NAME.pem)")
    parser.add_argument(
        "--chain-id", metavar="ID", help="sign for this chain only (default: the bridge's chain)"
    )
    add_local_time_option(parser)
    add_keyring_option(parser)
    finish(parser)
    parser.set_defaults(run_meter=push)


def fill_status(parser: argparse.ArgumentParser) -> None:
    """Options of `status`."""
    parser.add_argument("meter_id", metavar="METER", help="the meter's id")
    parser.add_argument("slot", metavar="SLOT", type=parse_slot, help="the number of the slot")
    finish(parser)
    parser.set_defaults(run_meter=show_status)


def fill_health(parser: argparse.ArgumentParser) -> None:
    """Options of `health`."""
    finish(parser)
    parser.set_defaults(run_meter=show_health)


def finish(parser: argparse.ArgumentParser) -> None:
    """Options that all commands have."""
    parser.add_argument(
        "--bridge",
        metavar="HOST:PORT",
        default=DEFAULT_LISTEN,
        help=f"address of the bridge (default: {DEFAULT_LISTEN})",
    )
    parser.add_argument("--tls-cert", metavar="FILE", type=Path, help="own certificate, PEM")
    parser.add_argument("--tls-key", metavar="FILE", type=Path, help="its key, PEM")
    parser.add_argument("--tls-ca", metavar="FILE", type=Path, help="the bridge's authority, PEM")
    add_output_option(parser)


def parse_slot(text: str) -> int:
    """The number of a slot."""
    if not (text.isascii() and text.isdigit() and int(text) < 1 << 63):
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a slot")
    return int(text)


def connect(args: argparse.Namespace) -> MeterClient:
    """A connection as the options say."""
    given = [path for path in (args.tls_cert, args.tls_key, args.tls_ca) if path is not None]
    if len(given) not in (0, 3):
        raise UsageError("--tls-cert, --tls-key and --tls-ca belong together; give all or none")
    return MeterClient(args.bridge, TlsFiles(*given) if given else None)


def push(args: argparse.Namespace) -> int:
    """Pushes every telegram of a file and prints the answers, also when the bridge vanishes."""
    telegrams = read_telegrams(args.file)
    key = load_meter_key(args.meter_key, args.keyring)
    with connect(args) as bridge:
        health = require_chain(bridge.health(), args)
        prepared = [prepare(raw, key, health, args.local_time) for raw in telegrams]
        responses, failure = push_all(bridge, prepared)
    print_responses(args, responses)
    if failure is not None:
        raise failure
    results = {response.result for response in responses}
    if results - ACKNOWLEDGED - PASSING:
        return EXIT_REFUSED
    return EXIT_LATER if results & PASSING else 0


def push_all(
    bridge: MeterClient, prepared: Sequence[PushRequest | PushResponse]
) -> tuple[list[PushResponse], BridgeError | None]:
    """One response per telegram, in order; those that got no answer say so."""
    requests = [item for item in prepared if isinstance(item, PushRequest)]
    answers: list[PushResponse] = []
    failure = None
    try:
        for answer in bridge.stream(requests, DEFAULT_TIMEOUT_S + PER_TELEGRAM_S * len(requests)):
            answers.append(answer)  # noqa: PERF402, what came before a failure counts
    except BridgeError as error:
        failure = error
    missing = PushResponse(detail="No answer; push the telegram again.")
    rest = iter(answers)
    responses = [
        next(rest, missing) if isinstance(item, PushRequest) else item for item in prepared
    ]
    return responses, failure


def show_status(args: argparse.Namespace) -> int:
    """Prints what became of a reading."""
    with connect(args) as bridge:
        found = bridge.status(args.meter_id, args.slot)
    if found is None:
        raise ClientError(
            f"the bridge has no reading of meter {args.meter_id} for slot {args.slot}, or none "
            "any more"
        )
    show(args, found)
    return 0


def show_health(args: argparse.Namespace) -> int:
    """Prints how the bridge is; the exit code says whether it works."""
    with connect(args) as bridge:
        health = bridge.health()
    show(args, health)
    return 0 if health.healthy else EXIT_REFUSED


def read_telegrams(name: str) -> list[bytes]:
    """The telegrams of a file; says on standard error if there is anything between them."""
    try:
        if name == "-":
            content = sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise MissingError(f"{name} cannot be read: {error.strerror}") from error
    if len(content) > FILE_BYTES_MAX:
        raise UsageError(f"{name} has more than {FILE_BYTES_MAX} bytes; split it")
    telegrams = TELEGRAM.findall(content)
    if not telegrams:
        raise UsageError(f"{name} has no telegram, which begins with / and ends with !")
    between = len(TELEGRAM.sub(b"", content).strip())
    if between:
        print(f"{name}: {between} bytes outside of telegrams were not read", file=sys.stderr)
    return telegrams


def require_chain(health: HealthResponse, args: argparse.Namespace) -> HealthResponse:
    """Errors: ClientError if the bridge does not know its chain yet, or works for another one."""
    if not health.slot_length_s:
        raise BridgeUnreachableError(health.detail, grpc.StatusCode.UNAVAILABLE)
    if args.chain_id not in (None, health.chain_id):
        raise UsageError(
            f"the bridge works for chain {health.chain_id}, not {args.chain_id}; name another one"
        )
    return health


def prepare(
    raw: bytes, key: MeterKey, health: HealthResponse, local_time: LocalTime
) -> PushRequest | PushResponse:
    """What to push for a telegram, or why it cannot be pushed."""
    try:
        reading = compute_reading(dsmr.parse(raw, local_time), health.slot_length_s)
    except TelegramError as error:
        return PushResponse(result=bridge_pb2.PUSH_MALFORMED, detail=str(error))
    except NotAtSlotEndError as error:
        return PushResponse(result=bridge_pb2.PUSH_NOT_AT_SLOT_END, detail=str(error))
    signature = sign_reading(key, health.chain_id, reading).signature
    return PushRequest(
        telegram=PushTelegramRequest(
            format=TELEGRAM_FORMAT_DSMR_P1, telegram=raw, signature=signature
        )
    )


def print_responses(args: argparse.Namespace, responses: Sequence[PushResponse]) -> None:
    """A JSON list, or one line per telegram."""
    if args.output == "json":
        print(display.to_json([display.to_dict(response) for response in responses]))
        return
    for number, response in enumerate(responses, start=1):
        value = bridge_pb2.PushResult.DESCRIPTOR.values_by_number[response.result]
        subject = f"meter {response.meter_id} slot {response.slot}: " if response.meter_id else ""
        sentence = response.detail or get_text(value)
        print(f"{number}: {subject}{get_short_name(value)}. {sentence}")
