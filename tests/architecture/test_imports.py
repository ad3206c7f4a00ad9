"""Who may import what: the arrows between the parts of the project point inward, never back."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.source import ROOT, Import, SourceFile, exported_names, list_source, write_source

STANDARD_LIBRARY = {
    "__future__", "base64", "bisect", "collections", "contextlib", "dataclasses", "enum",
    "functools", "hashlib", "heapq", "ipaddress", "itertools", "json", "operator", "re", "struct",
    "types", "typing",
}  # fmt: skip
DEFINITIONS = {"blockenergy", "cosmos", "ibc"}
# Headers and votes are definitions of consensus; the rest of the rules has values of its own.
HEADER_DEFINITIONS = "tendermint.types"
VERIFIERS = {"coincurve", "cryptography", "nacl"}
VERIFYING_MODULE = "chain.runtime.signatures"
# The modules of the rules, and which others each may use. Those are used as packages, so that
# only what they name in __all__ is seen.
USES: dict[str, set[str]] = {
    "auth": set(),
    "registry": {"auth"},
    "peers": {"registry"},
    "bank": {"auth", "registry"},
    "metering": {"registry"},
    "market": {"bank", "metering", "registry"},
    "storage": {"market", "metering", "registry"},
    "forecast": {"bank", "market", "metering", "params", "registry"},
    "carbon": {"bank", "metering", "registry"},
    "settlement": {
        *("bank", "carbon", "forecast", "market", "metering", "registry", "storage", "tielines"),
    },
    "credits": {"bank", "carbon", "market", "registry"},
    "certificates": {
        *("bank", "carbon", "credits", "market", "metering", "registry", "settlement", "storage"),
    },
    "params": {"market", "registry"},
    "validators": {"params", "registry"},
    "upgrade": {"params"},
    "feegrant": {"auth", "registry"},
    "authz": {"auth", "bank", "market", "metering", "registry"},
    # No module of the state: what light clients verify.
    "light": set(),
    "ibc": {"bank", "light", "params", "registry"},
    "tielines": {"bank", "ibc", "market", "metering", "params"},
    "carbontransfer": {
        *("bank", "carbon", "certificates", "credits", "ibc", "metering", "registry"),
    },
}
# The rooms of the market, and which others each may use. Files of the market itself bind them.
ROOMS: dict[str, set[str]] = {
    "clearing": set(),
    "grid": set(),
    "positions": {"grid"},
    "pool": {"clearing", "grid", "positions"},
    "offers": {"grid", "positions"},
    "auction": {"clearing", "grid", "positions", "offers"},
    "standing": {"auction", "positions"},
}
# What else lies in chain/: the entry, genesis, and what happens around transactions.
ENTRIES = {
    "ante",
    "app",
    "genesis",
    "keyspace",
    "mempool",
    "migrations",
    "pace",
    "proposals",
    "ruleset",
    "transactions",
}
# What the parts around the rules may see of them, beside the packages' __all__.
OUTSIDE = {
    *(
        "chain.app",
        "chain.genesis",
        "chain.keyspace",
        "chain.mempool",
        "chain.migrations",
        "chain.pace",
        "chain.proposals",
        "chain.transactions",
    ),
    "chain.runtime",
}

CHAIN = list_source("chain")
AROUND = [
    file
    for folder in (
        "abci_app",
        "agents",
        "meter_bridge",
        "client",
        "dashboard",
        "gateway",
        "grpc_calls",
        "net_address",
        "node_config",
        "text_output",
    )
    for file in list_source(folder)
]


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def module_of(file: SourceFile) -> str:
    """`bank` for chain.bank.keeper, `app` for chain.app, `` for chain itself."""
    return [*file.module.split("."), ""][1]


def references(file: SourceFile) -> Iterator[tuple[Import, str, str]]:
    """Imports from chain/ as (import, first part below chain, the rest of the way)."""
    for found in file.imports():
        parts = [*found.module.split("."), *([found.name] if found.name else [])]
        if parts[0] == "chain" and len(parts) > 1:
            yield found, parts[1], ".".join(parts[2:])


@pytest.mark.parametrize("file", CHAIN, ids=lambda file: file.module)
def test_the_rules_import_nothing_that_could_differ_between_machines(file: SourceFile) -> None:
    wrong = []
    for found in file.imports():
        top = found.module.split(".")[0]
        if top in STANDARD_LIBRARY | {"chain"} or is_within(found.module, "google.protobuf"):
            continue
        if top in DEFINITIONS and not _is_service(found):
            continue
        if is_within(found.module, HEADER_DEFINITIONS) and module_of(file) in ("light", "ibc"):
            continue
        if top in VERIFIERS and file.module == VERIFYING_MODULE:
            continue
        wrong.append(f"{file.at(found.line)} imports {found.module}, which chain/ may not use")
    assert not wrong, "\n".join(wrong)


def _is_service(found: Import) -> bool:
    return f"{found.module}.{found.name}".count("_grpc") > 0


@pytest.mark.parametrize("file", CHAIN, ids=lambda file: file.module)
def test_a_module_uses_only_those_below_it(file: SourceFile) -> None:
    own = module_of(file)
    if own in ENTRIES | {""}:
        return
    allowed = {own, "runtime"} | USES.get(own, set())
    wrong = [
        f"{file.at(found.line)}: chain.{own} may not use chain.{other}"
        for found, other, _ in references(file)
        if other not in allowed
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", CHAIN, ids=lambda file: file.module)
def test_a_module_sees_only_what_another_names_in_all(file: SourceFile) -> None:
    wrong = list(_hidden_names(file, module_of(file)))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", AROUND, ids=lambda file: file.module)
def test_the_parts_around_the_rules_see_only_their_doors(file: SourceFile) -> None:
    wrong = [
        f"{file.at(found.line)}: chain.{other} is no door of the rules"
        for found, other, _ in references(file)
        if other not in USES and not any(is_within(f"chain.{other}", door) for door in OUTSIDE)
    ]
    wrong += _hidden_names(file, "")
    assert not wrong, "\n".join(wrong)


def test_nothing_imports_the_dashboard() -> None:
    wrong = [
        f"{file.at(found.line)} imports {found.module}"
        for file in [*CHAIN, *AROUND]
        for found in file.imports()
        if is_within(found.module, "dashboard") and not is_within(file.module, "dashboard")
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", CHAIN, ids=lambda file: file.module)
def test_a_room_of_the_market_uses_only_those_below_it(file: SourceFile) -> None:
    own = file.module.removeprefix("chain.market.").split(".")[0]
    if not file.module.startswith("chain.market.") or own not in ROOMS:
        return
    used = {way.split(".")[0] for _, other, way in references(file) if other == "market"}
    wrong = (used & ROOMS.keys()) - ROOMS[own] - {own}
    assert not wrong, f"{file.at(1)}: {own} may not use {sorted(wrong)}"


def test_the_rooms_of_the_market_are_its_folders() -> None:
    folders = {path.parent.name for path in (ROOT / "chain" / "market").glob("*/__init__.py")}
    assert folders == ROOMS.keys()


def _hidden_names(file: SourceFile, own: str) -> Iterator[str]:
    """Places that reach past the __all__ of a module other than the file's own."""
    packages: dict[str, str] = {}
    for found, other, rest in references(file):
        if other == own or other not in USES:
            continue
        if not rest:
            packages[other] = other
        elif rest not in exported_names(f"chain.{other}"):
            yield f"{file.at(found.line)}: chain.{other}.{rest} is private to {other}"
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            package = packages.get(node.value.id)
            if package and node.attr not in exported_names(f"chain.{package}"):
                yield f"{file.at(node.lineno)}: {package}.{node.attr} is not in its __all__"


