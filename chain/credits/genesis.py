"""Validation of credits in a genesis document."""

from __future__ import annotations

from blockenergy.credits.v1.state_pb2 import REGISTRY_UNIT_TONNE

from chain import bank, registry
from chain.credits import abroad, keeper, registries, rules
from chain.credits.state import BATCHES, CLASSES, OFFERS, PARAMS, PROJECTS, REGISTRIES
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import GenesisError, HasStore

_YEAR_S = 365 * 86_400
# Minimum and maximum of each parameter.
_LIMITS = {
    "vintage_age_max_s": (_YEAR_S, 20 * _YEAR_S),
    "classes_max": (1, 10_000),
    "projects_per_class_max": (1, 10_000),
}


def validate_params(state: HasStore) -> None:
    """Raises GenesisError unless limits make sense."""
    params = PARAMS.get(state)
    for name, (lowest, highest) in _LIMITS.items():
        if not lowest <= getattr(params, name) <= highest:
            raise GenesisError(f"credits.params.{name}: {lowest} to {highest} is expected")


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless registries, classes, projects and batches fit together."""
    for name, other in REGISTRIES.items(state):
        known = registry.is_participant(state, bech32.decode(other.operator))
        if not (rules.is_name(name) and known and other.unit in registries.UNITS):
            raise GenesisError(f"credits.registries {name}: name, operator or unit is not valid")
    _validate_classes(state)
    _validate_batches(state)
    for (batch_id, seller), offer in OFFERS.items(state):
        hold = bank.get_hold(state, seller, offer.hold_id)
        denom = keeper.get_denom(batch_id)
        if hold is None or hold.denom != denom or hold.amount != offer.grams or hold.deadline_s:
            raise GenesisError(f"credits.offers {batch_id}: its hold does not secure it")


def _validate_classes(state: HasStore) -> None:
    for name, entry in CLASSES.items(state):
        origin = REGISTRIES.get(state, entry.origin) if entry.origin else None
        known_origin = origin is not None and origin.unit == REGISTRY_UNIT_TONNE
        if entry.origin and not known_origin:
            raise GenesisError(f"credits.classes {name}: there is no registry {entry.origin}")
        valid = rules.is_class(name) and rules.is_name(entry.methodology)
        valid = valid and bool(entry.issuers)
        known = [registry.is_participant(state, bech32.decode(one)) for one in entry.issuers]
        if not valid or not all(known):
            raise GenesisError(f"credits.classes {name}: names or issuers are not valid")
    for (class_id, project_id), project in PROJECTS.items(state):
        valid = rules.is_name(project_id) and rules.is_jurisdiction(project.jurisdiction)
        if not valid or not CLASSES.has(state, class_id):
            raise GenesisError(f"credits.projects {class_id}, {project_id}: not valid")


def _validate_batches(state: HasStore) -> None:
    for batch_id, batch in BATCHES.items(state):
        if batch.HasField("foreign"):
            if not abroad.is_sound(batch) or batch.class_id or batch.project:
                raise GenesisError(f"credits.batches {batch_id}: its origin is not valid")
        elif not PROJECTS.has(state, (batch.class_id, batch.project)):
            raise GenesisError(f"credits.batches {batch_id}: there is no such project")
        if bank.get_denom(state, keeper.get_denom(batch_id)) is None:
            raise GenesisError(f"credits.batches {batch_id}: the bank has no such denomination")
