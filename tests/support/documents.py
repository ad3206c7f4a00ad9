"""Genesis documents in the short form that tests and vectors use, and back.

The short form has one line per entry, with names for addresses and for keys of meters:

    "market.params": {"gate_closure_s": 20}
    "bank.balances[anna, ueur]": 100000000
    "registry.meters[meter-anna]": {"owner": "anna", "pub_key": "meter-anna", …}

A pair within a pair is joined by &: "forecast.scores[1 & frida, 30000001]". Numbers may stand
without quotes, and fields with their defaults are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chain import app
from tests.support.streets import people

Short = dict[str, Any]

_SEQUENCES = (
    "bank.last_hold_id", "metering.last_settled", "metering.last_noted_s",
    "market.last_order_id", "market.last_slot", "market.last_cleared", "market.restored",
    "market.last_standing_order_id",
    "forecast.last_target_id", "forecast.last_frozen", "forecast.last_market_id",
    "forecast.market_count",
    "validators.last_proposal_id", "validators.changed_at_height",
    "carbon.last_begun",
    "certificates.last_closed", "certificates.last_lock", "credits.last_retirement",
    "credits.last_lock", "ibc.client_count", "carbontransfer.last_retirement",
)  # fmt: skip
VECTORS = Path(__file__).parents[1] / "vectors"
_ENTRY = re.compile(r"(?P<module>\w+)\.(?P<collection>\w+)(\[(?P<key>[^\]]+)\])?")


def street() -> Short:
    """The five households and the grid around them, as every test finds them."""
    document: Short = json.loads((VECTORS / "street.json").read_text())
    return patch({}, document)


def patch(short: Mapping[str, Any], changes: Mapping[str, Any]) -> Short:
    """The short form with changes: fields are merged, None removes an entry."""
    result = dict(short)
    for path, value in changes.items():
        assert _ENTRY.fullmatch(path), f"{path} is no place in a genesis document"
        if value is None:
            assert result.pop(path, None) is not None, f"{path} is not there to be removed"
        elif isinstance(value, dict):
            result[path] = normalize({**result.get(path, {}), **value})
        else:
            result[path] = normalize(value)
    return result


def complete(short: Mapping[str, Any]) -> Short:
    """Adds what follows from the rest, where it is not given: accounts, supply, what owners of
    meters have and where.
    """
    result = dict(short)
    names = sorted(_keys_of(short, "registry.participants"))
    numbers = {name: number for number, name in enumerate(names, 1)}
    for name, number in numbers.items():
        account = {"account_number": str(number), **result.get(f"auth.accounts[{name}]", {})}
        result[f"auth.accounts[{name}]"] = account
        feeders = [
            meter["feeder"]
            for meter in _values_of(short, "registry.meters")
            if meter["owner"] == name and _counts(meter)
        ]
        entry = f"registry.participants[{name}]"
        place = {"meters": str(len(feeders)), "feeder": feeders[0] if feeders else ""}
        place |= _connections_of(short, name)
        result[entry] = normalize({**place, **result[entry]})
    for name in _keys_of(short, "registry.feeders"):
        entry = f"registry.feeders[{name}]"
        result[entry] = {"operator": "distributor", **result[entry]}
    for path, meter in short.items():
        if path.startswith("registry.meters[") and meter.get("checks_feeder"):
            entry = f"registry.feeders[{meter['feeder']}]"
            result[entry] = {"check_meter": path[len("registry.meters[") : -1], **result[entry]}
    result.setdefault("auth.last_account_number", str(len(numbers)))
    for denom in _keys_of(short, "bank.denoms"):
        entry = f"bank.denoms[{denom}]"
        result[entry] = {"supply": str(_supply(short, denom)), **result[entry]}
    denom_count = len(_keys_of(short, "bank.denoms"))
    result.setdefault("bank.denom_count", str(denom_count))
    feeder_count = len(_keys_of(short, "registry.feeders"))
    result.setdefault("registry.feeder_count", str(feeder_count))
    classes = _keys_of(short, "credits.classes")
    result.setdefault("credits.class_count", str(len(classes)))
    for name in classes:
        path = f"credits.classes[{name}]"
        projects = [
            key for key in _keys_of(short, "credits.projects") if key.startswith(f"{name}, ")
        ]
        result[path] = normalize({"projects": str(len(projects)), **result[path]})
    for path in _SEQUENCES:
        result.setdefault(path, "0")
    for path in ("market.booking", "settlement.progress"):
        result.setdefault(path, {})
    return result


def expand(short: Mapping[str, Any]) -> dict[str, Any]:
    """The genesis document of a short form."""
    document: dict[str, Any] = {module.name: {} for module in app.MODULES}
    for path, value in short.items():
        found = _ENTRY.fullmatch(path)
        assert found is not None
        module = document.setdefault(found["module"], {})
        if found["key"] is None:
            module[found["collection"]] = resolve(value)
        else:
            entry = {"key": _key_to_json(found["key"]), "value": resolve(value)}
            module.setdefault(found["collection"], []).append(entry)
    return document


def shorten(document: Mapping[str, Any]) -> Short:
    """The short form of a genesis document."""
    short: Short = {}
    for module, collections in document.items():
        for collection, content in collections.items():
            if isinstance(content, list):
                for entry in content:
                    path = f"{module}.{collection}[{_key_to_text(entry['key'])}]"
                    short[path] = normalize(to_names(entry["value"]))
            else:
                short[f"{module}.{collection}"] = normalize(to_names(content))
    return short


def resolve(value: Any) -> Any:
    """Any JSON with names, with addresses and the keys of meters instead."""
    if isinstance(value, dict) and value.get("pub_key", "").startswith(people.METER_PREFIX):
        value = {**value, "pub_key": people.meter_pub_key(value["pub_key"])}
    return _map_texts(value, people.address_text)


def to_names(value: Any) -> Any:
    """Any JSON with addresses and keys of meters, with names instead."""
    return _map_texts(value, people.name_of)


def normalize(value: Any) -> Any:
    """Numbers as texts, and without fields that have their defaults."""
    if isinstance(value, dict):
        items = {key: normalize(item) for key, item in value.items() if item is not None}
        return {key: item for key, item in items.items() if not _is_default(item)}
    if isinstance(value, list):
        return [normalize(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _connections_of(short: Mapping[str, Any], owner: str) -> Short:
    active = [
        meter
        for meter in _values_of(short, "registry.meters")
        if meter["owner"] == owner and meter["status"] == "STATUS_ACTIVE" and _counts(meter)
    ]
    sources = [meter for meter in active if not _is_default(meter.get("energy_source"))]
    exports_w = [
        int(meter.get("export_capacity_w", 0)) or int(meter["capacity_w"]) for meter in sources
    ]
    return {
        "capacity_w": str(sum(int(meter["capacity_w"]) for meter in active)),
        "source_capacity_w": str(sum(exports_w)),
    }


def _counts(meter: Short) -> bool:
    """Whether a meter is one of its owner's connections."""
    return meter["status"] != "STATUS_REMOVED" and not meter.get("checks_feeder")


