"""Telegrams as meters of several countries really send them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_bridge.formats.dsmr import parse
from meter_bridge.formats.encoding.frame import IN_FILE, compute_crc16
from meter_bridge.formats.telegram import TelegramError
from meter_bridge.readings import compute_reading

# 2027-01-15 12:00:00 UTC.
TIME_S = 1_800_014_400
IDENTIFIER = "0-0:96.1.1(484F4D452D3037)"
REGISTER = "1-0:1.8.1(000138.583*kWh)"


def telegram(*objects: str, head: str = "/ISk5\\2MT382-1000", end: str = "\r\n") -> bytes:
    """Lines with their checksum, and a clock in front of them."""
    lines = [head, "", "1-3:0.2.8(50)", "0-0:1.0.0(270115130000W)", *objects, "!"]
    content = end.join(lines).encode()
    return content + f"{compute_crc16(content):04X}{end}".encode()


def read_wh(*objects: str, head: str = "/ISk5\\2MT382-1000") -> int:
    found = parse(telegram(IDENTIFIER, *objects, head=head))
    assert (found.meter_id, found.time_s) == ("HOME-07", TIME_S)
    return found.import_register_wh


@pytest.mark.parametrize(
    "head", ["/HLY5/D545-METER", "/Ene5\\T210-D ESMR5.0", "/a/b/", "/FLU5\\253770234_A!", "//x"]
)
def test_any_first_line(head: str) -> None:
    assert read_wh(REGISTER, head=head) == 138_583


@pytest.mark.parametrize(
    ("shown", "wh"),
    [
        ("000138.583*kWh", 138_583), ("000138.583*kwh", 138_583), ("000138.583*KWH", 138_583),
        ("00000138.583*kWh", 138_583), ("138.5*kWh", 138_500), ("138*kWh", 138_000),
        ("00138.5839*kWh", 138_583), ("138583*Wh", 138_583), ("138583.9*wh", 138_583),
        ("0.138583*MWh", 138_583),
    ],
)  # fmt: skip
def test_units_and_decimals(shown: str, wh: int) -> None:
    assert read_wh(f"1-0:1.8.1({shown})") == wh


@pytest.mark.parametrize(
    "registers",
    [
        [REGISTER],
        ["1-0:1.8.0(000138.583*kWh)"],
        ["1-0:1.8.0*255(000138.583*kWh)"],
        ["1-0:1.8.1(000100.500*kWh)", "1-0:1.8.2(000038.083*kWh)"],
        ["1-0:1.8.0(000138.583*kWh)", "1-0:1.8.1(000100.500*kWh)", "1-0:1.8.2(000038.083*kWh)"],
        # Belgium: the day register comes second.
        ["1-0:1.8.2(000038.083*kWh)", "1-0:1.8.1(000100.500*kWh)"],
    ],
)
def test_total_and_tariff_registers(registers: list[str]) -> None:
    assert read_wh(*registers) == 138_583


@pytest.mark.parametrize(
    "history",
    [
        ["0-0:98.1.0(", "0-0:1.0.0(220201000000T)", "1-0:1.8.1(000000.100*kWh)"],
        ["0-0:98.1.0(", "0-0:1.0.0(220201000000T)", "1-0:1.8.1(000000.100*kWh)", ")"],
        # Closed at once; what it is about follows.
        ["0-0:98.1.0(220201000000W)", "0-0:1.0.0(220201000000W)", "1-0:1.8.1(000000.100*kWh)"],
        ["1-0:99.1.0(2)(0-0:1.0.0)(", "1-0:1.8.1", ")(000000.100*kWh)", "(000000.200*kWh)"],
        # Belgium: the peaks of the months, in one line.
        ["0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(230201000000W)(230117224500W)(04.329*kW)"],
    ],
)
def test_a_history_changes_nothing(history: list[str]) -> None:
    assert read_wh(REGISTER, *history) == 138_583
    assert read_wh(REGISTER, *history, "0-0:96.13.0()") == 138_583


def test_what_comes_after_a_closed_history_counts() -> None:
    history = ["0-0:98.1.0(", "1-0:1.8.1(000000.100*kWh)", ")"]
    assert read_wh(*history, REGISTER) == 138_583


def test_two_different_registers_outside_a_history_are_rejected() -> None:
    with pytest.raises(TelegramError, match="twice"):
        read_wh(REGISTER, "1-0:1.8.1(000000.100*kWh)")


@pytest.mark.parametrize(
    ("identifiers", "meter_id"),
    [
        (["0-0:42.0.0(4C555830303030303030303031)"], "LUX0000000001"),
        (["0-0:42.0.0(WSE1000000000001)", "0-0:96.1.0(9900000001)"], "WSE1000000000001"),
        (["0-0:96.1.0(9900000001)", "0-0:42.0.0(WSE1000000000001)"], "WSE1000000000001"),
        (["0-0:96.1.0(9900000001)"], "9900000001"),
        (["0-0:42.0.0(4C5558)", "0-0:96.1.1(484F4D452D3037)"], "HOME-07"),
        (["0-0:96.1.1()", "0-0:96.1.0(484F4D452D3037)"], "HOME-07"),
        # Of the gas meter behind it.
        (["0-1:96.1.0(484F4D452D3037)"], ""),
        ([], ""),
    ],
)
def test_where_the_identifier_stands(identifiers: list[str], meter_id: str) -> None:
    found = parse(telegram(*identifiers, "1-0:1.8.0(000138.583*kWh)"))
    assert (found.meter_id, found.import_register_wh) == (meter_id, 138_583)


@pytest.mark.parametrize("identifiers", [[], ["0-0:96.1.1()"], ["0-0:96.1.1(a b)"]])
def test_without_an_identifier_the_gateway_names_the_meter(identifiers: list[str]) -> None:
    found = parse(telegram(*identifiers, REGISTER))
    with pytest.raises(TelegramError, match="--meter-id"):
        compute_reading(found, 900)
    assert compute_reading(found, 900, "SE-7").meter_id == "SE-7"


def test_what_the_gateway_says_takes_precedence() -> None:
    """A serial number of digits might be read as text in hexadecimal."""
    assert compute_reading(parse(telegram(IDENTIFIER, REGISTER)), 900, "X").meter_id == "X"


class TestLineEnds:
    SENT = telegram(IDENTIFIER, REGISTER)

    @pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\r\n"])
    def test_a_capture_with_other_line_ends_is_read(self, end: bytes) -> None:
        captured = self.SENT.replace(b"\r\n", end)
        (found,) = IN_FILE.findall(captured)
        assert parse(found) == parse(self.SENT)

    def test_a_mixture_is_read(self) -> None:
        assert parse(self.SENT.replace(b"\r\n", b"\n", 2)) == parse(self.SENT)

    def test_a_meter_that_sends_lf_is_read(self) -> None:
        assert parse(telegram(IDENTIFIER, REGISTER, end="\n")) == parse(self.SENT)

    def test_where_more_was_changed_the_sentence_names_the_line_ends(self) -> None:
        with pytest.raises(TelegramError, match="CR LF"):
            parse(self.SENT.replace(b"\r\n", b"\n").replace(b"138", b"139"))
        with pytest.raises(TelegramError, match=r"damaged in transit\.$"):
            parse(self.SENT.replace(b"138", b"139"))


class TestInFile:
    def test_a_telegram_that_was_cut_off_does_not_spoil_the_next(self) -> None:
        whole = telegram(IDENTIFIER, REGISTER, head="/HLY5/D545-METER")
        assert IN_FILE.findall(whole[: len(whole) // 2] + b"\r\n" + whole + whole) == [whole, whole]

    @given(st.lists(st.sampled_from([b"\r", b"\n", b"/", b"!", b"x", b"0-0:1.0.0("]), max_size=300))
    def test_what_is_found_is_one_telegram_of_the_file(self, parts: list[bytes]) -> None:
        content = b"".join(parts)
        for found in IN_FILE.findall(content):
            assert found in content
            assert found.startswith(b"/")
            assert len(re.findall(rb"(?<![^\r\n])[/!]", found)) == 2
