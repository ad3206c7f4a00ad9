"""What a genesis document must promise about the market."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain import bank, metering, registry
from chain.market.rules import ORDERS_PER_SLOT_MAX
from chain.market.state import LAST_SLOT, PARAMS, SLOTS
from chain.runtime import bech32
from chain.runtime.collections import GenesisError, HasStore
from chain.runtime.units import WH_PER_KWH

_DECIMALS = 6
_STATUSES = frozenset(state_pb2.SlotStatus.values()) - {0}
_PRICE_MAX = 10**12
_DEPTH_MAX_WH = 10**15
# Sums of money have 64 bits in state; half of that is left for the orders of one block.
_SLOT_VALUE_MAX = 1 << 62


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless prices, times and the treasury make sense."""
    params = PARAMS.get(state)
    denom = bank.get_denom(state, params.settlement_denom)
    if denom is None or denom.decimals != _DECIMALS:
        raise GenesisError("market.params.settlement_denom: not a denomination of six decimals")
    if not registry.is_participant(state, bech32.decode(params.treasury)):
        raise GenesisError("market.params.treasury: not a participant")
    if not 0 <= params.price_low_per_kwh < params.price_high_per_kwh <= _PRICE_MAX:
        raise GenesisError("market.params: price_low_per_kwh is not below price_high_per_kwh")
    if not 0 < params.depth_wh <= _DEPTH_MAX_WH:
        raise GenesisError(f"market.params.depth_wh: 1 to {_DEPTH_MAX_WH} is expected")
    if not 0 < params.order_max_wh <= _DEPTH_MAX_WH:
        raise GenesisError(f"market.params.order_max_wh: 1 to {_DEPTH_MAX_WH} is expected")
    slot_value = ORDERS_PER_SLOT_MAX * params.order_max_wh * params.price_high_per_kwh
    if slot_value > _SLOT_VALUE_MAX * WH_PER_KWH:
        raise GenesisError("market.params: order_max_wh times price_high_per_kwh is too large")
    if params.imbalance_cover_permille > 1000:
        raise GenesisError("market.params.imbalance_cover_permille: at most 1000")
    if not 0 < params.horizon_slots <= 10_000:
        raise GenesisError("market.params.horizon_slots: 1 to 10000 is expected")
    if not 0 < params.slots_opened_per_block_max <= 10_000:
        raise GenesisError("market.params.slots_opened_per_block_max: 1 to 10000 is expected")
    horizon_s = params.horizon_slots * metering.get_params(state).slot_length_s
    if params.gate_closure_s >= horizon_s:
        raise GenesisError("market.params.gate_closure_s: no slot within the horizon is ever open")
    for slot, info in SLOTS.items(state):
        if info.status not in _STATUSES or not info.depth_wh:
            raise GenesisError(f"market.slots {slot}: status or depth is missing")
        if slot > LAST_SLOT.last(state):
            raise GenesisError(f"market.slots {slot}: behind last_slot, it would be opened again")
