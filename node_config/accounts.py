"""Accounts of a new network, from a CSV file: one row `address,roles,amount` each.

Roles are separated by `+`. An amount is a whole number of the settlement denomination's smallest
unit (`1500000` or `1500000ueur`), or a decimal number with its symbol (`1.5 EUR`). The first row
may be the header; empty lines and lines that begin with # are skipped. Anything else is an error
that names its line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from blockenergy.registry.v1.role_pb2 import Role

from chain.runtime.encoding import bech32
from client.errors import UsageError
from client.files.bounded import read_text
from node_config.money import Denom

ROWS_MAX = 1_000_000
FILE_BYTES_MAX = 256 * 1024 * 1024
LINE_CHARACTERS_MAX = 1_000
HEADER = ["address", "roles", "amount"]
_PREFIX = "ROLE_"
ROLES = {name.removeprefix(_PREFIX).lower(): number for name, number in Role.items() if number}


class GenesisAccount(NamedTuple):
    """A participant registered at genesis, with its roles and balance."""

    address: str
    # Numbers of blockenergy.registry.v1.Role, in ascending order.
    roles: tuple[int, ...]
    # In the smallest unit of the settlement denomination.
    amount: int


def read_accounts(path: Path, denom: Denom) -> list[GenesisAccount]:
    """The accounts of a file; raises MissingError, or UsageError with the line and the reason."""
    try:
        text = StringIO(read_text(path, FILE_BYTES_MAX), newline="")
        return parse_accounts(text, denom)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error


def merge_accounts(accounts: Iterable[GenesisAccount]) -> list[GenesisAccount]:
    """One account for each address, with the roles and the amounts of all that it had."""
    merged: dict[str, GenesisAccount] = {}
    for one in accounts:
        known = merged.get(one.address, GenesisAccount(one.address, (), 0))
        roles = tuple(sorted({*known.roles, *one.roles}))
        merged[one.address] = GenesisAccount(one.address, roles, known.amount + one.amount)
    return list(merged.values())


def parse_accounts(lines: Iterable[str], denom: Denom) -> list[GenesisAccount]:
    """The accounts of the lines of a CSV; raises ValueError with the line and the reason."""
    accounts: list[GenesisAccount] = []
    seen: dict[str, int] = {}
    is_first = True
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cells = _split(number, line)
        if not (is_first and [cell.lower() for cell in cells] == HEADER):
            account = _parse_row(number, cells, denom)
            if account.address in seen:
                raise ValueError(
                    f"line {number}: {account.address} is already in line {seen[account.address]}"
                )
            if len(accounts) == ROWS_MAX:
                raise ValueError(f"line {number}: more than {ROWS_MAX} accounts")
            seen[account.address] = number
            accounts.append(account)
        is_first = False
    return accounts


def _split(number: int, line: str) -> list[str]:
    if len(line) > LINE_CHARACTERS_MAX:
        raise ValueError(f"line {number}: more than {LINE_CHARACTERS_MAX} characters")
    try:
        cells = [cell.strip() for cell in next(csv.reader([line], strict=True))]
    except csv.Error as error:
        raise ValueError(f"line {number}: {error}") from None
    if len(cells) != len(HEADER):
        raise ValueError(f"line {number}: {len(cells)} columns instead of {','.join(HEADER)}")
    return cells


def _parse_row(number: int, cells: list[str], denom: Denom) -> GenesisAccount:
    address, roles, amount = cells
    try:
        bech32.decode(address)
        return GenesisAccount(address, parse_roles(roles), denom.parse(amount))
    except bech32.AddressError as error:
        raise ValueError(f"line {number}: {address[:80]!r} is not an address: {error}") from None
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from None


def parse_roles(text: str) -> tuple[int, ...]:
    """The numbers of roles joined by `+`; ValueError for what is none."""
    names = [name.strip().lower() for name in text.split("+")]
    for name in names:
        if name not in ROLES:
            raise ValueError(
                f"{name[:80]!r} is not a role; use one or more of {', '.join(ROLES)}, joined by +"
            )
    if len(set(names)) != len(names):
        raise ValueError(f"a role is repeated in {text!r}")
    return tuple(sorted(ROLES[name] for name in names))
