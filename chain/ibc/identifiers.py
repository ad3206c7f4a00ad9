"""Names of chains, clients and ports, as ibc-go takes them."""

from __future__ import annotations

import re
from typing import Final

_CHARACTERS: Final = r"[a-zA-Z0-9._+\-#\[\]<>]"
_CLIENT: Final = re.compile(rf"{_CHARACTERS}{{8,64}}", re.ASCII)
_CLIENT_NUMBER: Final = re.compile(r".+-(0|[1-9][0-9]{0,18})", re.ASCII)
_PORT: Final = re.compile(rf"{_CHARACTERS}{{2,128}}", re.ASCII)
# The form of those that this chain creates.
_OWN_CLIENT: Final = re.compile(r"07-tendermint-(0|[1-9][0-9]{0,18})", re.ASCII)
_REVISION: Final = re.compile(r".*[^\n-]-([1-9][0-9]*)", re.ASCII)
_REVISION_END: Final = 1 << 64


def is_client_id(name: str) -> bool:
    """Whether a client can have this id: 8 to 64 characters, a number behind the last dash."""
    return bool(_CLIENT.fullmatch(name) and _CLIENT_NUMBER.fullmatch(name))


def is_own_client_id(name: str) -> bool:
    """Whether a client of this chain can have this id."""
    return bool(_OWN_CLIENT.fullmatch(name))


def is_port_id(name: str) -> bool:
    """Whether an application can have this port: 2 to 128 characters."""
    return bool(_PORT.fullmatch(name))


def parse_revision(chain_id: str) -> int:
    """The revision that the id of a chain names, such as 4 in `energy-4`; 0 if it names none."""
    found = _REVISION.fullmatch(chain_id)
    revision = int(found[1]) if found and len(found[1]) <= 20 else 0
    return revision if revision < _REVISION_END else 0
