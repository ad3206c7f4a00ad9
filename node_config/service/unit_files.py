"""The texts of the units: templates of this package with the paths of a machine filled in.

The units of a user's own manager have the same text without a user and without most of the
hardening, which only the system's manager can do.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from string import Template

from client.errors import UsageError
from node_config.localnet.process import COLLECTOR

APP, COMETBFT, BRIDGE = "blockenergy-app", "blockenergy-cometbft", "blockenergy-bridge"
# What each service consists of; the first unit is the one that is started and stopped.
SERVICES: Mapping[str, tuple[str, ...]] = {"validator": (APP, COMETBFT), "bridge": (BRIDGE,)}
SUFFIX = ".service"
_HARDENING_OF_USER = "UMask=0077\nNoNewPrivileges=yes"


def make_units(
    service: str,
    home: Path,
    options: Sequence[str],
    *,
    cometbft: Path,
    address: str = "",
    user: str = "",
) -> dict[str, str]:
    """Text by file name of the units of a service that runs in the absolute path `home`.

    `options` are those of the program, `address` is where the application listens, `user` who runs
    it; nobody is named in units of a user's own manager. Raises UsageError for a path that a unit
    cannot name.
    """
    _require_printable([str(home), *options])
    values = {
        "home": escape(str(home)),
        "writable": quote(str(home)),
        "python": quote(str(Path(sys.prefix) / "bin" / "python")),
        "cometbft": quote(str(cometbft)),
        "options": " ".join(map(quote_argument, options)),
        "address": quote_argument(address),
        "collector": " ".join(f"{name}={value}" for name, value in COLLECTOR.items()),
        "wanted_by": "multi-user.target" if user else "default.target",
        "user": escape(user),
    }
    hardening = _read("hardening.conf") if user else _HARDENING_OF_USER
    values["hardening"] = Template(hardening).substitute(values).rstrip()
    return {
        name + SUFFIX: _trim(Template(_read(name + SUFFIX)).substitute(values))
        for name in SERVICES[service]
    }


def escape(text: str) -> str:
    """As the rest of a line: only % has a meaning there."""
    return text.replace("%", "%%")


def quote(text: str) -> str:
    """As one word of a line."""
    if not any(character in text for character in " \t\"'\\;"):
        return escape(text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escape(escaped)}"'


def quote_argument(text: str) -> str:
    """As one argument of a command, in which $ would name a variable."""
    return quote(text).replace("$", "$$") or '""'


def _require_printable(texts: Sequence[str]) -> None:
    for text in texts:
        if not text.isprintable():
            raise UsageError(f"{text!r} cannot stand in a unit; choose a name without line breaks")


def _read(name: str) -> str:
    return (resources.files(__package__) / "units" / name).read_text()


def _trim(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