def _supply(short: Mapping[str, Any], denom: str) -> int:
    free = sum(
        int(value)
        for path, value in short.items()
        if path.startswith("bank.balances[") and path.endswith(f", {denom}]")
    )
    holds = _values_of(short, "bank.holds")
    held = sum(int(hold.get("amount", 0)) for hold in holds if hold["denom"] == denom)
    is_of_fees = denom == short["auth.params"]["fee_denom"]
    deposits = sum(int(hold.get("deposit", 0)) for hold in holds) if is_of_fees else 0
    return free + held + deposits


def _keys_of(short: Mapping[str, Any], collection: str) -> list[str]:
    start = f"{collection}["
    return [path[len(start) : -1] for path in short if path.startswith(start)]


def _values_of(short: Mapping[str, Any], collection: str) -> list[Any]:
    return [value for path, value in short.items() if path.startswith(f"{collection}[")]


def _key_to_json(text: str, separators: tuple[str, ...] = (", ", " & ")) -> Any:
    if not separators or separators[0] not in text:
        return _key_to_json(text, separators[1:]) if separators else people.address_text(text)
    return [_key_to_json(part, separators[1:]) for part in text.split(separators[0])]


def _key_to_text(key: Any, separators: tuple[str, ...] = (", ", " & ")) -> str:
    if isinstance(key, list):
        return separators[0].join(_key_to_text(part, separators[1:]) for part in key)
    return people.name_of(key)


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _map_texts(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_map_texts(item, change) for item in value]
    return change(value) if isinstance(value, str) else value


def _is_default(value: Any) -> bool:
    unspecified = isinstance(value, str) and (
        value.endswith("_UNSPECIFIED") or value == "QUALITY_MEASURED"
    )
    return unspecified or value in ("0", "", False, []) or value is None
