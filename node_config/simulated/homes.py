"""Homes as data has them, with their wallet, their meter, their battery and what they expect."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agents.trading import Battery, Memory
from agents.trading.expect import Past
from client.signing.keys import AccountKey, MeterKey

# Low, middle and high net use by slots ahead, 0 for the slot that begins, as expected before it;
# None while too little is known, so that the home expects what it can from its own past.
Expect = Callable[[int], Sequence[tuple[int, int, int]] | None]


@dataclass(frozen=True, slots=True)
class HomeData:
    """One home: its net use per slot without battery, and how it forecasts it."""

    name: str
    net_wh: Sequence[int]
    battery: Battery | None = None
    strategy: str = "planner"
    # None: from its own past, slot by slot.
    expect: Expect | None = None


@dataclass(slots=True)
class Home:
    """A home on a chain: what it has and remembers. Registers and money grow slot by slot."""

    data: HomeData
    key: AccountKey
    meter_key: MeterKey
    meter_id: str
    past: Past
    stored_wh: int = 0
    import_register_wh: int = 0
    export_register_wh: int = 0
    memory: Memory = field(default_factory=Memory)
    # The reasons of the last decision.
    reasons: tuple[str, ...] = ()
    # What the battery did in each slot, and what was stored after it.
    battery_wh: list[int] = field(default_factory=list)
    stored_after_wh: list[int] = field(default_factory=list)

    @property
    def battery(self) -> Battery | None:
        """The battery as it is now."""
        return self.data.battery and replace(self.data.battery, stored_wh=self.stored_wh)

    def count(self, net_wh: int) -> None:
        """Moves the meter's registers by what flowed."""
        self.import_register_wh += max(0, net_wh)
        self.export_register_wh += max(0, -net_wh)


def make_homes(data: Sequence[HomeData], slots_per_day: int, seed: int) -> list[Home]:
    """The homes with keys that follow from the seed."""
    return [
        Home(
            one,
            AccountKey(derive_secret(seed, f"{number} {one.name}", "account")),
            MeterKey(derive_secret(seed, f"{number} {one.name}", "meter")),
            f"SIM-{number:06d}",
            Past(slots_per_day),
            stored_wh=one.battery.stored_wh if one.battery else 0,
        )
        for number, one in enumerate(data)
    ]


def derive_secret(seed: int, name: str, purpose: str) -> bytes:
    """The secret of a guessable key, for simulations only."""
    return hashlib.sha256(f"blockenergy simulation {seed} {name} {purpose}".encode()).digest()


def as_mapping(
    first_slot: int, expected: Sequence[tuple[int, int, int]]
) -> Mapping[int, tuple[int, int, int]]:
    """Expected values by slot."""
    return {first_slot + ahead: values for ahead, values in enumerate(expected)}
