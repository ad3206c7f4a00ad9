"""Numbers with units: exact in both directions, rejected if not exact."""

import pytest
from blockenergy.options.v1 import options_pb2 as options
from hypothesis import given
from hypothesis import strategies as st

from client import units
from client.errors import UsageError

FORMATTED = [
    options.UNIT_NONE,
    options.UNIT_WH,
    options.UNIT_W,
    options.UNIT_MONEY,
    options.UNIT_PRICE,
    options.UNIT_SLOT,
    options.UNIT_S,
    options.UNIT_TIME_S,
    options.UNIT_PERMILLE,
]


@given(st.sampled_from(FORMATTED), st.integers(0, units.UINT64_MAX))
def test_formatted_number_parses_back(unit: int, number: int) -> None:
    assert units.parse(unit, units.format_value(unit, number)) == number


@given(st.sampled_from(FORMATTED), st.text(max_size=80))
def test_any_text_is_a_64_bit_number_or_rejected(unit: int, text: str) -> None:
    try:
        number = units.parse(unit, text)
    except UsageError:
        return
    assert 0 <= number <= units.UINT64_MAX


@pytest.mark.parametrize(
    ("unit", "text", "number"),
    [
        (options.UNIT_WH, "5kWh", 5_000),
        (options.UNIT_WH, "250Wh", 250),
        (options.UNIT_WH, "1.2MWh", 1_200_000),
        (options.UNIT_WH, "1.2345 kWh", None),
        (options.UNIT_WH, "1.2340 kWh", 1_234),
        (options.UNIT_WH, "0", 0),
        (options.UNIT_WH, "5", None),
        (options.UNIT_WH, "-5kWh", None),
        (options.UNIT_WH, "5kwh", None),
        (options.UNIT_WH, "5kW", None),
        (options.UNIT_WH, "1e3Wh", None),
        (options.UNIT_WH, "\u0665kWh", None),
        (options.UNIT_W, "11kW", 11_000),
        (options.UNIT_W, "500W", 500),
        (options.UNIT_W, "0.0005kW", None),
        (options.UNIT_MONEY, "12.5", 12_500_000),
        (options.UNIT_MONEY, "12,5", None),
        (options.UNIT_MONEY, "0.0000001", None),
        (options.UNIT_MONEY, "12.5/kWh", None),
        (options.UNIT_PRICE, "0.24", 240_000),
        (options.UNIT_PRICE, "0.24/kWh", 240_000),
        (options.UNIT_PRICE, "0.24/MWh", None),
        (options.UNIT_SLOT, "4711", 4_711),
        (options.UNIT_SLOT, "4711.0", None),
        (options.UNIT_S, "15min", 900),
        (options.UNIT_S, "1.5h", None),
        (options.UNIT_TIME_S, "2026-10-01T12:00:00Z", 1_790_856_000),
        (options.UNIT_TIME_S, "2026-10-01T14:00:00+02:00", 1_790_856_000),
        (options.UNIT_TIME_S, "2026-10-01T12:00:00", None),
        (options.UNIT_TIME_S, "2026-10-01T12:00:00.5Z", None),
        (options.UNIT_TIME_S, "1790856000", 1_790_856_000),
        (options.UNIT_PERMILLE, "50", 50),
        (options.UNIT_PERMILLE, "5%", 50),
        (options.UNIT_PERMILLE, "0.05%", None),
        (options.UNIT_NONE, "18446744073709551615", units.UINT64_MAX),
        (options.UNIT_NONE, "18446744073709551616", None),
        (options.UNIT_NONE, "", None),
    ],
)
def test_texts(unit: int, text: str, number: int | None) -> None:
    if number is None:
        with pytest.raises(UsageError):
            units.parse(unit, text)
    else:
        assert units.parse(unit, text) == number


@pytest.mark.parametrize(
    ("unit", "number", "text"),
    [
        (options.UNIT_WH, 5_250, "5.25 kWh"),
        (options.UNIT_WH, 999, "999 Wh"),
        (options.UNIT_WH, 0, "0 Wh"),
        (options.UNIT_W, 11_000, "11 kW"),
        (options.UNIT_MONEY, 12_500_000, "12.50"),
        (options.UNIT_MONEY, 1, "0.000001"),
        (options.UNIT_PRICE, 240_000, "0.24/kWh"),
        (options.UNIT_TIME_S, 1_790_856_000, "2026-10-01T12:00:00Z"),
        (options.UNIT_PERMILLE, 125, "12.5%"),
    ],
)
def test_formatted_numbers(unit: int, number: int, text: str) -> None:
    assert units.format_value(unit, number) == text


def test_every_unit_of_a_number_can_be_shown_and_has_an_example() -> None:
    for value in options.Unit.DESCRIPTOR.values:
        assert units.format_value(value.number, 1)
        if value.number:
            assert units.get_example(value.number), value.name


@given(st.integers(0, 10**30), st.integers(0, 18))
def test_decimals_of_a_denomination_parse_back(number: int, decimals: int) -> None:
    assert units.parse_decimal(units.format_decimal(number, decimals), decimals) == number


def test_too_many_decimals_are_rejected() -> None:
    assert units.parse_decimal("0.123", 2) is None
    assert units.parse_decimal("0.120", 2) == 12
    assert units.parse_decimal("x", 2) is None
