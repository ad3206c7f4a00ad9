"""Genesis and export: every wrong document is rejected with the place, every state comes back."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from typing import Any

import pytest

from chain import app
from chain.runtime.state.collections import GenesisError
from tests.support import documents
from tests.support.streets import people

STREET = documents.complete(documents.street())
RING = {"north": "south", "south": "north"}
BEN = people.address_text("ben")
NODE_ID = "0123456789abcdef0123456789abcdef01234567"
LARGE_REGISTERS = {
    f"registry.meters[meter-{name}]": {"register_max_wh": 2**62 - 1} for name in ("ben", "anna")
}


def rejection(document: Any) -> str:
    """Why a document is rejected."""
    with pytest.raises(GenesisError) as caught:
        app.init_chain(document)
    return str(caught.value)


def with_changes(changes: dict[str, Any]) -> dict[str, Any]:
    return documents.expand(documents.patch(STREET, changes))


# What is changed, and what the rejection has to say.
WRONG_VALUES: list[tuple[dict[str, Any], str]] = [
    ({"auth.params": {"fee_collector": "fred"}}, "auth.params.fee_collector"),
    ({"auth.params": {"fee_collector": "nonsense"}}, "auth"),
    ({"auth.params": {"fee_denom": ""}}, "auth.params.fee_denom"),
    ({"auth.params": {"tx_bytes_max": 1_023}}, "auth.params.tx_bytes_max"),
    ({"auth.params": {"gas_per_block_max": 9_999_999}}, "auth.params.gas_per_block_max"),
    ({"auth.params": {"tx_bytes_max": (1 << 20) + 1}}, "auth.params.tx_bytes_max"),
    ({"auth.params": {"messages_per_tx_max": 0}}, "auth.params.messages_per_tx_max"),
    ({"auth.params": {"memo_bytes_max": 300_000}}, "auth.params.memo_bytes_max"),
    ({"auth.params": {"gas_limit_max": 45_239}}, "auth.params.gas_limit_max"),
    ({"auth.params": {"gas_per_block_max": 24_999_999}}, "auth.params.gas_per_block_max"),
    ({"auth.accounts[ben]": {"pub_key": "AAAA"}}, f"auth.accounts {BEN}: not a public key"),
    ({"auth.accounts[ben]": {"pub_key": "A" * 44}}, f"auth.accounts {BEN}: not a public key"),
    (
        {
            "auth.accounts[ben]": {
                "pub_key": base64.b64encode(people.wallet("eva").pub_key).decode()
            }
        },
        f"auth.accounts {BEN}: another account's key",
    ),
    ({"auth.accounts[ben]": {"account_number": 1}}, "two accounts have the same number"),
    ({"auth.last_account_number": "10"}, "an account number was never given"),
    ({"auth.accounts[ben]": None}, "registry.accounts"),
    ({"registry.params": {"registrar": "fred"}}, "registry.params.registrar"),
    ({"registry.participants[registrar]": {"status": "STATUS_SUSPENDED"}}, "registrar"),
    ({"registry.params": {"meters_per_owner_max": 0}}, "registry.params.meters_per_owner_max"),
    ({"registry.params": {"capacity_max_w": 0}}, "registry.params.capacity_max_w"),
    ({"registry.participants[ben]": {"roles": []}}, f"registry.participants {BEN}"),
    (
        {"registry.participants[ben]": {"roles": ["ROLE_PROSUMER", "ROLE_CONSUMER"]}},
        f"registry.participants {BEN}",
    ),
    ({"registry.participants[ben]": {"status": None}}, f"registry.participants {BEN}"),
    ({"registry.participants[ben]": {"meters": 2}}, f"registry.owners: {BEN} counts 2 meters of 1"),
    ({"registry.meters[meter-ben]": {"owner": "fred"}}, "registry.meters meter-ben"),
    ({"registry.meters[meter-ben]": {"bridge": "fred"}}, "registry.meters meter-ben"),
    ({"registry.meters[meter-ben]": {"pub_key": "AAAA"}}, "registry.meters meter-ben: key"),
    ({"registry.meters[meter-ben]": {"pub_key": "A" * 43 + "="}}, "registry.meters meter-ben: key"),
    ({"registry.meters[meter-ben]": {"pub_key": "A" * 400}}, "registry.meters: entry 1: a text"),
    (
        {"registry.meters[meter-ben]": {"pub_key": "meter-anna"}},
        "registry.meter_keys: meter-ben has the key of another meter",
    ),
    ({"registry.meters[meter-ben]": {"status": None}}, "registry.meters meter-ben"),
    ({"registry.meters[meter-ben]": {"capacity_w": 0}}, "registry.meters meter-ben"),
    ({"registry.meters[meter-ben]": {"initial_import_wh": 2**62}}, "the initial registers"),
    ({"registry.meters[meter-ben]": {"initial_export_wh": 2**62}}, "the initial registers"),
    ({"registry.meters[meter-ben]": {"initial_import_wh": 2**64 - 1}}, "is too large"),
    ({"registry.meters[meter-ben]": {"register_max_wh": 99_999}}, "the size of the registers"),
    ({"registry.meters[meter-ben]": {"register_max_wh": 2**62}}, "the size of the registers"),
    ({"auth.accounts[ben]": {"sequence": 2**63}}, ": sequence: 9223372036854775808 is"),
    ({"registry.params": {"feeders_max": 0}}, "registry.params.feeders_max"),
    ({"registry.params": {"feeders_max": 1}}, "registry.params.feeders_max: there are 2 feeders"),
    ({"registry.feeder_count": "1"}, "registry.grid: 1 feeders are counted of 2"),
    ({"registry.feeders[a b]": {}}, "registry.feeders a b: not valid: the name"),
    ({"registry.feeders[north]": {"capacity_w": 10**12 + 1}}, "registry.feeders north"),
    ({"registry.feeders[north]": {"grid_fee_per_kwh": 10**12 + 1}}, "registry.feeders north"),
    ({"registry.feeders[north]": {"parent": "east"}}, "there is no feeder east above it"),
    ({"registry.feeders[north]": {"parent": "north"}}, "too many feeders above it"),
    (
        {f"registry.feeders[{name}]": {"parent": parent} for name, parent in RING.items()},
        "too many feeders above it",
    ),
    ({"registry.meters[meter-ben]": {"feeder": "east"}}, "registry.meters meter-ben"),
    ({"registry.meters[meter-ben]": {"feeder": "south"}}, "registry.grid_nodes"),
    ({"registry.participants[auditor]": {"feeder": "south"}}, "registry.grid_nodes"),
    ({"registry.participants[ben]": {"feeder": None}}, "registry.grid_nodes"),
    ({"peers.params": {"peers_max": 0}}, "peers.params.peers_max"),
    ({"ibc.params": {"clients_max": 0}}, "ibc.params.clients_max"),
    ({"peers.params": {"peers_max": 1_001}}, "peers.params.peers_max"),
    ({"peers.peers[node0]": {"operator": "ben"}}, "peers.peers node0: not valid: a node id"),
    ({f"peers.peers[{NODE_ID}]": {"operator": "fred"}}, f"peers.peers {NODE_ID}: the operator"),
    ({f"peers.peers[{NODE_ID}]": {"operator": "nonsense"}}, "peers"),
    (
        {f"peers.peers[{NODE_ID}]": {"operator": "ben", "networks": ["10.0.0.1/8"]}},
        "neither an IP address nor a range",
    ),
    (
        {f"peers.peers[{number:040x}]": {"operator": "ben"} for number in range(1_001)},
        "peers.peers: 1001 peers, max 1000",
    ),
    ({"bank.params": {"expiries_per_block_max": 0}}, "bank.params.expiries_per_block_max"),
    ({"bank.params": {"hold_duration_max_s": 0}}, "bank.params.hold_duration_max_s"),
    ({"bank.denoms[ueur]": {"issuer": "fred"}}, "bank.denoms ueur"),
    ({"bank.denoms[ueur]": {"supply": 2**63}}, "bank.denoms: entry 0: supply"),
    (
        {"bank.denoms[ueur]": {"supply": 2_600_000_001}},
        "bank.supply: ueur: balances and holds are 2600000000, the supply is 2600000001",
    ),
    (
        {"bank.balances[ben, ueur]": None},
        "bank.supply: ueur: balances and holds are 2500000000, the supply is 2600000000",
    ),
    ({"bank.balances[ben, ugold]": 5}, "bank.supply: ugold"),
    ({"bank.balances[ben, ueur]": 2**63}, "bank.balances: entry"),
    ({"bank.balances[fred, ueur]": 0}, "bank.no_zero_balances"),
    (
        {"bank.holds[ben, 7]": {"denom": "ueur", "amount": 0}},
        "bank.hold_ids: hold 7 was never given",
    ),
    ({"metering.params": {"slot_length_s": 0}}, "metering.params.slot_length_s"),
    ({"metering.params": {"represented_duration_s": 0}}, "metering.params.represented_duration_s"),
    ({"metering.params": {"reading_deadline_s": 0}}, "metering.params.reading_deadline_s"),
    ({"metering.params": {"readings_per_message_max": 0}}, "readings_per_message_max"),
    ({"metering.params": {"capacity_tolerance_permille": 1_001}}, "capacity_tolerance_permille"),
    ({"metering.params": {"silent_slots_max": 0}}, "silent_slots_max"),
    ({"metering.params": {"estimate_permille": 1_001}}, "estimate_permille"),
    ({"metering.params": {"halt_min_s": 0}}, "halt_min_s"),
    ({"metering.halts[5]": {"until_s": 5}}, "metering.halts 5"),
    ({"metering.baselines[meter-ben]": {"slot": 5}}, "no number of silent slots"),
    (
        {"metering.baselines[meter-ben]": {"silent_slots": 1, "price_high_per_kwh": 10**15}},
        "metering.baselines meter-ben: more than can be settled",
    ),
    (
        {"metering.baselines[meter-ben]": {"silent_slots": 1, "barred": "eva"}},
        "bars an account that is not its owner",
    ),
    ({"metering.readings[5, meter-fred]": {}}, "metering.known_meters: no meter meter-fred"),
    ({"metering.conflicts[5, meter-ben]": {"count": 1}}, "metering.conflicts"),
    (
        {
            "metering.readings[5, meter-ben]": {"import_wh": 5},
            "metering.conflicts[5, meter-ben]": {"count": 2**63},
        },
        "metering.conflicts 5, meter-ben",
    ),
    (
        {"metering.readings[5, meter-ben]": {"import_wh": 2**54}, **LARGE_REGISTERS},
        "metering.readings 5: more",
    ),
    (
        {"metering.readings[5, meter-ben]": {"export_wh": 2**54}, **LARGE_REGISTERS},
        "metering.readings 5: more",
    ),
    (
        {
            **LARGE_REGISTERS,
            "metering.readings[5, meter-ben]": {"import_wh": 2**53},
            "metering.readings[5, meter-anna]": {"import_wh": 2**53},
        },
        "metering.readings 5: more",
    ),
    ({"metering.offsets[meter-ben]": {"import_wh": 10**9}}, "metering.offsets meter-ben"),
    ({"metering.offsets[meter-ben]": {"export_wh": 10**9}}, "metering.offsets meter-ben"),
    ({"metering.offsets[meter-fred]": {"export_wh": 1}}, "metering.offsets meter-fred"),
    ({"market.params": {"settlement_denom": "ugold"}}, "market.params.settlement_denom"),
    ({"bank.denoms[ueur]": {"decimals": 2}}, "market.params.settlement_denom"),
    ({"market.params": {"treasury": "fred"}}, "market.params.treasury"),
    ({"market.params": {"price_low_per_kwh": 300_000}}, "market.params"),
    ({"market.params": {"price_high_per_kwh": 10**12 + 1}}, "market.params"),
    ({"market.params": {"order_max_wh": 10**12}}, "market.params"),
    ({"registry.params": {"capacity_max_w": 10**11}}, "registry.params.capacity_max_w"),
    ({"market.params": {"depth_max_wh": 0}}, "market.params.depth_max_wh"),
    ({"market.params": {"order_max_wh": 10**13 + 1}}, "market.params.order_max_wh"),
    ({"market.params": {"order_max_wh": 0}}, "market.params.order_max_wh"),
    ({"market.params": {"imbalance_collateral_permille": 1_001}}, "imbalance_collateral_permille"),
    ({"market.params": {"horizon_slots": 0}}, "market.params.horizon_slots"),
    ({"market.params": {"slots_opened_per_block_max": 0}}, "slots_opened_per_block_max"),
    ({"market.params": {"gate_closure_s": 300}}, "market.params.gate_closure_s"),
    ({"market.params": {"margin_max_per_kwh": 55_001}}, "market.params.margin_max_per_kwh"),
    ({"market.params": {"purses": 0}}, "market.params.purses"),
    ({"market.params": {"purses": 10_001}}, "market.params.purses"),
    ({"market.params": {"purse_share_permille": 0}}, "market.params.purse_share_permille"),
    ({"market.params": {"surplus_share_permille": 1_001}}, "market.params.surplus_share_permille"),
    ({"market.params": {"depth_max_wh": 10**15, "price_high_per_kwh": 10**8}}, "depth_max_wh"),
    ({"market.purses[12]": {"money": 1}}, "market.purses 12: there are 12"),
    ({"market.purses[3]": {"seed": 2_750_001}}, "market.purse_sums: purse 3"),
    ({"market.restored": 5}, "market.purse_sums: the purses have"),
    ({"bank.balances[purses, ueur]": 1}, "market.purse_sums: the purses have 1, their records"),
    ({"market.slots[5]": {"depth_wh": 9}, "market.last_slot": 5}, "market.slots 5"),
    (
        {"market.slots[5]": {"status": "SLOT_STATUS_OPEN", "depth_wh": 9}, "market.last_slot": 4},
        "market.slots 5",
    ),
    ({"market.slots[5]": {"status": 77, "depth_wh": 9}, "market.last_slot": 5}, "market.slots 5"),
    ({"market.orders[5, 1]": {}}, "market.no_orders_left: order 1 is left"),
    ({"market.positions[5, ben]": {}}, "market.slot_sums: positions in slot 5"),
    (
        {"market.positions[5, ben]": {"feeder": "f" * 256}},
        "market.positions: entry 0: a text of at most 255 bytes",
    ),
    ({"market.positions[5, ben]": {"feeder": "f" * 255}}, "there is no feeder ff"),
    ({"market.last_order_id": 2**62}, "market.last_order_id: 4611686018427387904 is too large"),
    ({"settlement.params": {"backstop": "fred"}}, "settlement.params.backstop"),
    ({"settlement.params": {"accounts_per_block_max": 0}}, "accounts_per_block_max"),
    ({"settlement.params": {"pruned_per_block_max": 0}}, "pruned_per_block_max"),
    ({"settlement.params": {"history_slots": 0}}, "settlement.params.history_slots"),
    ({"settlement.progress": {"stage": "STAGE_LINES", "slot": 5}}, "settlement.progress"),
    (
        {
            "settlement.progress": {"stage": "STAGE_LINES", "slot": 5},
            "settlement.results[5]": {},
            "market.slots[5]": {"status": "SLOT_STATUS_OPEN", "depth_wh": 9},
            "market.last_slot": 5,
        },
        "settlement.progress: the slot in settlement is not closed",
    ),
    ({"settlement.progress": {"owner": "nonsense"}}, "settlement"),
    ({"settlement.lines[5, ben]": {"charged": 1}}, "settlement.line_sums"),
    ({"settlement.deferred[5, ben]": 1}, "settlement.deferred_sums"),
    ({"settlement.owed_by_fund[5, ben]": 2**62 + 1}, "settlement.owed_by_fund"),
]


# What a slot cannot have come to, whatever the parameters were, and what the rejection says of it.
IMPOSSIBLE_SLOTS: list[tuple[dict[str, Any], str]] = [
    ({"price_high_per_kwh": 10**12 + 1}, "price_high_per_kwh is above"),
    ({"price_low_per_kwh": 2, "price_high_per_kwh": 1}, "price_low_per_kwh is above"),
    ({"depth_wh": 10**15 + 1}, "depth_wh is above"),
    ({"price_high_per_kwh": 7, "margin_per_kwh": 2}, "margin_per_kwh is too large"),
    ({"resting_orders": 50_001}, "resting_orders is above"),
    ({"minimum_quantity_orders": 1_001}, "minimum_quantity_orders is above"),
    ({"linear_orders": 1_001}, "linear_orders is above"),
    ({"price_high_per_kwh": 2_000, "bought_wh": 2**61 + 1}, "worth too much"),
    ({"price_high_per_kwh": 2_000, "sold_wh": 2**61 + 1}, "worth too much"),
]


@pytest.mark.parametrize(("fields", "place"), IMPOSSIBLE_SLOTS)
def test_a_slot_that_could_not_have_been_is_rejected(fields: dict[str, Any], place: str) -> None:
    slot = {"status": "SLOT_STATUS_CLOSED", "depth_wh": 9, **fields}
    found = rejection(with_changes({"market.slots[5]": slot, "market.last_slot": 5}))
    assert found.startswith("market.slots 5: ") and place in found


@pytest.mark.parametrize(("changes", "place"), WRONG_VALUES, ids=lambda value: "")
def test_a_wrong_value_is_rejected_with_its_place(changes: dict[str, Any], place: str) -> None:
    assert place in rejection(with_changes(changes))


def test_the_street_itself_is_right() -> None:
    assert app.init_chain(documents.expand(STREET))


def _at(document: Any, *path: Any) -> Any:
    for part in path:
        document = document[part]
    return document


def _set(*path: Any) -> Callable[[dict[str, Any]], None]:
    """Puts the last part of a path into the place that the others name."""
    *places, name, value = path

    def change(document: dict[str, Any]) -> None:
        _at(document, *places)[name] = value

    return change


WRONG_FORMS: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (lambda document: document.pop("bank"), "app_state.bank is missing"),
    (_set("gold", {}), "app_state.gold: there is no such module"),
    (_set("bank", []), "bank: an object is expected"),
    (_set("bank", "gold", []), "bank.gold: there is no such collection"),
    (lambda document: document["bank"].pop("params"), "bank.params is missing"),
    (lambda document: document["settlement"].pop("progress"), "settlement.progress is missing"),
    (lambda document: document["market"].pop("last_slot"), "market.last_slot is missing"),
    (_set("bank", "balances", {}), "bank.balances: a list is expected"),
    (_set("bank", "balances", None), "bank.balances: a list is expected"),
    (_set("bank", "balances", 0, "entry"), "bank.balances: entry 0"),
    (_set("bank", "balances", 0, {"key": []}), "bank.balances: entry 0"),
    (_set("bank", "balances", 0, "key", ["energy1", "ueur"]), "bank.balances: entry 0"),
    (_set("bank", "balances", 0, "key", BEN), "bank.balances: entry 0"),
    (_set("bank", "balances", 0, "value", 5), "bank.balances: entry 0: a number in quotes"),
    (_set("bank", "balances", 0, "value", "-5"), "bank.balances: entry 0"),
    (_set("bank", "balances", 0, "value", "5.0"), "bank.balances: entry 0"),
    (_set("bank", "denoms", 0, "key", ""), "bank.denoms: entry 0"),
    (_set("bank", "denoms", 0, "value", "decimals", -1), "bank.denoms: entry 0"),
    (_set("bank", "denoms", 0, "value", "decimals", "six"), "bank.denoms: entry 0"),
    (_set("bank", "denoms", 0, "value", "gold", 1), "bank.denoms: entry 0"),
    (_set("bank", "denoms", 0, "value", None), "bank.denoms: entry 0"),
    (_set("bank", "denoms", 0, "value", "ueur"), "bank.denoms: entry 0"),
    (_set("bank", "denoms", 0, "value", 5), "bank.denoms: entry 0"),
    (_set("bank", "denoms", 0, "value", []), "bank.denoms: entry 0"),
    (_set("bank", "params", None), "bank.params"),
    (_set("bank", "params", 5), "bank.params"),
    (_set("bank", "params", []), "bank.params"),
    (_set("bank", "params", "x"), "bank.params"),
    (_set("bank", "params", "expiries_per_block_max", 1.5), "bank.params"),
    (_set("bank", "params", "expiries_per_block_max", {}), "bank.params"),
    (_set("bank", "params", "expiries_per_block_max", True), "bank.params"),
    (_set("bank", "last_hold_id", 5), "bank.last_hold_id"),
    (_set("bank", "last_hold_id", None), "bank.last_hold_id"),
    (_set("registry", "meters", 0, "value", "pub_key", "no base64!"), "registry.meters meter-anna"),
    (_set("registry", "meters", 0, "value", "status", "ON"), "registry.meters: entry 0"),
    (_set("registry", "meters", 0, "value", "status", 77), "registry.meters"),
    (_set("registry", "participants", 0, "value", "roles", ["KING"]), "registry.participants"),
    (
        _set("registry", "participants", 0, "value", "roles", "ROLE_CONSUMER"),
        "registry.participants",
    ),
    (_set("registry", "participants", 0, "value", "roles", [77]), "registry.participants"),
]


@pytest.mark.parametrize(("change", "place"), WRONG_FORMS, ids=[place for _, place in WRONG_FORMS])
def test_a_wrong_form_is_rejected_with_its_place(
    change: Callable[[dict[str, Any]], None], place: str
) -> None:
    document = copy.deepcopy(documents.expand(STREET))
    change(document)
    assert place in rejection(document)


@pytest.mark.parametrize("document", [None, [], "genesis", 5, {}])
def test_what_is_no_document_is_rejected(document: Any) -> None:
    assert "app_state" in rejection(document)


def test_an_entry_that_stands_twice_is_rejected() -> None:
    document = documents.expand(STREET)
    document["bank"]["balances"].append(document["bank"]["balances"][3])
    assert "occurs twice" in rejection(document)
