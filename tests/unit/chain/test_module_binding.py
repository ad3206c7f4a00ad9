"""Definitions and functions belong together: one without the other stops the program."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from blockenergy.bank.v1 import query_pb2, tx_pb2
from blockenergy.options.v1 import options_pb2

from chain import app, bank
from chain.runtime.encoding.options import get_option
from chain.runtime.module import Module, snake_case
from chain.runtime.state.collections import Schema
from tests.support import vectors

MSG = tx_pb2.DESCRIPTOR.services_by_name["Msg"]
QUERY = query_pb2.DESCRIPTOR.services_by_name["Query"]


def functions(names: list[str]) -> ModuleType:
    """A Python module with functions of these names."""
    module = ModuleType("some.msgs")
    for name in names:
        function: Any = _function()
        function.__module__ = "some.msgs"
        setattr(module, name, function)
    return module


def names_of(service: Any) -> list[str]:
    return [snake_case(method.name) for method in service.methods]


def test_names_are_translated() -> None:
    assert snake_case("SubmitReadings") == "submit_readings"
    assert snake_case("Buy") == "buy"


def test_every_rpc_finds_its_function() -> None:
    module = Module("some", Schema(210, "some"), (MSG,), functions(names_of(MSG)))
    assert sorted(module.handlers) == sorted(f"/{m.input_type.full_name}" for m in MSG.methods)


def test_an_rpc_without_a_function_is_rejected() -> None:
    with pytest.raises(AssertionError, match="Mint has no function mint"):
        Module(
            "some",
            Schema(211, "some"),
            (MSG,),
            functions([n for n in names_of(MSG) if n != "mint"]),
        )


def test_a_function_without_an_rpc_is_rejected() -> None:
    with pytest.raises(AssertionError, match="print_money has no rpc"):
        Module("some", Schema(212, "some"), (MSG,), functions([*names_of(MSG), "print_money"]))


def test_a_query_without_a_function_is_rejected() -> None:
    with pytest.raises(AssertionError, match="has no function params"):
        Module("some", Schema(213, "some"), query_services=(QUERY,), queries=functions([]))


def test_an_unknown_error_is_a_mistake_of_the_program() -> None:
    with pytest.raises(AttributeError, match="NO_SUCH_ERROR"):
        _ = bank.BankError.NO_SUCH_ERROR


def test_modules_have_numbers_and_names_of_their_own() -> None:
    numbers = [module.schema.number for module in app.MODULES]
    assert len(set(numbers)) == len(numbers)
    assert [module.name for module in app.MODULES] == [m.schema.name for m in app.MODULES]


def test_state_keys_never_move() -> None:
    """Numbers of modules and collections are part of every proof: they can only be added to."""
    layout = {
        collection.prefix.hex(): f"{module.name}.{collection.name}"
        for module in app.MODULES
        for collection in module.schema.collections
    }
    assert layout == {
        "0100": "auth.params", "0101": "auth.accounts", "0102": "auth.last_account_number",
        "0200": "registry.params", "0201": "registry.participants", "0202": "registry.meters",
        "0204": "registry.feeders", "0205": "registry.feeder_count",
        "0300": "bank.params", "0301": "bank.denoms", "0302": "bank.balances",
        "0303": "bank.holds", "0304": "bank.last_hold_id", "0306": "bank.denom_count",
        "0307": "bank.arrears",
        "0400": "metering.params", "0401": "metering.readings", "0402": "metering.conflicts",
        "0403": "metering.baselines", "0404": "metering.last_settled",
        "0406": "metering.offsets", "0408": "metering.halts", "0409": "metering.last_noted_s",
        "0500": "market.params", "0501": "market.slots", "0502": "market.orders",
        "0503": "market.positions", "0504": "market.last_order_id", "0505": "market.last_slot",
        "0506": "market.limit_orders", "0507": "market.clearings", "0508": "market.booking",
        "0509": "market.offers", "050a": "market.flows", "050b": "market.curtailments",
        "050c": "market.last_cleared", "050f": "market.resting",
        "0600": "settlement.params", "0601": "settlement.progress", "0602": "settlement.results",
        "0603": "settlement.lines", "0604": "settlement.deferred",
        "0605": "settlement.owed_by_fund", "0512": "market.offer_purchases",
        "0607": "settlement.feeder_checks", "0608": "settlement.line_roots",
        "0609": "settlement.feeder_sums",
        "0700": "storage.params", "0701": "storage.batteries",
        "0405": "metering.superseded_params", "0510": "market.superseded_params",
        "0520": "market.standing_orders", "0521": "market.last_standing_order_id",
        "0523": "market.expected", "0524": "market.executed",
        "0513": "market.purses", "0514": "market.restored",
        "0606": "settlement.superseded_params", "0800": "params.params",
        "0900": "peers.params", "0901": "peers.peers",
        "1001": "authz.grants", "1101": "feegrant.allowances",
        "1201": "upgrade.plan", "1202": "upgrade.upgrades",
        "1300": "ibc.params", "1301": "ibc.clients", "1302": "ibc.consensus_states",
        "1303": "ibc.client_count", "1304": "ibc.limits", "1330": "ibc.packets",
        "1401": "tielines.tie_lines", "1402": "tielines.schedules", "1403": "tielines.placed",
        "1501": "carbontransfer.routes", "1502": "carbontransfer.escrows",
        "1503": "carbontransfer.foreign_series", "1504": "carbontransfer.foreign_holdings",
        "1505": "carbontransfer.retirements", "1506": "carbontransfer.last_retirement",
        "1507": "carbontransfer.credit_escrows",
        "0d00": "forecast.params", "0d01": "forecast.targets", "0d02": "forecast.last_target_id",
        "0d03": "forecast.tallies", "0d04": "forecast.outcomes", "0d05": "forecast.rounds",
        "0d06": "forecast.forecasts", "0d07": "forecast.frozen", "0d08": "forecast.last_frozen",
        "0d09": "forecast.scores", "0d0a": "forecast.skills", "0d0b": "forecast.models",
        "0d0c": "forecast.markets", "0d0d": "forecast.last_market_id",
        "0f00": "validators.params", "0f01": "validators.validators",
        "0f02": "validators.proposals", "0f03": "validators.last_proposal_id",
        "0f04": "validators.changed_at_height",
        "0d0e": "forecast.holdings", "0d0f": "forecast.market_count",
        "051f": "market.renewable_trades",
        "0a00": "carbon.params", "0a01": "carbon.zones", "0a02": "carbon.feeder_zones",
        "0a03": "carbon.deliveries", "0a04": "carbon.factors", "0a05": "carbon.prices",
        "0a06": "carbon.devices", "0a07": "carbon.carbon_slots", "0a08": "carbon.funds",
        "0a09": "carbon.feeder_books", "0a0a": "carbon.last_begun",
        "0b00": "credits.params", "0b01": "credits.classes", "0b02": "credits.projects",
        "0b03": "credits.batches", "0b04": "credits.offers", "0b05": "credits.retirements",
        "0b06": "credits.last_retirement", "0b07": "credits.receipts", "0b08": "credits.serials",
        "0b09": "credits.locks", "0b0a": "credits.last_lock", "0b0b": "credits.class_count",
        "0b0c": "credits.registries",
        "0c00": "certificates.params", "0c01": "certificates.series",
        "0c02": "certificates.holdings", "0c04": "certificates.claims",
        "0c05": "certificates.prices", "0c06": "certificates.last_closed",
        "0c07": "certificates.statements", "0c08": "certificates.recorded",
        "0c09": "certificates.touched", "0c0a": "certificates.locks",
        "0c0b": "certificates.last_lock",
    }  # fmt: skip


@pytest.mark.parametrize("codespace", sorted(vectors.ERRORS))
def test_every_rejection_says_what_to_do(codespace: str) -> None:
    for value in vectors.ERRORS[codespace].DESCRIPTOR.values:
        text = get_option(value, options_pb2.text)
        if value.number == 0:
            assert value.name == "ERROR_UNSPECIFIED"
        # Wallets look for these words of the Cosmos SDK.
        elif value.name == "WRONG_SEQUENCE":
            assert text == "incorrect account sequence"
        else:
            assert text.endswith("."), value.name
            assert value.number > 1


def test_every_message_names_its_signer() -> None:
    for handler in app.RULES.handlers.values():
        field = handler.message_type.DESCRIPTOR.fields_by_name[handler.signer_field]
        assert get_option(field, options_pb2.unit) == options_pb2.UNIT_ADDRESS, handler.type_url
        # IBC has fixed the numbers of its messages.
        assert field.number == 1 or handler.type_url.startswith("/ibc.")


def _function() -> Any:
    def function(ctx: Any, message: Any) -> None:
        """Does nothing."""

    return function
