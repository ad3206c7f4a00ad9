"""A genesis document from the middle of a settlement: what does not fit together is rejected."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from chain import app
from chain.runtime.state.collections import GenesisError
from tests.support.world import World, reading

Document = dict[str, Any]


def make_documents() -> dict[str, Document]:
    """The exports of a street by the stage of its settlement."""
    world = World({"settlement.params": {"accounts_per_block_max": 1}})
    world.block()
    slot = world.slot_ahead(1)
    world.block(world.buy("ben", slot, 5_000, 300_000), world.sell("dirk", slot, 3_000, 80_000))
    world.block(world.buy("eva", slot + 2, 1_000, 300_000), at=world.end_s(slot))
    world.block(world.submit(reading("meter-ben", slot, 5_500)))
    world.block(at=world.deadline_s(slot))
    exports: dict[str, Document] = {}
    for _ in range(10):
        document = app.export(world.store)
        stage = document["settlement"]["progress"]["stage"]
        # Of the lines, take the moment when some are written and some are not.
        if document["settlement"]["lines"] or stage != "STAGE_LINES":
            exports.setdefault(stage, document)
        world.block()
    return exports


DOCUMENTS = make_documents()
LINES, PAYMENTS, IDLE = (
    DOCUMENTS[stage] for stage in ("STAGE_LINES", "STAGE_PAYMENTS", "STAGE_UNSPECIFIED")
)


@pytest.mark.parametrize("stage", DOCUMENTS)
def test_the_export_of_every_stage_is_taken(stage: str) -> None:
    assert app.init_chain(DOCUMENTS[stage])


def changed(document: Document, change: Callable[[Document], None]) -> Document:
    document = copy.deepcopy(document)
    change(document)
    return document


def set_progress(**fields: Any) -> Callable[[Document], None]:
    return lambda document: document["settlement"]["progress"].update(fields)


def set_result(**fields: Any) -> Callable[[Document], None]:
    return lambda document: document["settlement"]["results"][0]["value"].update(fields)


def set_first_slot(**fields: Any) -> Callable[[Document], None]:
    return lambda document: document["market"]["slots"][0]["value"].update(fields)


def drop(module: str, collection: str) -> Callable[[Document], None]:
    return lambda document: document[module][collection].pop(0)


def give_holds_a_deadline(document: Document) -> None:
    for hold in document["bank"]["holds"]:
        hold["value"]["deadline_s"] = "99934000"


def charge_less(document: Document) -> None:
    """The first line that charges anything, and the result, charge a millionth less than is due."""
    values = [entry["value"] for entry in document["settlement"]["lines"]]
    line = next(value for value in values if int(value["imbalance_charge"]))
    result = document["settlement"]["results"][0]["value"]
    for record, name, change in (
        (line, "imbalance_charge", -1),
        (result, "imbalance_charge", -1),
        (line, "charged", -1) if int(line["charged"]) else (line, "credited", 1),
    ):
        record[name] = str(int(record[name]) + change)


def defer_too_little(document: Document) -> None:
    result = document["settlement"]["results"][0]
    result["value"]["deferred"] = "7"
    owner = document["registry"]["participants"][0]["key"]
    document["settlement"]["deferred"] = [{"key": [result["key"], owner], "value": "5"}]


def exchange_owners(document: Document) -> None:
    """Two lines have each other's owner: every sum is as before."""
    first, second = document["settlement"]["lines"][:2]
    first["value"], second["value"] = second["value"], first["value"]


def keep_a_sum(document: Document) -> None:
    slot = document["settlement"]["results"][0]["key"]
    document["settlement"]["feeder_sums"] = [{"key": [slot, "north"], "value": {"meters": "1"}}]


WRONG = [
    (LINES, set_progress(line_peaks=[]), "settlement.lines_rooted"),
    (PAYMENTS, set_progress(line_peaks=["AAAA"]), "settlement.lines_rooted"),
    (IDLE, exchange_owners, "settlement.lines_rooted"),
    (IDLE, keep_a_sum, "settlement.feeders"),
    (LINES, defer_too_little, "defers 7, but 5 wait"),
    (LINES, set_progress(stage="STAGE_UNSPECIFIED"), "settlement.in_hand"),
    (LINES, set_progress(stage="STAGE_PAYMENTS"), "settlement.in_hand"),
    (LINES, set_progress(stage=77), "settlement.progress: there is no such stage"),
    (LINES, set_progress(owner=""), "settlement.in_hand"),
    (LINES, set_result(parties=str(2**63)), "settlement.results: entry 0: parties"),
    (LINES, set_result(estimated_parties=str(2**64 - 1)), "entry 0: estimated_parties"),
    (PAYMENTS, charge_less, "settlement.lines_in_hand"),
    (LINES, set_result(imbalance_charge="1"), "settlement.line_sums"),
    (LINES, set_result(imbalance_credit="1"), "settlement.line_sums"),
    (LINES, set_result(backstop_received="5"), "settlement.in_hand"),
    (LINES, drop("market", "positions"), "settlement.traded"),
    (LINES, drop("carbon", "carbon_slots"), "the slot in settlement has no carbon factors"),
    (LINES, set_first_slot(funding="1"), "market.funded"),
    (LINES, set_first_slot(price_low_per_kwh="1"), "market.funded"),
    (LINES, give_holds_a_deadline, "market.secured"),
    (PAYMENTS, set_progress(stage="STAGE_LINES"), "settlement.in_hand"),
    (IDLE, set_progress(slot="9223372036854775807"), "settlement.in_hand"),
    (IDLE, set_progress(slot="0", history_from="0"), "settlement.in_hand"),
    (IDLE, set_progress(history_from="9223372036854775807"), "settlement.progress.history_from"),
]


@pytest.mark.parametrize(("document", "change", "place"), WRONG, ids=range(len(WRONG)))
def test_what_does_not_fit_together_is_rejected(
    document: Document, change: Callable[[Document], None], place: str
) -> None:
    with pytest.raises(GenesisError) as caught:
        app.init_chain(changed(document, change))
    assert place in str(caught.value)
