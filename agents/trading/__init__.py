"""How a home trades, from what it sees to orders with reasons: pure, in whole Wh and millionths.

observation   what a home knows when it decides, and what it decides
cover         covers what is expected to be used, and fills cars and boilers while a kWh is cheap
stored_value  what each kWh in a battery is worth, slot by slot, and the plan that follows
bids          a battery's plan as orders: at which price it would charge, rest or discharge
limits        what the owner allows, whatever a strategy wants
strategies    the strategies by name behind one signature
expect        forecasts and expected prices from a home's own past, and from nothing

Needs no library beside Python's own, so that everything that trades can use it: `agent run`, the
simulation and the demonstration. Every home of this project decides here.
"""

from agents.trading.observation import (
    Battery,
    Decision,
    Flexible,
    Limits,
    Observation,
    OpenSlot,
    Order,
)
from agents.trading.strategies import STRATEGIES, Memory, decide

__all__ = [
    "STRATEGIES",
    "Battery",
    "Decision",
    "Flexible",
    "Limits",
    "Memory",
    "Observation",
    "OpenSlot",
    "Order",
    "decide",
]
