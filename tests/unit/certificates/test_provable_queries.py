"""What a light client can prove of carbon: a query that reads single records only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chain import app
from tests.support.store import SortedStore
from tests.support.streets import people
from tests.support.streets.green_street import GreenStreet

CREDITS = {
    "credits.classes[C01]": {"admin": "issuer", "issuers": ["issuer"], "methodology": "biochar"},
    "credits.projects[C01, P1]": {"jurisdiction": "DE", "batches": 1},
    "credits.batches[C01-P1-20240101-20250101-1]": {
        "class_id": "C01", "project": "P1", "vintage_start_s": 1_704_067_200,
        "vintage_end_s": 1_735_689_600, "minted_g": 5_000, "retired_g": 5_000,
    },
    "bank.denoms[credit/C01-P1-20240101-20250101-1]": {"symbol": "tCO2e", "decimals": 6},
    "credits.retirements[1]": {
        "owner": "ben", "batch": "C01-P1-20240101-20250101-1", "grams": 5_000,
        "purpose": "scope1-2026",
    },
    "credits.last_retirement": 1,
}  # fmt: skip
ANNA, BEN = people.address_text("anna"), people.address_text("ben")


class ProvenOnly:
    """A state of which every value has a proof, and no list has."""

    def __init__(self, store: SortedStore) -> None:
        self._store = store

    def get(self, key: bytes) -> bytes | None:
        assert app.KEYSPACE.is_in_tree(key), "an index has no proof"
        return self._store.get(key)

    def items(self, *_: Any, **__: Any) -> Iterator[tuple[bytes, bytes]]:
        raise AssertionError("a list has no proof that it is complete")


@pytest.fixture(scope="module")
def street() -> GreenStreet:
    street = GreenStreet(CREDITS)
    number = street.run_slot(0, anna=(100, 900), ben=(400, 0))
    assert not street.retire("anna", number, 300, "ben")
    return street


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("carbon.Params", {}),
        ("carbon.Factor", {"slot": 0}),
        ("carbon.CarbonSlot", {"slot": 0}),
        ("carbon.Device", {"meter_id": "meter-anna"}),
        ("certificates.Params", {}),
        ("certificates.Series", {"slot": 0, "producer": ANNA}),
        ("certificates.Holding", {"slot": 0, "producer": ANNA, "holder": ANNA}),
        ("certificates.Free", {"producer": ANNA, "first_slot": 0, "last_slot": 0}),
        ("certificates.Price", {"holder": ANNA}),
        ("certificates.Claimable", {"slot": 0, "consumer": BEN}),
        ("certificates.Statement", {"account": BEN, "first_slot": 0, "last_slot": 0}),
        ("settlement.Line", {"slot": 0, "owner": BEN}),
        ("credits.Params", {}),
        ("credits.Batch", {"batch": "C01-P1-20240101-20250101-1"}),
        ("credits.Retirement", {"number": 1}),
        ("credits.Receipt", {"registry": "GoldReg", "receipt": "R1"}),
    ],
)
def test_a_query_reads_no_list(street: GreenStreet, name: str, fields: dict[str, Any]) -> None:
    module, _, operation = name.partition(".")
    path = f"/blockenergy.{module}.v1.Query/{operation}"
    request = app.RULES.queries[path].request(
        **{key: street.first if "slot" in key else value for key, value in fields.items()}
    )
    content = request.SerializeToString()
    proven = app.query(ProvenOnly(street.world.store), street.world.block_info, path, content)
    assert proven == app.query(street.world.store, street.world.block_info, path, content)
