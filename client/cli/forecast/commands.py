"""`blockenergy forecast`: submits forecasts from files, and shows how they came off."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from blockenergy.forecast.v1 import query_pb2, tx_pb2
from blockenergy.market.v1 import query_pb2 as market_query_pb2
from blockenergy.metering.v1 import query_pb2 as metering_query_pb2
from blockenergy.options.v1 import options_pb2 as options
from cosmos.base.query.v1beta1.pagination_pb2 import PageRequest
from google.protobuf.message import Message

import text_output
from chain import forecast
from chain.runtime.encoding import bech32
from client.cli import tx
from client.cli.common import (
    NS_PER_S,
    Command,
    add_commands,
    add_keyring_option,
    add_node_option,
    add_output_option,
    get_address,
)
from client.cli.display import to_dict
from client.cli.forecast import calculation_file
from client.cli.forecast.forecast_file import (
    HEADER,
    ForecastFile,
    drop_salts,
    make_salts,
    read_forecast,
    read_salts,
)
from client.cli.table import format_table
from client.errors import RejectedError, UsageError
from client.node import chain_pin
from client.node.rpc import Rpc
from client.queries import query, query_pages
from client.signing.keyring import Keyring
from client.units import format_value, parse

PAGE = 1000
_FILE_HELP = f"a row per slot, with the header {','.join(HEADER)}; whole numbers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the commands of the group."""
    add_commands(
        parser,
        {
            "submit": Command(
                "submit a forecast from a CSV file",
                "Submits a forecast from a CSV file, in the open; with --sealed only its hashes, "
                "to be revealed after the gate of each slot.",
                _fill_submit,
            ),
            "reveal": Command(
                "reveal a sealed forecast",
                "Reveals those slots of a sealed forecast whose gate has closed and whose reading "
                "deadline has not passed.",
                _fill_reveal,
            ),
            "scores": Command(
                "show skills, or the last scores of a forecaster",
                "Shows the skill of all forecasters, or the last scores of one.",
                _fill_scores,
            ),
            "score": Command(
                "score forecasts from a JSON file, without a node",
                "Scores forecasts by the function of the chain, without a node. The file is a list "
                'of {"quantiles": [nine], "outcome": number}, with a "baseline" if there is one.',
                _fill_score,
            ),
        },
    )


def run(args: argparse.Namespace) -> int:
    """Runs the chosen command."""
    code: int = args.command(args)
    return code


def _fill_submit(parser: argparse.ArgumentParser) -> None:
    _add_file(parser)
    parser.add_argument(
        "--stake", metavar="MONEY", required=True, help="on each slot; 0.05, for example"
    )
    parser.add_argument(
        "--sealed", action="store_true", help="fix it without showing it; keep FILE.csv.salts"
    )
    tx.add_sending_options(parser)
    parser.set_defaults(command=_submit)


def _fill_reveal(parser: argparse.ArgumentParser) -> None:
    _add_file(parser)
    tx.add_sending_options(parser)
    parser.set_defaults(command=_reveal)


