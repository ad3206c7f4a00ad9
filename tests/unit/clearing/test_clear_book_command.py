"""`blockenergy market clear`: books from files, exact decimals, rejections in one sentence."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from books import make_random_book

from chain.market.clearing import clear_auction
from client.cli import main

THREE_TRADES = {
    "bids": [[9, 1], [8, 1], [7, 1], [4, 1]],
    "asks": [[3, 1], [4, 1], [5, 1], [8, 1]],
}
FEEDER = {
    "nodes": {
        "head": {"asks": [[0.1, 10]]},
        "n1": {"bids": [[0.3, 6]], "asks": []},
        "n2": {"bids": [[0.25, 6.5]], "asks": [[0.2, 1]]},
    },
    "lines": [["head", "n1", 8], ["n2", "n1", 3]],
}

# The roof may sell to the house and takes nothing from it.
FEES = {
    "nodes": {
        "head": {"asks": [[0.1, 10]]},
        "home": {"bids": [[0.3, 6]]},
        "roof": {"asks": [[0, 9]], "bids": [[0.4, 0]]},
    },
    "lines": [
        ["head", "home", 2.5, 0.025],
        ["home", "roof", {"forward": 0, "backward": 1.5}, 0.05],
    ],
}


class Command:
    """Runs the command on a book; gives exit code and what it printed."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self._path = folder / "book.json"
        self._capture = capture

    def run(self, book: object, *options: str) -> tuple[int, str, str]:
        text = book if isinstance(book, str) else json.dumps(book)
        self._path.write_text(text, encoding="utf-8")
        code = main(["market", "clear", str(self._path), *options])
        return (code, *self._capture.readouterr())

    def clear(self, book: object, *options: str) -> Any:
        code, text, errors = self.run(book, *options, "-o", "json")
        assert (code, errors) == (0, "")
        return json.loads(text, parse_float=Decimal)


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys)


def test_a_book(command: Command) -> None:
    assert command.clear(THREE_TRADES) == {
        "volume": 3,
        "price": 6,
        "price_low": 5,
        "price_high": 7,
        "bid_fills": [1, 1, 1, 0],
        "ask_fills": [1, 1, 1, 0],
    }


@pytest.mark.parametrize(("rule", "price"), [("marginal-ask", 5), ("marginal-bid", 7)])
def test_price_rules(command: Command, rule: str, price: int) -> None:
    assert command.clear(THREE_TRADES, "--price-rule", rule)["price"] == price


def test_decimals_are_exact_and_the_middle_has_one_more(command: Command) -> None:
    book = {"bids": [[0.3, 0.1], [0.1, 0.2]], "asks": [[0.25, 0.1]]}
    result = command.clear(book)
    assert str(result["price"]) == "0.275"
    assert str(result["volume"]) == "0.1"


def test_numbers_of_any_notation(command: Command) -> None:
    result = command.clear('{"bids": [[3E1, 2.50]], "asks": [[300.0e-1, 25e-1]]}')
    assert (result["price"], str(result["volume"])) == (30, "2.5")


def test_a_pool_trades_to_the_wh_and_millionth(command: Command) -> None:
    result = command.clear({"bids": [[0.25, 10]]}, "--pool", "0.08,0.30,50")
    assert (result["volume"], result["pool"], str(result["price"])) == (10, 10, "0.212")
    assert result["price_low"] < result["price"] < result["price_high"]


def test_without_a_trade(command: Command) -> None:
    result = command.clear({"bids": [[40, 3]], "asks": [[90, 3], [80, 3]]})
    assert (result["price"], result["price_low"], result["price_high"]) == (None, 40, 80)
    assert command.clear({})["volume"] == 0
    code, text, _ = command.run({"bids": [[40, 3]]})
    assert code == 0 and "price       -" in text


def test_a_feeder(command: Command) -> None:
    result = command.clear(FEEDER)
    assert result["prices"] == {
        "head": Decimal("0.1"),
        "n1": Decimal("0.25"),
        "n2": Decimal("0.25"),
    }
    assert result["flows"] == [8, -2]
    assert result["supply"] == {"head": 8, "n1": 0, "n2": 1}
    assert result["demand"] == {"head": 0, "n1": 6, "n2": 3}
    assert result["rent"] == Decimal("1.2")


def test_fees_and_directions(command: Command) -> None:
    result = command.clear(FEES)
    assert result["prices"] == {"head": Decimal("0.1"), "home": Decimal("0.3"), "roof": 0}
    assert result["flows"] == [Decimal("2.5"), Decimal("-1.5")]
    assert result["rents"] == [Decimal("0.4375"), Decimal("0.375")]
    assert result["fees"] == [Decimal("0.0625"), Decimal("0.075")]
    assert (result["rent"], result["fee"]) == (Decimal("0.8125"), Decimal("0.1375"))
    _, text, _ = command.run(FEES)
    assert "rent    0.8125\nfee     0.1375\n" in text
    assert "home  roof  -1.5  0         1.5   0.375   0.075" in text


