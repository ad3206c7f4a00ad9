"""The light client on made-up chains: what it skips, what it reads, and what it never accepts."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from light_chain import Block, grow, make_signers, serve
from loopback_node import LoopbackNode

from chain import light
from client.errors import MissingError, RpcError
from client.light import forks, store
from client.light.client import LightClient, LightError, trust
from client.light.forks import AttackError
from client.light.store import Settings, TrustStore
from client.node.rpc import Rpc

FOUR = make_signers([10, 10, 10, 10])
MIXED = make_signers([10, 10, 10, 10], first=3)
OTHERS = make_signers([10, 10, 10, 10], first=50)
STEADY = {1: FOUR}
PERIOD_S = 10_000
NOW_NS = (1_700_000_000 + 1000) * light.NS_PER_S
Make = Callable[..., LightClient]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """A client that trusts block 1 of a chain, with witnesses that show other ones."""
    monkeypatch.setenv("BLOCKENERGY_HOME", str(tmp_path))
    monkeypatch.setattr(forks, "BEHIND_MAX_S", 0.3)
    with contextlib.ExitStack() as stack:

        def make_client(
            blocks: dict[int, Block], *witnesses: dict[int, Block], now_ns: int = NOW_NS
        ) -> LightClient:
            nodes = [stack.enter_context(serve(shown)) for shown in (blocks, *witnesses)]
            primary, *others = (Rpc(node.url, 5.0) for node in nodes)
            first = trust(primary, 1, light.compute_header_hash(blocks[1].signed.header))
            settings = Settings("street-1", primary.node, (), PERIOD_S)
            client = LightClient(primary, others, TrustStore(settings, [first]), lambda: now_ns)
            client.nodes = nodes  # type: ignore[attr-defined]
            return client

        yield make_client


def nodes_of(client: LightClient) -> list[LoopbackNode]:
    return client.nodes  # type: ignore[attr-defined, no-any-return]


def test_a_chain_with_the_same_validators_is_one_step(make: Make) -> None:
    client = make(grow(60, STEADY), grow(60, STEADY))
    assert client.latest().height == 60
    assert list(client.store.heights) == [1, 60]
    assert nodes_of(client)[0].requests.count("commit") == 2


def test_where_validators_change_it_looks_in_between(make: Make) -> None:
    client = make(
        grow(60, {1: FOUR, 20: MIXED, 40: OTHERS}), grow(60, {1: FOUR, 20: MIXED, 40: OTHERS})
    )
    assert client.latest().height == 60
    assert 2 < len(client.store.heights) < 20
    # The last block that names the others is the only way to them.
    assert 39 in client.store.heights


def test_heights_in_between_and_before(make: Make) -> None:
    blocks = grow(30, STEADY)
    client = make(blocks)
    client.store = TrustStore(
        client.store.settings,
        [trust(client.primary, 20, light.compute_header_hash(blocks[20].signed.header))],
    )
    for height in (30, 25, 20, 19, 3):
        found = client.at(height)
        assert light.compute_header_hash(found) == light.compute_header_hash(
            blocks[height].signed.header
        )
    assert list(client.store.heights) == [20, 25, 30]


def test_a_header_that_was_changed_is_never_accepted(make: Make) -> None:
    for height in (2, 9):
        blocks = grow(9, STEADY)
        blocks[height].signed.header.app_hash = b"\x66" * 32
        client = make(blocks)
        with pytest.raises(LightError, match="not valid"):
            client.at(height)
        assert list(client.store.heights) == [1]


def test_an_earlier_header_that_was_changed_is_not_accepted(make: Make) -> None:
    blocks = grow(9, STEADY)
    client = make(blocks)
    client.store = TrustStore(
        client.store.settings,
        [trust(client.primary, 9, light.compute_header_hash(blocks[9].signed.header))],
    )
    blocks[5].signed.header.app_hash = b"\x66" * 32
    assert client.at(6).height == 6
    with pytest.raises(LightError, match="not the block that the header after it names"):
        client.at(4)


def test_validators_that_are_not_named_are_not_kept(make: Make) -> None:
    blocks = grow(9, STEADY)
    blocks[9].next_signers = OTHERS
    with pytest.raises(LightError, match="not those that it names"):
        make(blocks).at(9)


def test_what_is_too_old_needs_a_person(make: Make) -> None:
    client = make(grow(9, STEADY), now_ns=NOW_NS + PERIOD_S * light.NS_PER_S)
    with pytest.raises(LightError, match="ask the operator"):
        client.latest()


def test_a_hash_that_is_not_the_one_named(make: Make) -> None:
    client = make(grow(9, STEADY))
    with pytest.raises(LightError, match="has the hash"):
        trust(client.primary, 4, bytes(32))


def test_a_fork_is_found_and_told(make: Make, tmp_path: Path) -> None:
    """All validators have signed two chains; from block 5 on they differ."""
    client = make(grow(9, STEADY), grow(9, STEADY, fork_at=5, app_hash=b"\x66" * 32))
    with pytest.raises(AttackError, match="signed two blocks of height 9"):
        client.latest()
    assert list(client.store.heights) == [1]
    kept = json.loads((tmp_path / forks.FILE).read_text())
    assert kept.keys() == {"common", "primary", "witness"}
    for node in nodes_of(client):
        (evidence,) = node.evidence  # type: ignore[attr-defined]
        value = evidence["value"]
        assert value["CommonHeight"] == "1"
        assert value["TotalVotingPower"] == "40"
        assert len(value["ByzantineValidators"]) == 4
    mine, theirs = (node.evidence[0]["value"] for node in nodes_of(client))  # type: ignore[attr-defined]
    shown = theirs["ConflictingBlock"]["signed_header"], mine["ConflictingBlock"]["signed_header"]
    assert shown == (kept["primary"]["signed_header"], kept["witness"]["signed_header"])


def test_two_blocks_of_one_height_that_only_order_differently_are_equivocation(make: Make) -> None:
    client = make(grow(9, STEADY), grow(9, STEADY, fork_at=9, data_hash=b"\x66" * 32))
    with pytest.raises(AttackError):
        client.latest()
    (evidence,) = nodes_of(client)[0].evidence  # type: ignore[attr-defined]
    assert evidence["value"]["CommonHeight"] == "9"
    assert len(evidence["value"]["ByzantineValidators"]) == 4


def test_a_witness_that_lies_without_signatures_changes_nothing(make: Make) -> None:
    client = make(grow(9, STEADY), grow(9, {1: OTHERS}))
    assert client.latest().height == 9


def test_a_witness_that_is_behind_or_away_is_silent(make: Make) -> None:
    client = make(grow(9, STEADY), grow(4, STEADY), grow(9, STEADY))
    assert client.latest().height == 9
    alone = make(grow(9, STEADY), grow(4, STEADY))
    with pytest.raises(RpcError, match="no witness answers"):
        alone.latest()


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"signed_header": {}},
        {"signed_header": {"header": {"height": "x"}}},
        {"signed_header": 5},
    ],
)
def test_an_answer_that_is_no_header(make: Make, shown: Any) -> None:
    client = make(grow(9, STEADY))
    nodes_of(client)[0].responses["commit"] = lambda params: shown
    with pytest.raises(RpcError):
        client.latest()


def test_another_height_than_asked_for(make: Make) -> None:
    client = make(grow(9, STEADY))
    good = nodes_of(client)[0].responses["commit"]
    nodes_of(client)[0].responses["commit"] = lambda params: good({"height": "7"})
    with pytest.raises(RpcError, match="block 7 for 8"):
        client.at(8)


def test_what_is_trusted_survives(make: Make, tmp_path: Path) -> None:
    client = make(grow(60, STEADY))
    for height in (20, 40, 60):
        client.at(height)
    path = tmp_path / "light.json"
    store.save(client.store, path)
    loaded = store.load(path)
    assert list(loaded.heights) == [1, 20, 40, 60]
    assert loaded.settings == client.store.settings
    assert loaded.latest.hash == client.store.latest.hash


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"blocks":[]}', "x" * 100])
def test_a_file_that_cannot_be_used(tmp_path: Path, content: str) -> None:
    path = tmp_path / "light.json"
    with pytest.raises(MissingError, match="no header is trusted"):
        store.load(path)
    path.write_text(content)
    with pytest.raises(MissingError, match="cannot be used"):
        store.load(path)


def test_the_oldest_but_the_first_make_room(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BLOCKS_MAX", 3)
    client = make(grow(60, STEADY))
    for height in (20, 40, 50, 60):
        client.at(height)
    assert list(client.store.heights) == [1, 50, 60]
