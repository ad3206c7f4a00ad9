"""The guarantees of the demonstration, checked on figures of the chain."""

from __future__ import annotations

from collections.abc import Iterator

from node_config.demo.after.carbon_results import find_broken_carbon
from node_config.demo.after.results import PartyTotals, Results
from node_config.demo.after.who_paid import add_up


def find_broken(results: Results) -> Iterator[str]:
    """A sentence for every guarantee that does not hold."""
    if results.supply_before != results.supply_after:
        yield f"the supply was {results.supply_before} and is {results.supply_after}"
    owned = sum(after for _, after in results.operators.values())
    owned += sum(party.balance_after for party in results.parties)
    if owned != results.supply_after:
        yield f"all accounts together have {owned}, the supply is {results.supply_after}"
    if len(set(results.app_hashes)) != 1:
        yield f"the validators differ in their app hash at height {results.height}"
    expected = len(results.parties) * results.day.hours
    if results.readings != expected:
        yield f"{results.readings} of {expected} readings were recorded"
    for party in results.parties:
        yield from _find_broken_of_party(party)
    yield from _find_broken_sums(results)
    yield from find_broken_carbon(results.carbon)
    sums = add_up(results)
    if abs(sums.together - sums.possible) > sums.rounding:
        yield f"all gained {sums.together}, of {sums.possible} that there were to gain"


def _find_broken_of_party(party: PartyTotals) -> Iterator[str]:
    change = party.balance_after - party.balance_before
    expected = party.net_money - party.fees + party.certificates
    if change != expected:
        yield f"{party.name} has {change} more, its lines, fees and certificates say {expected}"
    if party.slots_estimated:
        yield f"{party.slots_estimated} slots of {party.name} were estimated"


def _find_broken_sums(results: Results) -> Iterator[str]:
    """Trades and readings of the homes add up to those of the slots."""
    for name in ("bought_wh", "sold_wh", "cost", "revenue"):
        of_slots = sum(getattr(slot.info, name) for slot in results.slots)
        of_parties = sum(party.sums[name] for party in results.parties)
        if of_slots != of_parties:
            yield f"{name}: slots have {of_slots}, homes have {of_parties}"
    for slot in results.slots:
        net_wh = slot.result.import_wh - slot.result.export_wh
        if net_wh != slot.consumed_wh - slot.produced_wh:
            yield f"slot {slot.slot}: the meters say {net_wh} Wh, the homes used another amount"
