"""Changes of parameters, in tests and in simulations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from blockenergy.params.v1 import query_pb2, tx_pb2
from google.protobuf import descriptor_pool, message_factory

from tests.support.streets import people
from tests.support.world import World

if TYPE_CHECKING:
    from tests.support.simulated.simulation import Simulation

# What a simulation changes, and to what; some of it cannot work.
DRAWN: list[tuple[str, str, list[Any]]] = [
    ("metering", "reading_deadline_s", [0, 60, 90, 150]),
    ("metering", "capacity_tolerance_permille", [0, 50, 1_001]),
    ("metering", "slot_length_s", [60, 900]),
    ("metering", "silent_slots_max", [0, 8, 40]),
    ("metering", "halt_min_s", [0, 50, 10_000]),
    ("metering", "estimate_permille", [0, 20, 1_001]),
    ("settlement", "backstop", ["backstop", "treasury", "fred"]),
    ("settlement", "accounts_per_block_max", [4, 8, 100]),
    ("settlement", "history_slots", [2, 3, 6]),
    ("settlement", "pruned_per_block_max", [5, 100]),
    ("market", "gate_closure_s", [10, 20, 40, 400]),
    ("market", "horizon_slots", [4, 5, 6]),
    ("market", "price_high_per_kwh", [300_000, 320_000]),
    ("market", "depth_max_wh", [3_000, 50_000]),
    ("market", "margin_max_per_kwh", [0, 5_500, 60_000]),
    ("market", "purses", [5]),
    ("market", "purse_share_permille", [100, 1_000]),
    ("market", "surplus_share_permille", [0, 1_000]),
    ("market", "imbalance_collateral_permille", [0, 100, 1_001]),
    ("market", "carbon_cover_per_kwh", [0, 30_000, 10**12 + 1]),
    ("market", "price_rule_permille", [0, 500, 1_000]),
    ("market", "order_max_wh", [20_000, 100_000]),
    ("market", "resting_orders_max", [12, 40]),
    ("market", "standing_orders_max", [0, 12]),
    ("market", "standing_slots_max", [3, 6, 10_001]),
    ("market", "bookings_per_block_max", [1, 3, 100]),
    ("market", "treasury", ["treasury", "treasury", "auditor"]),
    ("market", "grid_account", ["distributor", "backstop"]),
    ("market", "settlement_denom", ["uheat"]),
    ("bank", "expiries_per_block_max", [0, 1, 100]),
    ("bank", "deposit_per_entry", [0, 700, 20_000]),
    ("bank", "denoms_max", [1, 5, 100]),
    ("registry", "feeders_max", [3, 4, 6]),
    ("carbon", "factor_max_g_per_mwh", [1_500_000, 2_000_000, 2_000_001]),
    ("carbon", "price_notice_slots", [1, 5]),
    ("carbon", "stale_slots_max", [1, 10]),
    ("carbon", "peak_slots", [1, 10]),
    ("carbon", "zones_max", [2, 4]),
    ("credits", "classes_max", [0, 3, 10]),
    ("certificates", "offset_share_permille", [300, 1_000, 1_001]),
    ("certificates", "beneficiary", ["auditor", "treasury", "fred"]),
    ("certificates", "claim_slots", [1, 2, 7]),
    ("certificates", "certificate_life_s", [180, 600]),
    ("certificates", "entry_min_wh", [1, 100]),
    ("certificates", "closed_slots_per_block_max", [1, 16]),
    ("certificates", "expired_per_block_max", [1, 100]),
    ("peers", "peers_max", [0, 2, 4]),
    ("ibc", "clients_max", [0, 50, 100]),
    ("registry", "capacity_max_w", [20_000, 1_000_000]),
    ("storage", "capacity_max_wh", [1_000, 1_000_000]),
    ("forecast", "burn_permille", [0, 500, 1_001]),
    ("forecast", "skill_slots", [2, 4, 50]),
    ("forecast", "steps_per_block_max", [1, 8, 100]),
    ("forecast", "dispute_rounds_max", [1, 2, 5]),
    ("auth", "memo_bytes_max", [256, 200]),
    ("auth", "min_gas_price_micro", [0, 50, 5_000]),
    ("auth", "gas_per_block_max", [10, 200_000_000]),
    ("params", "authority", ["distributor", "fred"]),
]


def get(world: World, module: str, slot: int = 0) -> Any:
    """The parameters of a module, the newest or those of a slot."""
    packed = _query(world, module, slot)
    descriptor = descriptor_pool.Default().FindMessageTypeByName(packed.type_url[1:])
    return message_factory.GetMessageClass(descriptor).FromString(packed.value)


def update(world: World, module: str, signer: str = "distributor", **changes: Any) -> bytes:
    """A signed change of some fields; texts are names of people."""
    return world.sign(signer, make_update(world, module, signer, **changes))


def make_update(
    world: World, module: str, signer: str = "distributor", **changes: Any
) -> tx_pb2.MsgUpdateParams:
    """The message of such a change."""
    params, packed = get(world, module), _query(world, module, 0)
    for name, value in changes.items():
        setattr(params, name, people.address_text(value) if isinstance(value, str) else value)
    packed.value = params.SerializeToString(deterministic=True)
    return tx_pb2.MsgUpdateParams(authority=people.address_text(signer), params=packed)


def update_params(sim: Simulation) -> bytes:
    """The authority changes a parameter; now and then somebody else tries to."""
    module, name, values = sim.random.choice(DRAWN)
    signer = sim.random.choice(["distributor"] * 9 + [sim.anybody()])
    return update(sim.world, module, signer, **{name: sim.random.choice(values)})


def _query(world: World, module: str, slot: int) -> Any:
    return world.query(
        "/blockenergy.params.v1.Query/ModuleParams",
        query_pb2.QueryModuleParamsRequest(module=module, slot=slot),
        query_pb2.QueryModuleParamsResponse,
    ).params


ACTIONS: list[tuple[int, Callable[[Simulation], bytes]]] = [(3, update_params)]
