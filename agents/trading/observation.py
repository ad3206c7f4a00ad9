"""What a home knows when it decides, and what it decides: frozen values.

Energy is in whole Wh, prices in millionths of the settlement token per kWh. Positive energy flows
from the grid into the home: use, purchases, charging.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PERMILLE = 1000


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """A slot that takes orders, and the middle between the pool's bid and ask."""

    slot: int
    price_per_kwh: int


@dataclass(frozen=True, slots=True)
class Flexible:
    """The rest of a flexible load."""

    # Not planned for any slot yet.
    left_wh: int
    slot_max_wh: int
    # Slots that it may use, with what is already planned in each.
    slots: range
    planned_wh: Mapping[int, int]


NO_LOAD = Flexible(0, 0, range(0), {})


@dataclass(frozen=True, slots=True)
class Battery:
    """A battery behind the home's meter, or one with an account of its own."""

    capacity_wh: int
    # The most that flows in or out at its terminals in a slot.
    slot_max_wh: int
    charge_efficiency_permille: int
    discharge_efficiency_permille: int
    # Never planned to be below this; what is stored when the first open slot begins.
    reserve_wh: int
    stored_wh: int
    # What each kWh that comes out of it costs in wear.
    wear_per_kwh: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What the owner allows; None: no limit."""

    # Money that purchases may still cost today, in the worst case.
    money_left: int | None = None
    # Least and most energy of an order, as the chain's parameters have it.
    order_min_wh: int = 1
    order_max_wh: int | None = None
    # What one transaction can hold; the others wait for the next turn.
    orders_max: int = 16


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Observation:
    """What a home knows when it decides."""

    # In ascending order; the gate of the first one closes next.
    open_slots: tuple[OpenSlot, ...]
    # Expected net use per slot, without flexible load and battery; negative is surplus.
    forecast_wh: Mapping[int, int]
    # Net energy bought so far per slot.
    position_wh: Mapping[int, int]
    flexible: Flexible
    can_sell: bool
    price_low_per_kwh: int
    price_high_per_kwh: int
    can_buy: bool = True
    battery: Battery | None = None
    # Low, middle and high forecasts per slot; the expected use where there are none.
    quantiles_wh: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    # What a kWh is expected to cost, for slots that are not open yet as well; and what buying
    # costs more than selling brings.
    expected_price_per_kwh: Mapping[int, int] = field(default_factory=dict)
    spread_per_kwh: int = 0
    limits: Limits = NO_LIMITS
    # Decides what is drawn by chance: the same text and slot, the same draw.
    seed: str = ""

    def get_quantiles(self, slot: int) -> tuple[int, ...]:
        """Equally likely net uses of a slot."""
        return self.quantiles_wh.get(slot) or (self.forecast_wh[slot],)


@dataclass(frozen=True, slots=True)
class Order:
    """A quantity to buy or sell, and why."""

    slot: int
    is_buy: bool
    quantity_wh: int
    price_limit_per_kwh: int
    is_flexible: bool = False
    # For people, in plain words; two orders that differ in nothing else are the same.
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """Orders to place now, what the battery is to do, and why.

    `battery_wh` is the plan at its terminals per slot, positive is charging; `worth_per_kwh` what
    one more kWh is worth in the first open slot.
    """

    orders: tuple[Order, ...] = ()
    battery_wh: Mapping[int, int] = field(default_factory=dict)
    worth_per_kwh: int | None = None
    reasons: tuple[str, ...] = ()
