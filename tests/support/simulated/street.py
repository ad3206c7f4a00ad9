"""Where a simulation begins: twelve homes and two batteries on four feeders, and random rules."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from tests.support import documents
from tests.support.simulated import (
    carbon_actions,
    credit_actions,
    ibc_actions,
    registry_actions,
    tie_line_actions,
)
from tests.support.simulated.forecast_actions import FORECASTERS, REPORTER
from tests.support.simulated.ibc_actions import RELAYER
from tests.support.simulated.market_actions import BATTERIES, FEEDERS
from tests.support.streets import people
from tests.support.world import FIRST_SLOT

# Most live where only they meet each other.
PLACES = ["north"] * 3 + ["branch"] * 3 + ["south"] * 2 + ["thin"] * 4
# The registers of the homes start again at zero after a few slots.
INITIAL_IMPORT_WH = 10**9 - 20_000
_ROLES = ["ROLE_PROSUMER", "ROLE_PROSUMER", "ROLE_CONSUMER", "ROLE_PRODUCER"]
# Registered beside the grid's own accounts.
OTHERS = {
    "bridge-2": "ROLE_BRIDGE",
    REPORTER: "ROLE_REPORTER",
    RELAYER: "ROLE_RELAYER",
    **dict.fromkeys(FORECASTERS, "ROLE_FORECASTER"),
}
# Half of them are renewable, one on each feeder at least.
_ENERGY_SOURCES = [
    *["ENERGY_SOURCE_SOLAR", "ENERGY_SOURCE_UNSPECIFIED"],
    *["ENERGY_SOURCE_BIOMASS", "ENERGY_SOURCE_FOSSIL"],
]


def get_grid() -> documents.Short:
    """The street without its five households."""
    return {
        path: value
        for path, value in documents.street().items()
        if not any(name in path for name in people.HOUSEHOLDS)
    }


def draw(seed: int, random: Random, homes: Sequence[str]) -> dict[str, Any]:
    """Changes of the street, the same for each seed."""
    changes: dict[str, Any] = {
        f"bank.balances[{name}, ueur]": 20_000_000
        for name in ("registrar", "issuer", "bridge", *OTHERS)
    }
    for number, name in enumerate(homes):
        changes |= _draw_home(random, number, name)
    for name in BATTERIES:
        changes |= _draw_battery(random, name)
    changes["registry.meters[meter-check]"] = {
        "owner": "distributor", "bridge": "bridge", "feeder": "north", "capacity_w": 100_000,
        "pub_key": "meter-check", "status": "STATUS_ACTIVE", "added_at_s": FIRST_SLOT * 60,
        "checks_feeder": True,
    }  # fmt: skip
    changes["registry.participants[bridge-2]"] = {
        "roles": ["ROLE_BRIDGE"], "status": "STATUS_ACTIVE",
    }  # fmt: skip
    for name, role in OTHERS.items():
        changes[f"registry.participants[{name}]"] = {"roles": [role], "status": "STATUS_ACTIVE"}
    changes["bank.balances[treasury, ueur]"] = random.choice([3_000_000, 60_000_000])
    changes["bank.balances[default-fund, ueur]"] = random.choice([1, 2_000_000])
    changes["bank.balances[backstop, ueur]"] = (1_000, 60_000_000)[seed % 2]
    changes = documents.patch(changes, carbon_actions.draw(seed, random))
    changes = documents.patch(changes, credit_actions.draw())
    changes = documents.patch(changes, registry_actions.draw())
    changes = documents.patch(changes, ibc_actions.draw())
    changes = documents.patch(changes, tie_line_actions.draw())
    return changes | _draw_feeders(random) | _draw_params(seed, random)


def _draw_home(random: Random, number: int, name: str) -> dict[str, Any]:
    return {
        f"registry.participants[{name}]": {
            "roles": [_ROLES[number % len(_ROLES)]], "status": "STATUS_ACTIVE",
        },
        f"bank.balances[{name}, ueur]": random.choice([500_000, 5_000_000, 50_000_000]),
        f"registry.meters[meter-{number}]": {
            "owner": name, "bridge": "bridge", "feeder": PLACES[number],
            "capacity_w": 30_000, "initial_import_wh": INITIAL_IMPORT_WH,
            "export_capacity_w": (0, 20_000)[number % 2],
            "pub_key": f"meter-{number}", "status": "STATUS_ACTIVE", "added_at_s": FIRST_SLOT * 60,
            "energy_source": _ENERGY_SOURCES[number % len(_ENERGY_SOURCES)],
        },
    }  # fmt: skip


def _draw_battery(random: Random, name: str) -> dict[str, Any]:
    return {
        f"registry.participants[{name}]": {"roles": ["ROLE_STORAGE"], "status": "STATUS_ACTIVE"},
        f"bank.balances[{name}, ueur]": 20_000_000,
        f"registry.meters[meter-{name}]": {
            "owner": name, "bridge": "bridge", "feeder": "north", "capacity_w": 30_000,
            "pub_key": f"meter-{name}", "status": "STATUS_ACTIVE", "added_at_s": FIRST_SLOT * 60,
        },
        f"storage.batteries[{name}]": {
            "capacity_wh": random.choice([5_000, 20_000]), "power_w": 10_000,
            "charge_efficiency_permille": random.choice([900, 1_000]),
            "discharge_efficiency_permille": 930, "state_of_charge_wh": 4_000,
            "settled_slot": FIRST_SLOT - 1,
        },
    }  # fmt: skip


def _draw_feeders(random: Random) -> dict[str, Any]:
    """North with a branch; south with a thin market behind it."""
    changes: dict[str, Any] = {"registry.feeder_count": len(FEEDERS)}
    for name, parent in zip(FEEDERS, ["", "north", "", "south"], strict=True):
        changes[f"registry.feeders[{name}]"] = {
            "parent": parent,
            "capacity_w": random.choice([2_000, 20_000, 10_000_000]),
            "grid_fee_per_kwh": random.choice([0, 1, 7_777]),
            "thin_market": name == "thin",
        }
    return changes


def _draw_params(seed: int, random: Random) -> dict[str, Any]:
    return {
        "bank.params": {
            "expiries_per_block_max": random.choice([1, 100]),
            "deposit_per_entry": random.choice([0, 700, 20_000]),
        },
        "metering.params": {
            "reading_deadline_s": random.choice([60, 150]), "readings_per_message_max": 50,
            "halt_min_s": (50, 100, 10_000)[seed % 3],
            "silent_slots_max": (8, 40, 1_000)[seed % 3],
            "estimate_permille": (0, 20, 100)[seed % 3],
        },
        "market.params": {
            "imbalance_collateral_permille": (0, 100)[seed % 2],
            "order_min_wh": random.choice([1, 10]),
            "order_collateral_min": random.choice([0, 5_000]),
            "late_cancellation_s": random.choice([0, 30]),
            "late_cancellation_fee_per_kwh": random.choice([0, 20_000, 10**6]),
            "credit_limit": random.choice([0, 100_000]),
            "depth_max_wh": random.choice([3_000, 50_000]),
            "slots_opened_per_block_max": random.choice([1, 10]),
            "price_rule_permille": random.choice([0, 500, 1_000]),
            "bookings_per_block_max": (1, 3, 100)[seed % 3],
            "resting_orders_max": random.choice([12, 40]),
            "standing_orders_max": 12, "standing_slots_max": 15,
            "curtailed_positions_max": random.choice([2, 100]),
            "margin_max_per_kwh": random.choice([0, 5_500, 55_000]),
            "purses": 7,
            "purse_share_permille": random.choice([250, 1_000]),
            "surplus_share_permille": random.choice([500, 1_000]),
        },
        # Some of them begin with nothing.
        **{f"market.purses[{number}]": None for number in (1, 2, 4, *range(7, 12))},
        "bank.balances[purses, ueur]": 4 * 2_750_000,
        "settlement.params": {
            "accounts_per_block_max": (4, 8, 100)[seed % 3], "history_slots": 3,
            "pruned_per_block_max": random.choice([5, 100]),
            "default_fund_share_permille": random.choice([0, 300]),
            "default_fund_target": random.choice([100, 10_000_000]),
        },
        "forecast.params": {
            "steps_per_block_max": (2, 8, 100)[seed % 3],
            "estimated_permille": (1_000, 1_000, 300)[seed % 3],
            "owner_share_permille": random.choice([50, 1_000]),
            "skill_slots": random.choice([3, 50]), "report_bond": 10_000,
            "report_window_s": 600, "dispute_window_s": 180, "decision_window_s": 600,
        },
        "auth.params": {"min_gas_price_micro": random.choice([0, 50, 5_000])},
    }  # fmt: skip