def test_a_line_without_a_fee_is_a_line_with_the_fee_zero(command: Command) -> None:
    lines = [
        ["head", "n1", {"forward": 8, "backward": 8}],
        ["n2", "n1", {"forward": 3.0, "backward": 3}, 0.0],
    ]
    assert command.clear({**FEEDER, "lines": lines}) == command.clear(FEEDER)


@pytest.mark.parametrize("book", [THREE_TRADES, FEEDER, FEES])
def test_text_for_people(command: Command, book: object) -> None:
    code, text, _ = command.run(book)
    assert code == 0
    assert text.startswith("volume") and "{" not in text


def test_it_is_the_chains_own_clearing(command: Command) -> None:
    rng = random.Random(7)
    for _ in range(50):
        book = make_random_book(rng)
        result = command.clear(
            {
                side: [[order.limit, order.quantity_wh] for order in orders]
                for side, orders in (("bids", book.bids), ("asks", book.asks))
            },
            "--price-rule",
            "marginal-ask",
        )
        outcome = clear_auction(book)
        assert result["volume"] == outcome.volume_wh
        assert result["price_low"] == outcome.price_low
        assert result["price_high"] == outcome.price_high
        assert sum(result["bid_fills"]) == sum(outcome.bid_fills)


@pytest.mark.parametrize(
    "book",
    [
        "",
        "[",
        "[]",
        "7",
        '{"bids": [[NaN, 1]]}',
        '{"bids": [[Infinity, 1]]}',
        '{"bids": [[-1, 1]]}',
        '{"bids": [[1, -0.5]]}',
        '{"bids": [[1e999999999, 1]]}',
        '{"bids": [[1e-999999999, 1]]}',
        '{"bids": [[1, ' + "9" * 100 + "]]}",
        '{"bids": [[1, ' + "9" * 5000 + "]]}",
        '{"bids": [[0.00000000001, 1], [10000000000, 1]]}',
        '{"bids": [["1", 1]]}',
        '{"bids": [[true, 1]]}',
        '{"bids": [[null, 1]]}',
        '{"bids": [[1]]}',
        '{"bids": {"1": 1}}',
        '{"bid": []}',
        '{"bids": [], "bids": []}',
        '{"nodes": {}}',
        '{"nodes": []}',
        '{"lines": []}',
        '{"nodes": {"a": []}}',
        '{"nodes": {"a": {}, "a": {}}}',
        '{"nodes": {"a": {}}, "bids": []}',
        '{"nodes": {"a": {}}, "lines": [["a", "b", 1]]}',
        '{"nodes": {"a": {}}, "lines": [["a", "a", 1]]}',
        '{"nodes": {"a": {}}, "lines": [["a", 1]]}',
        '{"nodes": {"a": {}, "b": {}}, "lines": [["a", "b", -1]]}',
        '{"nodes": {"a": {}, "b": {}}, "lines": [["a", ["b"], 1]]}',
        '{"nodes": {"a": {}, "b": {}}, "lines": [["a", "b", 1], ["b", "a", 1]]}',
        '{"nodes": {"a": {}, "b": {}}, "lines": [["a", "b", 1, -1]]}',
        '{"nodes": {"a": {}, "b": {}}, "lines": [["a", "b", 1, "1"]]}',
        '{"nodes": {"a": {}, "b": {}}, "lines": [["a", "b", 1, 0, 0]]}',
        '{"nodes": {"a": {}, "b": {}}, "lines": [["a", "b", {"forward": 1}]]}',
        '{"nodes": {"a": {}, "b": {}}, "lines": [["a", "b", {"forward": 1, "backward": -1}]]}',
        '{"nodes": {"a": {}, "b": {}}, "lines": [["a", "b", {"forward": 1, "up": 1}]]}',
        '{"nodes": {"a": {}, "b": {}}, "lines": [["a", "b", null]]}',
        "[" * 100_000,
    ],
    ids=lambda book: book[:60],
)
def test_what_is_no_book_is_rejected(command: Command, book: str) -> None:
    code, text, errors = command.run(book)
    assert (code, text) == (2, "")
    assert errors.startswith("blockenergy: ") and errors.count("\n") == 1
    assert len(errors) < 400


@pytest.mark.parametrize(
    "pool", ["", "1,2", "1,2,3,4", "a,b,c", "2,1,5", "1,2,0", "-1,2,5", "NaN,1,2", "1,1,5"]
)
def test_what_is_no_pool_is_rejected(command: Command, pool: str) -> None:
    code, _, errors = command.run(THREE_TRADES, f"--pool={pool}")
    assert code == 2
    assert "--pool" in errors


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["market", "clear", str(tmp_path / "none.json")]) == 4
    assert main(["market", "clear", str(tmp_path)]) == 4
    assert capsys.readouterr().err.count("\n") == 2
