"""`blockenergy predict`: shares in what comes true, what they cost, buying and selling."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

from blockenergy.forecast.v1 import query_pb2, state_pb2, tx_pb2
from blockenergy.options.v1 import options_pb2 as options
from cosmos.base.query.v1beta1.pagination_pb2 import PageRequest
from google.protobuf.message import Message

import text_output
from client.cli import tx
from client.cli.common import (
    Command,
    add_commands,
    add_node_option,
    add_output_option,
    show,
)
from client.cli.display import to_dict
from client.cli.forecast import calculation_file
from client.cli.table import format_table
from client.errors import UsageError
from client.node.rpc import Rpc
from client.queries import query, query_pages
from client.units import format_value, parse

PAGE = 1000
_STATUS_PREFIX = "MARKET_STATUS_"
_MICRO_PER_PERCENT = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the commands of the group."""
    add_commands(
        parser,
        {
            "markets": Command(
                "list prediction markets and their prices", "Lists markets.", _fill_markets
            ),
            "quote": Command(
                "what shares would cost, or bring",
                "Shows what shares would cost now, or with --sell bring. With --file without a "
                'node: the file is a list of {"beta", "shares": [...], "outcome", "buy"}, all in '
                'millionths; a negative "buy" sells.',
                _fill_quote,
            ),
            "buy": Command("buy shares of an outcome", "Buys shares of an outcome.", _fill_buy),
            "sell": Command("sell shares back", "Sells shares of an outcome back.", _fill_sell),
        },
    )


def run(args: argparse.Namespace) -> int:
    """Runs the chosen command."""
    code: int = args.command(args)
    return code


def _fill_markets(parser: argparse.ArgumentParser) -> None:
    add_node_option(parser)
    add_output_option(parser)
    parser.set_defaults(command=_show_markets)


def _fill_quote(parser: argparse.ArgumentParser) -> None:
    _add_shares(parser, optional=True)
    parser.add_argument("--sell", action="store_true", help="sold back instead of bought")
    parser.add_argument("--file", metavar="FILE.json", type=Path, help="quotes without a node")
    add_node_option(parser)
    add_output_option(parser)
    parser.set_defaults(command=_quote)


def _fill_buy(parser: argparse.ArgumentParser) -> None:
    _add_shares(parser)
    parser.add_argument(
        "--limit", metavar="MONEY", help="the most to pay (default: what it costs at present)"
    )
    tx.add_sending_options(parser)
    parser.set_defaults(command=_buy)


def _fill_sell(parser: argparse.ArgumentParser) -> None:
    _add_shares(parser)
    parser.add_argument(
        "--limit", metavar="MONEY", help="the least to receive (default: what it brings at present)"
    )
    tx.add_sending_options(parser)
    parser.set_defaults(command=_sell)


def _add_shares(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    count = "?" if optional else None
    parser.add_argument("market", metavar="MARKET", nargs=count, help="number of the market")
    parser.add_argument("outcome", metavar="OUTCOME", nargs=count, help="counted from 0")
    parser.add_argument("shares", metavar="SHARES", nargs=count, help="such as 2.5")


def _show_markets(args: argparse.Namespace) -> int:
    rpc = Rpc(args.node)
    request = query_pb2.QueryMarketsRequest(pagination=PageRequest(limit=PAGE))
    pages = query_pages(rpc, request, query_pb2.QueryMarketsResponse)
    found = [entry for page in pages for entry in page.markets]
    if args.output == "json":
        shown = [to_dict(entry) for entry in found]
        text_output.say(text_output.to_json({"markets": shown}))
    elif found:
        rows = [_describe(entry) for entry in found]
        header = ("market", "status", "on", "closes", "prices")
        text_output.say(format_table(header, rows, text_output.get_width()))
    else:
        text_output.say("no markets")
    return 0


def _describe(entry: query_pb2.QueryMarketResponse) -> tuple[str, ...]:
    market = entry.market
    about = (
        f"target {market.target_id} in slot {market.slot}"
        if market.target_id
        else text_output.escape(market.question)
    )
    prices = ", ".join(
        f"{name} {price / _MICRO_PER_PERCENT:.1f} %"
        for name, price in zip(name_outcomes(market), entry.prices_micro, strict=True)
    )
    status = state_pb2.MarketStatus.Name(market.status).removeprefix(_STATUS_PREFIX).lower()
    closes = format_value(options.UNIT_TIME_S, market.closes_at_s)
    return str(entry.market_id), status, about, closes, prices


def name_outcomes(market: state_pb2.PredictionMarket) -> list[str]:
    """What to call the outcomes of a market."""
    if not market.target_id:
        return [text_output.escape(name) for name in market.names]
    bounds = list(market.bounds)
    pairs = itertools.pairwise(bounds)
    middle = [f"{low} to {high}" for low, high in pairs]
    return [f"below {bounds[0]}", *middle, f"from {bounds[-1]}"]


def _quote(args: argparse.Namespace) -> int:
    if args.file is None:
        show(args, _ask(args, sell=args.sell))
        return 0
    if args.market is not None or args.sell:
        raise UsageError("give either a market or --file; in a file, a sale is a negative buy")
    cases = calculation_file.read_list(args.file)
    quotes = [calculation_file.quote(place, case) for place, case in enumerate(cases)]
    if args.output == "json":
        text_output.say(text_output.to_json({"quotes": quotes}))
    elif quotes:
        rows = [(str(one["cost"]), str(one["prices"])) for one in quotes]
        text_output.say(format_table(("cost", "prices"), rows))
    else:
        text_output.say("no quotes")
    return 0


def _buy(args: argparse.Namespace) -> int:
    return _send(args, tx_pb2.MsgBuyShares(), sell=False)


def _sell(args: argparse.Namespace) -> int:
    return _send(args, tx_pb2.MsgSellShares(), sell=True)


def _send(
    args: argparse.Namespace, message: tx_pb2.MsgBuyShares | tx_pb2.MsgSellShares, *, sell: bool
) -> int:
    message.market_id, message.outcome, message.shares = _parse_shares(args)
    if args.limit is None:
        message.limit = _ask(args, sell=sell).amount
    else:
        message.limit = parse(options.UNIT_MONEY, args.limit)
    signed: Message = message
    return tx.send(args, lambda _: signed)


def _ask(args: argparse.Namespace, *, sell: bool) -> query_pb2.QueryQuoteResponse:
    market_id, outcome, shares = _parse_shares(args)
    request = query_pb2.QueryQuoteRequest(
        market_id=market_id, outcome=outcome, shares=shares, sell=sell
    )
    return query(Rpc(args.node), request, query_pb2.QueryQuoteResponse)


def _parse_shares(args: argparse.Namespace) -> tuple[int, int, int]:
    """Market, outcome, and shares in millionths."""
    if args.shares is None:
        raise UsageError("give MARKET, OUTCOME and SHARES, or --file")
    numbers = parse(options.UNIT_NONE, args.market), parse(options.UNIT_NONE, args.outcome)
    return *numbers, parse(options.UNIT_MONEY, args.shares)
