"""A day of a made-up street, without a node: the rules of the chain, driven hour by hour.

    python examples/research/street_day.py --homes 20 --depth 25kWh --out day.csv

Every home orders its forecast an hour ahead, its meter is read at the end of the hour, and the hour
is settled. Prints a table with a row per hour, and the street's bill beside that of the same day
without a market; `--out` writes the table as CSV. All that is random follows from `--seed`.

To study something else, change `LOAD_W` and `SUN_W`, the parameters in `make_state`, or `order`.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from blockenergy.market.v1.query_pb2 import QuerySlotRequest, QuerySlotResponse
from blockenergy.market.v1.tx_pb2 import MsgBuy, MsgSell
from blockenergy.metering.v1.state_pb2 import Reading
from blockenergy.metering.v1.tx_pb2 import MsgSubmitReadings
from blockenergy.options.v1.options_pb2 import UNIT_WH
from blockenergy.registry.v1.role_pb2 import ROLE_PROSUMER
from blockenergy.settlement.v1.query_pb2 import (
    QueryLineRequest,
    QueryLineResponse,
    QueryResultRequest,
    QueryResultResponse,
)
from blockenergy.settlement.v1.state_pb2 import Line
from chain_in_memory import Chain
from google.protobuf.message import Message

from chain.metering import reading_sign_bytes
from client.signing.keys import AccountKey, MeterKey
from client.units import parse
from node_config.accounts import GenesisAccount
from node_config.genesis import GenesisMeter, make_app_state
from node_config.preset import load_preset

CHAIN_ID = "research-1"
START_S = 1_800_000_000
EUR = 1_000_000
FEEDER = "north"
OPERATORS = ("registrar", "treasury", "backstop", "issuer", "bridge", "distributor0")
# Watts by hour: a household, and a roof of 1 kW peak on a sunny day in spring.
LOAD_W = (
    *(220, 200, 190, 190, 200, 260, 420, 560, 480, 380, 340, 360),
    *(420, 380, 340, 360, 460, 680, 860, 820, 700, 560, 400, 280),
)
SUN_W = (0, 0, 0, 0, 0, 20, 80, 190, 330, 460, 560, 610, 620, 570, 480, 360, 220, 100, 30, *[0] * 5)
# Standard deviation of a home's hour from the table, and of its forecast from what it uses.
SPREAD, FORECAST_ERROR = 0.2, 0.1


@dataclass
class Home:
    """A home: its keys, its roof, its day, and what its meter shows."""

    name: str
    key: AccountKey
    meter_key: MeterKey
    # Per hour; negative is surplus.
    net_use_wh: list[int]
    forecast_wh: list[int]
    import_register_wh: int = 0
    export_register_wh: int = 0


@dataclass(frozen=True)
class Day:
    """What happened: a row per hour, and the bills of all homes together."""

    rows: list[dict[str, float]]
    # Before carbon charges.
    paid_eur: float
    # The same day without a market, at the two bounds.
    alone_eur: float
    # What production that met use in the same hour is worth: the difference of the bounds.
    neighbours_eur: float
    # For emissions. No roof here is certified, so it is the same with and without a market.
    carbon_eur: float


def make_home(seed: int, number: int) -> Home:
    """A home; every second one has a roof of 3 to 7 kW."""
    name = f"home{number:02d}"
    dice = random.Random(f"{seed}/{name}")  # noqa: S311 - repeatable, not a secret.
    roof_kw = dice.uniform(3, 7) if number % 2 else 0.0
    size = dice.uniform(0.6, 1.6)
    use = [
        round(load * size * max(0.2, dice.gauss(1, SPREAD)) - sun * roof_kw)
        for load, sun in zip(LOAD_W, SUN_W, strict=True)
    ]
    secrets = [hashlib.sha256(f"{seed} {name} {kind}".encode()).digest() for kind in "am"]
    forecast = [round(wh * max(0.0, dice.gauss(1, FORECAST_ERROR))) for wh in use]
    return Home(name, AccountKey(secrets[0]), MeterKey(secrets[1]), use, forecast)


def make_state(homes: Sequence[Home], depth_wh: int) -> tuple[dict[str, Any], AccountKey]:
    """The genesis state, and the key of the bridge."""
    preset = load_preset("street")
    # Fees of transactions would only blur the bills.
    auth = {**preset.params["auth"], "min_gas_price_micro": 0}
    market = {**preset.params["market"], "depth_max_wh": depth_wh}
    params = {**preset.params, "auth": auth, "market": market}
    # About what the purses of such a street keep after some weeks.
    preset = replace(preset, params=params, purse_seed=45 * EUR // 100)
    keys = {name: AccountKey(hashlib.sha256(name.encode()).digest()) for name in OPERATORS}
    state = make_app_state(
        preset,
        {name: key.address for name, key in keys.items()},
        [GenesisAccount(home.key.address, (ROLE_PROSUMER,), 100 * EUR) for home in homes],
        [
            GenesisMeter(home.name, home.key.address, FEEDER, 17_000, home.meter_key.pub_key)
            for home in homes
        ],
        START_S,
    )
    return state, keys["bridge"]


def order(home: Home, slot: int, hour: int, low: int, high: int) -> Message | None:
    """What a home orders: its forecast, at any price that beats an imbalance."""
    wanted_wh = home.forecast_wh[hour]
    if wanted_wh > 0:
        return MsgBuy(
            buyer=home.key.address, slot=slot, quantity_wh=wanted_wh, price_limit_per_kwh=high
        )
    if wanted_wh < 0:
        return MsgSell(
            seller=home.key.address, slot=slot, quantity_wh=-wanted_wh, price_limit_per_kwh=low
        )
    return None


def read_meter(home: Home, slot: int, hour: int) -> Reading:
    """Counts an hour, and signs what the registers show after it."""
    use_wh = home.net_use_wh[hour]
    home.import_register_wh += max(0, use_wh)
    home.export_register_wh += max(0, -use_wh)
    reading = Reading(
        meter_id=home.name,
        slot=slot,
        import_register_wh=home.import_register_wh,
        export_register_wh=home.export_register_wh,
    )
    reading.signature = home.meter_key.sign(reading_sign_bytes(CHAIN_ID, reading))
    return reading


def run_day(homes: Sequence[Home], depth_wh: int) -> Day:
    """Trades, meters and settles 24 hours."""
    genesis, bridge = make_state(homes, depth_wh)
    market = genesis["market"]["params"]
    length_s = int(genesis["metering"]["params"]["slot_length_s"])
    low, high = int(market["price_low_per_kwh"]), int(market["price_high_per_kwh"])
    chain = Chain.begin(genesis, CHAIN_ID, START_S)
    first = START_S // length_s + 2
    for number in range(len(LOAD_W) + 2):
        slot = first + number
        begin_s = (slot - 1) * length_s
        hour, before = number, number - 2
        messages: list[tuple[AccountKey, Message]] = []
        if before >= 0:
            readings = [read_meter(home, slot - 2, before) for home in homes]
            messages.append((bridge, MsgSubmitReadings(bridge=bridge.address, readings=readings)))
        if hour < len(LOAD_W):
            for home in homes:
                wanted = order(home, slot, hour, low, high)
                if wanted is not None:
                    messages.append((home.key, wanted))
        chain.send(begin_s + 1, messages)
        # Past the reading deadline: the slot before is settled.
        chain.send(begin_s + length_s - 1, [])
    assert not chain.rejected, chain.rejected[0]
    hours = range(len(LOAD_W))
    rows = [make_row(chain, first, hour) for hour in hours]
    met_wh = [1000 * min(row["import_kwh"], row["export_kwh"]) for row in rows]
    lines = [get_line(chain, home, first + hour) for home in homes for hour in hours]
    carbon_eur = sum(line.carbon_charge for line in lines) / EUR
    return Day(
        rows=rows,
        paid_eur=sum(line.charged - line.credited for line in lines) / EUR - carbon_eur,
        alone_eur=sum(
            wh * (high if wh > 0 else low) / 1000 / EUR for home in homes for wh in home.net_use_wh
        ),
        neighbours_eur=sum(met_wh) * (high - low) / 1000 / EUR,
        carbon_eur=carbon_eur,
    )


def make_row(chain: Chain, first: int, hour: int) -> dict[str, float]:
    """The sums of an hour."""
    slot = first + hour
    path = "/blockenergy.market.v1.Query/Slot"
    traded = chain.query(path, QuerySlotRequest(slot=slot), QuerySlotResponse)
    path = "/blockenergy.settlement.v1.Query/Result"
    settled = chain.query(path, QueryResultRequest(slot=slot), QueryResultResponse).result
    return {
        "hour": hour,
        "price_ct_per_kwh": (traded.bid_per_kwh + traded.ask_per_kwh) / 20_000,
        "bought_kwh": traded.info.bought_wh / 1000,
        "sold_kwh": traded.info.sold_wh / 1000,
        "import_kwh": settled.import_wh / 1000,
        "export_kwh": settled.export_wh / 1000,
        "pool_eur": (settled.pool_gain - settled.pool_loss) / EUR,
        "surplus_eur": (settled.surplus_to_purse + settled.fund_credit) / EUR,
    }


def get_line(chain: Chain, home: Home, slot: int) -> Line:
    """How an hour of a home was settled."""
    request = QueryLineRequest(slot=slot, owner=home.key.address)
    return chain.query("/blockenergy.settlement.v1.Query/Line", request, QueryLineResponse).line


def show(rows: Sequence[Mapping[str, float]]) -> None:
    """A table, with a bar for the price."""
    print("hour  price    bought    sold   pool")
    print("      ct/kWh      kWh     kWh    EUR")
    for row in rows:
        bar = "#" * round(row["price_ct_per_kwh"])
        print(
            f"{row['hour']:4}  {row['price_ct_per_kwh']:6.2f} {row['bought_kwh']:8.2f}"
            f"{row['sold_kwh']:8.2f} {row['pool_eur']:6.2f}  {bar}"
        )


def show_bill(day: Day) -> None:
    """Who paid for what the homes gained."""
    pool = sum(row["pool_eur"] for row in day.rows)
    surplus = sum(row["surplus_eur"] for row in day.rows)
    print(f"\nwithout a market the homes pay  {day.alone_eur:8.2f} EUR")
    print(f"with it they paid               {day.paid_eur:8.2f} EUR")
    print(f"so they gained                  {day.alone_eur - day.paid_eur:8.2f} EUR")
    print(f"  energy of neighbours is worth {day.neighbours_eur:8.2f} EUR")
    print(f"  the pool lost                 {-pool:8.2f} EUR")
    print(f"  its purses got of imbalances  {-surplus:8.2f} EUR")
    print(f"carbon charges come to          {day.carbon_eur:8.2f} EUR")


def main() -> None:
    """Runs the day and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--homes", type=int, default=20, help="number of homes (default: 20)")
    parser.add_argument("--seed", type=int, default=1, help="another street (default: 1)")
    parser.add_argument("--depth", default="25kWh", help="depth of the pool (default: 25kWh)")
    parser.add_argument("--out", type=Path, help="the table as a CSV file")
    args = parser.parse_args()
    homes = [make_home(args.seed, number) for number in range(1, args.homes + 1)]
    day = run_day(homes, parse(UNIT_WH, args.depth))
    show(day.rows)
    show_bill(day)
    if args.out is not None:
        with args.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, day.rows[0])
            writer.writeheader()
            writer.writerows(day.rows)


if __name__ == "__main__":
    main()
