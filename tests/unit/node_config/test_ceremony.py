"""Many parties make one genesis document; every kind of bad record is rejected in one sentence."""

from __future__ import annotations

import base64
import copy
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.validators import VOTE_ACCOUNT
from client.errors import ClientError, UsageError
from client.signing.keys import AccountKey
from node_config.accounts import GenesisAccount
from node_config.ceremony.collect import collect
from node_config.ceremony.document import require_document
from node_config.ceremony.draft import OFFICES, Draft, make_draft, read_draft
from node_config.ceremony.record import Record, make_record, parse_record, read_record
from node_config.genesis import POWER

Content = dict[str, Any]
COUNT = 4
OPERATORS = [AccountKey(bytes([number + 1]) * 32) for number in range(COUNT)]
GUEST = AccountKey(b"g" * 32).address


def make_key(kind: str, number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(f"{kind}{number}".ljust(32).encode())


@pytest.fixture(scope="module")
def draft() -> Draft:
    # The first distributor holds two offices, the second one three.
    offices = {office: OPERATORS[at % 2].address for at, office in enumerate(OFFICES)}
    return make_draft("demo", "grid-1", 1_800_000_000, offices, [GenesisAccount(GUEST, (3,), 5)])


def make(draft: Draft, number: int, label: str = "") -> Content:
    return make_record(
        draft,
        label or f"dist{number}",
        f"192.0.2.{number}:26656",
        OPERATORS[number],
        make_key("validator", number),
        make_key("node", number),
    )


@pytest.fixture(scope="module")
def contents(draft: Draft) -> list[Content]:
    return [make(draft, number) for number in range(COUNT)]


@pytest.fixture(scope="module")
def records(draft: Draft, contents: list[Content]) -> list[Record]:
    return [parse_record(content, draft) for content in contents]


def test_everybody_gets_the_same_document(draft: Draft, records: list[Record]) -> None:
    text = collect(draft, records)
    for order in itertools.islice(itertools.permutations(records), 1, 5):
        assert collect(draft, order) == text
    document = json.loads(text)
    require_document(document, "it")
    assert document["chain_id"] == "grid-1"
    assert document["consensus_params"]["version"] == {"app": "1"}
    assert {one["name"]: one["power"] for one in document["validators"]} == {
        f"dist{number}": str(POWER) for number in range(COUNT)
    }
    state = document["app_state"]
    # No single key changes parameters.
    assert state["params"]["params"]["authority"] == VOTE_ACCOUNT
    assert {one["value"]["operator"] for one in state["validators"]["validators"]} == {
        key.address for key in OPERATORS
    }
    assert {one["key"] for one in state["peers"]["peers"]} == {
        record.peer.node_id for record in records
    }
    assert GUEST in {one["key"] for one in state["registry"]["participants"]}
    accounts = [one["key"] for one in state["auth"]["accounts"]]
    assert len(accounts) == len(set(accounts))


def set_in(*path: str, to: object) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        for name in path[:-1]:
            content = content[name]
        content[path[-1]] = to

    return change


SMALL_ORDER = base64.b64encode(bytes(32)).decode()
BAD: list[tuple[str, Callable[[Content], None], str]] = [
    ("another form", set_in("format", to="x"), "the format is not"),
    ("another chain", set_in("chain_id", to="grid-2"), "for the chain 'grid-2'"),
    ("another draft", set_in("draft", to="0" * 64), "made for another draft"),
    ("a field too much", set_in("power", to="1000"), "'power' is not known"),
    ("a key too much", set_in("keys", "bridge", to=""), "'bridge' is not known"),
    ("a field missing", lambda content: content.pop("p2p"), "p2p is missing"),
    ("a signature missing", lambda content: content["signatures"].pop("node"), "node is missing"),
    ("no label", set_in("label", to=""), "a label is a printable text"),
    ("a long label", set_in("label", to="é" * 33), "a label is a printable text"),
    ("a label that moves the cursor", set_in("label", to="a\x1b[2J"), "a label is a printable"),
    ("a label of another type", set_in("label", to=7), "a label is a printable text"),
    ("no port", set_in("p2p", to="192.0.2.1"), "is not HOST:PORT"),
    ("port 0", set_in("p2p", to="192.0.2.1:0"), "names no port"),
    ("an address of another type", set_in("p2p", to=["x"]), "it is not a record"),
    ("keys of another type", set_in("keys", to=[]), "an object is expected"),
    ("no base64", set_in("keys", "node", to="?"), "it is not a record"),
    ("a key in another writing", lambda c: c["keys"].update(node=c["keys"]["node"][:-2] + "1="),
     "not in its one encoding"),
    ("a key of small order", set_in("keys", "validator", to=SMALL_ORDER), "not an Ed25519 key"),
    ("no curve point", set_in("keys", "operator", to=SMALL_ORDER), "not a secp256k1 key"),
    ("another address", set_in("p2p", to="192.0.2.9:1"), "signature of the operator's key"),
    ("another label", set_in("label", to="dist9"), "signature of the operator's key"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "sentence"), BAD, ids=[name for name, *_ in BAD])
def test_a_bad_record_is_rejected(
    draft: Draft, contents: list[Content], name: str, change: Any, sentence: str
) -> None:
    content = copy.deepcopy(contents[0])
    change(content)
    with pytest.raises(UsageError, match=sentence):
        parse_record(content, draft)


@pytest.mark.parametrize("kind", ["operator", "validator", "node"])
def test_nobody_puts_in_the_key_of_somebody_else(
    draft: Draft, contents: list[Content], kind: str
) -> None:
    content = copy.deepcopy(contents[0])
    content["keys"][kind] = contents[1]["keys"][kind]
    with pytest.raises(UsageError, match="signature of the"):
        parse_record(content, draft)
    # Nor with a signature that the other one has made for a record of its own.
    content["signatures"][kind] = contents[1]["signatures"][kind]
    with pytest.raises(UsageError, match="signature of the"):
        parse_record(content, draft)


@pytest.mark.parametrize(
    ("at", "same"),
    [("operator", "operator"), ("validator", "validator key"), ("node", "node key")],
)
def test_two_records_share_no_key(draft: Draft, records: list[Record], at: str, same: str) -> None:
    number = {"operator": (0, 9, 9), "validator": (9, 0, 9), "node": (9, 9, 0)}[at]
    keys = [AccountKey(b"9" * 32) if number[0] else OPERATORS[0]]
    content = make_record(
        draft, "again", "192.0.2.9:1", keys[0], make_key("validator", number[1]),
        make_key("node", number[2]),
    )  # fmt: skip
    with pytest.raises(UsageError, match=f"'dist0' and 'again' have the same {same}"):
        collect(draft, [*records, parse_record(content, draft)])


def test_records_with_one_label_or_none_at_all(draft: Draft, records: list[Record]) -> None:
    with pytest.raises(UsageError, match="have the same label"):
        collect(draft, [records[0], parse_record(make(draft, 1, "dist0"), draft)])
    with pytest.raises(UsageError, match="1 to 100 records"):
        collect(draft, [])


def test_files_that_are_no_records_or_drafts(draft: Draft, tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100_000, b"x" * 20_000):
        path.write_bytes(content)
        with pytest.raises(ClientError, match=str(path)):
            read_record(path, draft)
        with pytest.raises(ClientError, match=str(path)):
            read_draft(path)
    with pytest.raises(ClientError, match="cannot be read"):
        read_draft(tmp_path / "missing")


def test_a_draft_is_read_as_it_was_written(draft: Draft, tmp_path: Path) -> None:
    path = tmp_path / "draft.json"
    path.write_text(json.dumps(draft.content, indent=3))
    assert read_draft(path) == draft
    for place, value, sentence in (
        ("chain_id", "a b", "is not a chain id"),
        ("genesis_time_s", "now", "seconds since 1970"),
        ("offices", {}, "registrar is missing"),
        ("offices", dict.fromkeys(OFFICES, "energy1x"), "offices.registrar"),
        ("preset", {}, "is missing"),
        ("accounts", [{"address": GUEST, "roles": ["king"], "amount": 1}], "'king' is not a role"),
        ("more", 1, "'more' is not known"),
    ):
        path.write_text(json.dumps({**draft.content, place: value}))
        with pytest.raises(UsageError, match=sentence):
            read_draft(path)


def test_another_draft_has_another_hash(draft: Draft) -> None:
    offices = dict(draft.content["offices"])
    later = make_draft("demo", "grid-1", 1_800_000_001, offices, draft.accounts)
    assert later.hash != draft.hash
    with pytest.raises(UsageError, match="made for another draft"):
        parse_record(make(later, 0), draft)


def test_a_preset_with_people_is_no_draft() -> None:
    offices = dict.fromkeys(OFFICES, GUEST)
    with pytest.raises(UsageError, match="keys would be made in one place"):
        make_draft("street", "grid-1", 1_800_000_000, offices, ())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (set_in("validators", to=[]), "at least one"),
        (lambda d: d["validators"].append(d["validators"][0]), "twice"),
        (lambda d: d["validators"][0].update(power="0"), "at least 1"),
        (lambda d: d["validators"][0].update(power="11"), "the genesis file have 11"),
        (lambda d: d["validators"][0].update(address="00"), "not that of the key"),
        (lambda d: d["validators"].pop(), "not among the validators"),
        (set_in("genesis_time", to="now"), "genesis_time"),
        (set_in("app_state", to={}), "is missing"),
        (set_in("extra", to=1), "'extra' is not known"),
    ],
)
def test_a_document_that_no_chain_begins_with(
    draft: Draft, records: list[Record], change: Any, sentence: str
) -> None:
    document = json.loads(collect(draft, records))
    change(document)
    with pytest.raises(UsageError, match=f"it: .*{sentence}"):
        require_document(document, "it")
