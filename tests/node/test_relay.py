"""Money between two running networks, carried by relayers that anybody could run."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from blockenergy.ibc.v1.tx_pb2 import MsgSetTransferLimit, MsgSetTransferLimitResponse
from cosmos.base.v1beta1.coin_pb2 import Coin
from ibc.applications.transfer.v1.tx_pb2 import MsgTransfer

from tests.node.two_networks import ANNA, CLIENT, MONEY, Ends, finish, start_networks

pytestmark = pytest.mark.network

PATH = f"transfer/{CLIENT}/ueur"
DAY_MAX = 1_000_000


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    with start_networks(tmp_path_factory.mktemp("relay")) as found:
        yield found


def transfer(ends: Ends, side: int, denom: str, amount: int, receiver: str, wait_s: int) -> int:
    """Sends money; returns the timeout."""
    message = MsgTransfer(
        source_port="transfer",
        source_channel=CLIENT,
        token=Coin(denom=denom, amount=str(amount)),
        sender=ANNA.address,
        receiver=receiver,
        timeout_timestamp=int(time.time()) + wait_s,
    )
    ends.sign(side, ANNA).send([message]).require_ok()
    return message.timeout_timestamp


def test_money_crosses_and_comes_back_whatever_becomes_of_relayers(ends: Ends) -> None:
    ends.join("first.json")
    vouchers = [_allow(ends, side) for side in (0, 1)]
    # One that arrives, one that nobody there can take, and one that comes too late.
    transfer(ends, 0, "ueur", 1_000, ANNA.address, 600)
    transfer(ends, 0, "ueur", 200, "elsewhere", 600)
    timeout_s = transfer(ends, 0, "ueur", 30, ANNA.address, 5)
    transfer(ends, 1, "ueur", 4_000, ANNA.address, 600)
    ends.wait_until(1, timeout_s)
    killed = ends.relay("first.json")
    assert killed.stdout is not None
    killed.stdout.readline()
    killed.kill()
    killed.communicate()
    # Two at once, one of which goes on from where the killed one was.
    both = [ends.relay("first.json"), ends.relay("second.json")]
    for relayer in both:
        finish(relayer)
    assert ends.balance(1, vouchers[1]) == 1_000
    assert ends.balance(0, vouchers[0]) == 4_000
    assert ends.balance(0) == MONEY - 1_000
    transfer(ends, 1, vouchers[1], 1_000, ANNA.address, 600)
    said = finish(ends.relay("first.json"))
    assert ends.balance(0) == MONEY
    assert ends.balance(1, vouchers[1]) == 0
    assert sum(line.get("packets", 0) for line in said) == 1
    # Nothing is left, also for one that reads everything from the beginning.
    assert not any(line.keys() - {"read"} for line in finish(ends.relay("third.json")))


def _allow(ends: Ends, side: int) -> str:
    """Allows euros of both chains; returns the voucher."""
    authority, denom = ends.sign_as_authority(side), ""
    for path in ("ueur", PATH):
        message = MsgSetTransferLimit(
            authority=authority.address,
            client_id=CLIENT,
            path=path,
            sent_per_day_max=DAY_MAX,
            received_per_day_max=DAY_MAX,
        )
        (answer,) = authority.send([message]).require_ok().responses
        assert isinstance(answer, MsgSetTransferLimitResponse)
        denom = answer.denom
    return denom
