"""Validation of the registry in a genesis document."""

from __future__ import annotations

from blockenergy.registry.v1 import state_pb2
from blockenergy.registry.v1.role_pb2 import Role

from chain.registry import rules
from chain.registry.state import FEEDER_COUNT, FEEDERS, METERS, PARAMS, PARTICIPANTS
from chain.runtime.encoding import bech32
from chain.runtime.signatures import is_meter_key
from chain.runtime.state.collections import GenesisError, HasStore

_ROLES = frozenset(Role.values()) - {0}
_STATUSES = frozenset(state_pb2.Status.values()) - {0}


def validate_params(state: HasStore) -> None:
    """Raises GenesisError unless the registrar can act and limits make sense."""
    params = PARAMS.get(state)
    registrar = PARTICIPANTS.get(state, bech32.decode(params.registrar))
    if registrar is None or registrar.status != state_pb2.STATUS_ACTIVE:
        raise GenesisError("registry.params.registrar: not an active participant")
    if not 0 < params.meters_per_owner_max <= 100_000:
        raise GenesisError("registry.params.meters_per_owner_max: 1 to 100000 is expected")
    if not 0 < params.capacity_max_w < 1 << 40:
        raise GenesisError("registry.params.capacity_max_w: 1 to 2^40 is expected")
    if not 0 < params.feeders_max <= 100_000:
        raise GenesisError("registry.params.feeders_max: 1 to 100000 is expected")
    if FEEDER_COUNT.last(state) > params.feeders_max:
        count = FEEDER_COUNT.last(state)
        raise GenesisError(f"registry.params.feeders_max: there are {count} feeders")


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless participants, feeders and meters fit together."""
    params = PARAMS.get(state)
    for address, participant in PARTICIPANTS.items(state):
        roles = list(participant.roles)
        good = roles and roles == sorted(set(roles)) and _ROLES.issuperset(roles)
        if not good or participant.status not in _STATUSES:
            name = bech32.encode(address)
            raise GenesisError(f"registry.participants {name}: status or roles are wrong")
    for name, feeder in FEEDERS.items(state):
        _validate_feeder(state, name, feeder)
    for meter_id, meter in METERS.items(state):
        _validate_meter(state, meter_id, meter, params)


def _validate_feeder(state: HasStore, name: str, feeder: state_pb2.Feeder) -> None:
    if error := rules.find_feeder_error(name, feeder):
        raise GenesisError(f"registry.feeders {name}: not valid: {error}")
    # An operator may have been suspended or removed since.
    if feeder.operator and not PARTICIPANTS.has(state, bech32.decode(feeder.operator)):
        raise GenesisError(f"registry.feeders {name}: the operator is no participant")
    depth, parent = 1, feeder.parent
    while parent:
        above = FEEDERS.get_shared(state, parent)
        if above is None:
            raise GenesisError(f"registry.feeders {name}: there is no feeder {parent} above it")
        depth, parent = depth + 1, above.parent
        # Feeders in a ring fail here too.
        if depth > rules.FEEDER_DEPTH_MAX:
            raise GenesisError(f"registry.feeders {name}: too many feeders above it")


def _validate_meter(
    state: HasStore, meter_id: str, meter: state_pb2.Meter, params: state_pb2.Params
) -> None:
    for address in (meter.owner, meter.bridge):
        if not PARTICIPANTS.has(state, bech32.decode(address)):
            raise GenesisError(f"registry.meters {meter_id}: {address} is no participant")
    owner = PARTICIPANTS.get_shared(state, bech32.decode(meter.owner))
    active = meter.status != state_pb2.STATUS_REMOVED
    is_distributor = owner is not None and Role.ROLE_DISTRIBUTOR in owner.roles
    if active and is_distributor and not meter.checks_feeder:
        raise GenesisError(f"registry.meters {meter_id}: the owner is a distributor")
    if not is_meter_key(meter.pub_key) or meter.status not in _STATUSES:
        raise GenesisError(f"registry.meters {meter_id}: key or status is wrong")
    if meter.export_capacity_w > meter.capacity_w:
        raise GenesisError(f"registry.meters {meter_id}: it exports more than it carries")
    if not 0 < meter.capacity_w <= params.capacity_max_w:
        raise GenesisError(f"registry.meters {meter_id}: the capacity is out of range")
    if max(meter.initial_import_wh, meter.initial_export_wh) >= rules.REGISTER_MAX_WH:
        raise GenesisError(f"registry.meters {meter_id}: the initial registers are out of range")
    if not rules.is_register_size(meter.register_max_wh, meter.capacity_w):
        raise GenesisError(f"registry.meters {meter_id}: the size of the registers is out of range")
    if not rules.is_energy_source(meter.energy_source):
        raise GenesisError(f"registry.meters {meter_id}: the energy source is not known")
    if not FEEDERS.has(state, meter.feeder):
        raise GenesisError(f"registry.meters {meter_id}: there is no feeder {meter.feeder}")
