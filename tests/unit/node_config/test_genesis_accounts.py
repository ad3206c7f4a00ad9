"""The CSV of accounts: what is read, and with which sentence everything else is rejected."""

from pathlib import Path

import pytest
from blockenergy.registry.v1.role_pb2 import ROLE_BRIDGE, ROLE_CONSUMER, ROLE_PROSUMER

from chain.runtime.encoding import bech32
from client.errors import MissingError, UsageError
from node_config.accounts import GenesisAccount, parse_accounts, read_accounts
from node_config.money import Denom

EUR = Denom("ueur", "EUR", 6)
ALICE, BOB = bech32.encode(b"a" * 20), bech32.encode(b"b" * 20)


def parse(text: str) -> list[GenesisAccount]:
    return parse_accounts(text.splitlines(keepends=True), EUR)


def test_rows_with_and_without_header_comments_and_empty_lines() -> None:
    rows = f"# the street\n\n{ALICE}, consumer ,1500000\n  # Bob\n{BOB},PROSUMER+bridge,2.5EUR\n"
    expected = [
        GenesisAccount(ALICE, (ROLE_CONSUMER,), 1_500_000),
        GenesisAccount(BOB, (ROLE_PROSUMER, ROLE_BRIDGE), 2_500_000),
    ]
    assert parse(rows) == expected
    assert parse("Address,Roles,Amount\n" + rows) == expected
    assert parse("") == []


@pytest.mark.parametrize(
    ("amount", "smallest_units"),
    [
        ("0", 0),
        ("7", 7),
        ("7ueur", 7),
        ("7 ueur", 7),
        ("7EUR", 7_000_000),
        ("0.000001EUR", 1),
        ("9223372036854775807", (1 << 63) - 1),
    ],
)
def test_amounts(amount: str, smallest_units: int) -> None:
    assert parse(f"{ALICE},consumer,{amount}")[0].amount == smallest_units


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (f"{ALICE},consumer", "line 2: 2 columns instead of address,roles,amount"),
        (f"{ALICE},consumer,1,2", "line 2: 4 columns"),
        (f"{ALICE[:-1]},consumer,1", "line 2: .* is not an address"),
        ("address,roles,amount", "line 2: 'address' is not an address"),
        (f"{ALICE},,1", "line 2: '' is not a role; use one or more of producer"),
        (f"{ALICE},wizard,1", "line 2: 'wizard' is not a role"),
        (f"{ALICE},unspecified,1", "line 2: 'unspecified' is not a role"),
        (f"{ALICE},consumer+consumer,1", "line 2: a role is repeated"),
        (
            f"{ALICE},consumer,",
            "line 2: '' is not an amount; write 1500000 or 1500000ueur, or 1.5 EUR",
        ),
        (f"{ALICE},consumer,-1", "line 2: '-1' is not an amount"),
        (f"{ALICE},consumer,1e6", "line 2: '1e6' is not in EUR or ueur"),
        (f"{ALICE},consumer,1.5", "line 2: '1.5' is not a whole number of ueur"),
        (f"{ALICE},consumer,0.0000001EUR", "line 2: .* is not a whole number of ueur"),
        (f"{ALICE},consumer,5USD", "line 2: '5USD' is not in EUR or ueur"),
        (f"{ALICE},consumer,9223372036854775808", r"line 2: .* is more than 2\^63 - 1 ueur"),
        (f'{ALICE},"consumer,1', "line 2: "),
        (f"{BOB},consumer,1", f"line 2: {BOB} is already in line 1"),
        ("x" * 2000, "line 2: more than 1000 characters"),
    ],
)
def test_rejection_name_the_line_and_the_reason(row: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse(f"{BOB},consumer,1\n{row}\n")


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    with pytest.raises(MissingError, match="cannot be read"):
        read_accounts(path, EUR)
    # As spreadsheets write it: a byte order mark and \r\n.
    path.write_bytes(f"\ufeffaddress,roles,amount\r\n{ALICE},consumer,1\r\n".encode())
    assert [account.address for account in read_accounts(path, EUR)] == [ALICE]
    path.write_bytes(b"\xff\xfe,consumer,1\n")
    with pytest.raises(UsageError, match=r"accounts\.csv"):
        read_accounts(path, EUR)