def test_every_module_of_the_rules_has_its_place_in_the_order() -> None:
    names = {module_of(file) for file in CHAIN} - ENTRIES - {"", "runtime"}
    assert names == USES.keys()


def test_the_order_has_no_circle() -> None:
    placed: set[str] = set()
    while placed != USES.keys():
        ready = {name for name, used in USES.items() if name not in placed and used <= placed}
        assert ready, f"in a circle: {USES.keys() - placed}"
        placed |= ready


@pytest.mark.parametrize("package", sorted(USES))
def test_what_a_package_promises_is_there(package: str) -> None:
    module = importlib.import_module(f"chain.{package}")
    assert module.__all__ == sorted(module.__all__, key=_as_ruff_sorts)
    for name in module.__all__:
        assert hasattr(module, name)


def _as_ruff_sorts(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


class TestTheTestItself:
    """That these tests can fail."""

    @pytest.mark.parametrize(
        "text",
        [
            "import time",
            "import os.path",
            "from random import randint",
            "def f():\n    import datetime",
            "from coincurve import PublicKey",
            "from blockenergy.bridge.v1 import bridge_pb2_grpc",
            "from . import keeper",
        ],
    )
    def test_forbidden_imports_are_found(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(AssertionError, match=r"chain/bank/written\.py:\d+ imports"):
            test_the_rules_import_nothing_that_could_differ_between_machines(
                write_source(tmp_path, "chain.bank.written", text)
            )

    @pytest.mark.parametrize(
        "text", ["from chain import market", "from chain.settlement import FUND"]
    )
    def test_arrows_back_are_found(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(AssertionError, match=r"chain\.bank may not use"):
            test_a_module_uses_only_those_below_it(
                write_source(tmp_path, "chain.bank.written", text)
            )

    @pytest.mark.parametrize(
        "text",
        [
            "from chain.registry.state import METERS",
            "from chain.registry import state",
            "from chain import registry\nregistry.state.METERS",
            "from chain import registry\nregistry.keeper",
        ],
    )
    def test_reaching_past_all_is_found(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(AssertionError, match="registry"):
            test_a_module_sees_only_what_another_names_in_all(
                write_source(tmp_path, "chain.bank.written", text)
            )
