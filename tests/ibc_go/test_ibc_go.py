"""Money between a network of ours and a chain that nobody here wrote, carried by our relayers.

The other one is wasmd, with the light client, the packets and the transfers of ibc-go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from bench.networks.sdk_build import RELEASES, find_sdk_node
from client.errors import RejectedError
from tests.ibc_go.links import SHORT_S, TRUSTING_S, Link, finish, join, join_again
from tests.ibc_go.sides import Side, run_street, run_wasm, wait_until
from tests.support.running.networks import require_cometbft

pytestmark = pytest.mark.ibc_go


@pytest.fixture(scope="module", params=sorted(RELEASES), ids=lambda ibc_go: f"ibc-go {ibc_go}")
def link(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Link]:
    """Both chains, joined by `blockenergy relay join`."""
    binary = find_sdk_node(request.param)
    if binary is None:
        pytest.skip(f"wasmd with ibc-go {request.param} is not built: make test-ibc-go does it")
    require_cometbft()
    folder = tmp_path_factory.mktemp("ibc-go")
    with ExitStack() as stack:
        street = stack.enter_context(run_street(folder / "street"))
        wasm = stack.enter_context(run_wasm(folder / "wasm", binary))
        yield join(folder, (street, wasm))


@pytest.fixture(params=[0, 1], ids=["from us", "to us"])
def here(link: Link, request: pytest.FixtureRequest) -> Side:
    """The chain that a test begins on."""
    return link.sides[request.param]


@pytest.fixture(autouse=True)
def nothing_is_lost(link: Link) -> Iterator[None]:
    """What Anna has is the same before and after, and escrow is what vouchers stand for."""
    before = [side.balance() + link.escrow(side) for side in link.sides]
    yield
    assert [side.balance() + link.escrow(side) for side in link.sides] == before
    for side in link.sides:
        assert link.escrow(side) == link.other(side).balance(link.voucher(link.other(side)))


def test_money_goes_there_and_comes_back(link: Link, here: Side) -> None:
    there = link.other(here)
    before, voucher = here.balance(), link.voucher(there)
    link.transfer(here, 1_000)
    said = link.relay()
    assert sum(line.get("packets", 0) for line in said) == 1
    assert sum(line.get("answers", 0) for line in said) == 1
    assert there.balance(voucher) == link.escrow(here) == 1_000
    link.transfer(there, 1_000, denom=voucher)
    link.relay()
    assert there.balance(voucher) == link.escrow(here) == 0
    assert here.balance() == before


def test_what_nobody_there_can_take_comes_back(link: Link, here: Side) -> None:
    before = here.balance()
    link.transfer(here, 1_000, receiver="elsewhere")
    assert here.balance() == before - 1_000
    said = link.relay()
    assert sum(line.get("answers", 0) for line in said) == 1
    assert here.balance() == before


def test_what_is_too_late_comes_back(link: Link, here: Side) -> None:
    before = here.balance()
    timeout_s = link.transfer(here, 1_000, wait_s=15)
    wait_until(lambda: link.other(here).has_reached(timeout_s))
    said = link.relay()
    assert sum(line.get("timeouts", 0) for line in said) == 1
    assert here.balance() == before


def test_relayers_that_are_killed_or_two_do_no_harm(link: Link) -> None:
    before = [side.balance() for side in link.sides]
    for side in link.sides:
        for amount in range(1, 13):
            link.transfer(side, amount)
    killed = link.start("first.json")
    assert killed.stdout is not None
    killed.stdout.readline()
    killed.kill()
    killed.communicate()
    for relayer in [link.start("first.json"), link.start("second.json")]:
        finish(relayer)
    for side in link.sides:
        there = link.other(side)
        assert there.balance(link.voucher(there)) == link.escrow(side) == sum(range(1, 13))
        link.transfer(there, sum(range(1, 13)), denom=link.voucher(there))
    link.relay("second.json")
    assert [side.balance() for side in link.sides] == before
    # Nothing is left, also for one that reads everything from the beginning.
    assert not any(line.keys() - {"read"} for line in link.relay("third.json"))


def test_clients_follow_changes_of_validators(link: Link, here: Side) -> None:
    there = link.other(here)
    here.change_validators()
    link.transfer(here, 1_000)
    link.relay()
    assert there.balance(link.voucher(there)) == 1_000
    link.transfer(there, 1_000, denom=link.voucher(there))
    link.relay()
    assert link.escrow(here) == 0


def freeze(link: Link, side: Side) -> None:
    link.forge(side)
    assert link.status(side) == "Frozen"


def let_expire(link: Link, side: Side) -> None:
    wait_until(lambda: link.status(side) == "Expired")


@pytest.mark.parametrize(
    ("stop", "period_s"), [(freeze, TRUSTING_S), (let_expire, SHORT_S)], ids=["frozen", "expired"]
)
def test_a_client_that_was_stopped_goes_on_when_it_is_recovered(
    link: Link, here: Side, stop: Callable[[Link, Side], None], period_s: int
) -> None:
    """`here` no longer believes the other chain: nothing crosses, and nothing is lost."""
    before, there = here.balance(), link.other(here)
    link = join_again(link, {here: period_s, there: TRUSTING_S})
    link.transfer(there, 1_000)
    stop(link, here)
    with pytest.raises(RejectedError):
        link.transfer(here, 1_000)
    relayer = link.start("stopped.json")
    _, errors = relayer.communicate()
    assert relayer.returncode
    assert link.status(here) in errors
    here.recover(link.ids[here], link.substitute(here))
    link.relay("stopped.json")
    assert here.balance(link.voucher(here)) == 1_000
    link.transfer(here, 1_000, denom=link.voucher(here))
    link.relay("stopped.json")
    assert link.escrow(there) == 0
    assert here.balance() == before
