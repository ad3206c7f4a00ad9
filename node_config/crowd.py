"""Keys for the participants of a preset, and what a genesis document says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from blockenergy.registry.v1.energy_source_pb2 import EnergySource

from client.signing.keys import AccountKey, Key, MeterKey
from node_config.accounts import GenesisAccount
from node_config.genesis import GenesisMeter
from node_config.participants import Participant

METER_PREFIX = "meter-"


@dataclass(frozen=True, slots=True)
class Crowd:
    """Participants with their keys, in the form that a genesis document is made from."""

    keys: dict[str, Key]
    accounts: list[GenesisAccount]
    meters: list[GenesisMeter]
    # By the owner's address.
    batteries: dict[str, Mapping[str, int]]


def make_crowd(participants: Mapping[str, Participant]) -> Crowd:
    """The participants with new keys."""
    crowd = Crowd({}, [], [], {})
    for name, one in participants.items():
        key = AccountKey.generate()
        crowd.keys[name] = key
        crowd.accounts.append(GenesisAccount(key.address, one.roles, one.amount))
        if one.meter is not None:
            meter_key = MeterKey.generate()
            crowd.keys[f"{METER_PREFIX}{name}"] = meter_key
            crowd.meters.append(
                GenesisMeter(
                    one.meter.meter_id,
                    key.address,
                    one.meter.feeder,
                    one.meter.capacity_w,
                    meter_key.pub_key,
                    energy_source=cast(EnergySource, one.meter.energy_source),
                )
            )
        if one.battery:
            crowd.batteries[key.address] = one.battery
    return crowd