def _fill_scores(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", metavar="ID", help="number of a target (default: all)")
    parser.add_argument("--forecaster", metavar="ADDRESS", help="the scores of one, slot by slot")
    add_node_option(parser)
    add_keyring_option(parser)
    add_output_option(parser)
    parser.set_defaults(command=_show_scores)


def _fill_score(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--file", metavar="FILE.json", type=Path, required=True)
    add_output_option(parser)
    parser.set_defaults(command=_score)


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.csv", type=Path, help=_FILE_HELP)
    parser.add_argument(
        "--target",
        metavar="ID",
        required=True,
        help="number of the target; see query forecast targets",
    )


def _submit(args: argparse.Namespace) -> int:
    content, target_id = read_forecast(args.file), parse(options.UNIT_NONE, args.target)
    stake = parse(options.UNIT_MONEY, args.stake)
    if not args.sealed:
        message = tx_pb2.MsgSubmitForecast(
            target_id=target_id,
            first_slot=content.first_slot,
            quantiles=_join(content.quantiles),
            stake_per_slot=stake,
        )
        return tx.send(args, lambda _: message)
    hashes = _make_hashes(args, content, target_id)
    commitment = tx_pb2.MsgCommitForecast(
        target_id=target_id, first_slot=content.first_slot, hashes=hashes, stake_per_slot=stake
    )
    try:
        return tx.send(args, lambda _: commitment)
    except RejectedError:
        # Nothing was fixed, so that the same file may be tried again.
        drop_salts(args.file)
        raise


def _make_hashes(args: argparse.Namespace, content: ForecastFile, target_id: int) -> list[bytes]:
    """The hashes of all slots; keeps their salts beside the file."""
    keyring = Keyring(args.keyring)
    signer = bech32.decode(tx.get_signer_address(keyring, args.key))
    chain_id = chain_pin.choose(keyring.folder, args.chain_id)
    salts = make_salts(args.file, len(content.quantiles))
    return [
        forecast.compute_hash(
            chain_id, signer, target_id, content.first_slot + place, quantiles, salt
        )
        for place, (quantiles, salt) in enumerate(zip(content.quantiles, salts, strict=True))
    ]


def _reveal(args: argparse.Namespace) -> int:
    content = read_forecast(args.file)
    salts = read_salts(args.file, len(content.quantiles))
    rpc, target_id = Rpc(args.node), parse(options.UNIT_NONE, args.target)
    signer = tx.get_signer_address(Keyring(args.keyring), args.key)
    places = [
        place
        for place in _find_revealable(rpc, content)
        if _is_sealed(rpc, target_id, content.first_slot + place, signer)
    ]
    # A message has consecutive slots.
    places = [place for offset, place in enumerate(places) if place == places[0] + offset]
    if not places:
        raise UsageError(
            f"no slot of {args.file} can be revealed now: after its gate, before its deadline, once"
        )
    message = tx_pb2.MsgRevealForecast(
        target_id=target_id,
        first_slot=content.first_slot + places[0],
        quantiles=_join(content.quantiles[place] for place in places),
        salts=[salts[place] for place in places],
    )
    return tx.send(args, lambda _: message)


def _find_revealable(rpc: Rpc, content: ForecastFile) -> list[int]:
    """The rows whose gate has closed and whose reading deadline has not passed, by block time."""
    metering = query(
        rpc, metering_query_pb2.QueryParamsRequest(), metering_query_pb2.QueryParamsResponse
    ).params
    market = query(
        rpc, market_query_pb2.QueryParamsRequest(), market_query_pb2.QueryParamsResponse
    ).params
    now_s, length_s = rpc.status().latest_time_ns // NS_PER_S, metering.slot_length_s
    return [
        place
        for place in range(len(content.quantiles))
        for slot in [content.first_slot + place]
        if slot * length_s - market.gate_closure_s
        <= now_s
        < (slot + 1) * length_s + metering.reading_deadline_s
    ]


def _is_sealed(rpc: Rpc, target_id: int, slot: int, forecaster: str) -> bool:
    """Whether a forecast is on the chain and not revealed yet."""
    request = query_pb2.QueryForecastsRequest(
        target_id=target_id, slot=slot, pagination=PageRequest(limit=PAGE)
    )
    pages = query_pages(rpc, request, query_pb2.QueryForecastsResponse)
    own = [one for page in pages for one in page.forecasts if one.forecaster == forecaster]
    return any(not one.forecast.quantiles for one in own)


def _show_scores(args: argparse.Namespace) -> int:
    rpc = Rpc(args.node)
    found = [
        (target_id, entry)
        for target_id in _list_targets(rpc, args)
        for entry in (_list_scores(rpc, args, target_id))
    ]
    if args.output == "json":
        shown = [{"target_id": str(number), **to_dict(entry)} for number, entry in found]
        text_output.say(text_output.to_json({"scores": shown}))
    elif args.forecaster is None:
        rows = [_describe_skill(number, entry) for number, entry in found]
        _say_table(("target", "forecaster", "slots", "skill"), rows)
    else:
        rows = [_describe_score(number, entry) for number, entry in found]
        _say_table(("target", "slot", "loss", "baseline", "reward", "burned"), rows)
    return 0


def _list_targets(rpc: Rpc, args: argparse.Namespace) -> list[int]:
    if args.target is not None:
        return [parse(options.UNIT_NONE, args.target)]
    request = query_pb2.QueryTargetsRequest(pagination=PageRequest(limit=PAGE))
    pages = query_pages(rpc, request, query_pb2.QueryTargetsResponse)
    return [entry.target_id for page in pages for entry in page.targets]


def _list_scores(rpc: Rpc, args: argparse.Namespace, target_id: int) -> list[Message]:
    page = PageRequest(limit=PAGE)
    if args.forecaster is None:
        skills = query_pb2.QuerySkillsRequest(target_id=target_id, pagination=page)
        found = query_pages(rpc, skills, query_pb2.QuerySkillsResponse)
        return [entry for one in found for entry in one.skills]
    forecaster = get_address(Keyring(args.keyring), args.forecaster)
    scores = query_pb2.QueryScoresRequest(
        target_id=target_id, forecaster=forecaster, pagination=page
    )
    pages = query_pages(rpc, scores, query_pb2.QueryScoresResponse)
    return [entry for one in pages for entry in one.scores]


def _describe_skill(target_id: int, entry: Message) -> tuple[str, ...]:
    assert isinstance(entry, query_pb2.SkillOf)
    skill = f"{entry.skill_permille / 10:.1f} %"
    return str(target_id), entry.forecaster, str(entry.skill.slots), skill


def _describe_score(target_id: int, entry: Message) -> tuple[str, ...]:
    assert isinstance(entry, query_pb2.ScoreOf)
    score = entry.score
    money = [format_value(options.UNIT_MONEY, one) for one in (score.reward, score.burned)]
    return str(target_id), str(entry.slot), str(score.loss), str(score.baseline_loss), *money


def _say_table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    text_output.say(format_table(header, rows, text_output.get_width()) if rows else "no scores")


def _score(args: argparse.Namespace) -> int:
    cases = calculation_file.read_list(args.file)
    scores = [calculation_file.score(place, case) for place, case in enumerate(cases)]
    if args.output == "json":
        text_output.say(text_output.to_json({"scores": scores}))
    else:
        rows = [
            tuple(str(one.get(name, "-")) for name in ("loss", "baseline_loss", "skill_permille"))
            for one in scores
        ]
        _say_table(("loss", "baseline", "skill permille"), rows)
    return 0


def _join(quantiles: Iterable[list[int]]) -> list[int]:
    return [one for part in quantiles for one in part]
