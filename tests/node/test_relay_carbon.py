"""Certificates and credits between two running networks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from blockenergy.carbontransfer.v1 import query_pb2, tx_pb2
from blockenergy.certificates.v1 import query_pb2 as certificates_query_pb2
from blockenergy.certificates.v1.state_pb2 import Entry
from blockenergy.credits.v1 import tx_pb2 as credits_pb2
from blockenergy.registry.v1.energy_source_pb2 import ENERGY_SOURCE_SOLAR
from blockenergy.registry.v1.role_pb2 import ROLE_ISSUER, ROLE_PROSUMER
from nacl.signing import SigningKey

from client.queries import query
from node_config.genesis import GenesisMeter
from tests.node.two_networks import ANNA, CLIENT, Ends, finish, start_networks

pytestmark = pytest.mark.network

METER = "HOME-1"
MADE_WH = 5_000
GRAMS = 3_000_000
BATCH = "C1-moor-20250101-20260101-1"
NORTH, SOUTH = 0, 1


class Green:
    """Anna has a roof with a meter of its own, and certificates of the last slot."""

    def __init__(self) -> None:
        self.slot = 0

    def change(self, state: dict[str, Any]) -> None:
        """As if the slot before genesis had been settled."""
        length_s = int(state["metering"]["params"]["slot_length_s"])
        self.slot = self.slot or int(time.time()) // length_s - 1
        added_at_s = str(self.slot * length_s)
        (meter,) = [one["value"] for one in state["registry"]["meters"] if one["key"] == METER]
        (device,) = [one["value"] for one in state["carbon"]["devices"] if one["key"] == METER]
        meter["added_at_s"] = device["meter_added_at_s"] = added_at_s
        device["generation_only"] = True
        slot, anna = str(self.slot), ANNA.address
        state["settlement"]["progress"] = {"slot": str(self.slot + 1), "history_from": slot}
        state["settlement"]["results"] = [{"key": slot, "value": {}}]
        state["certificates"]["last_closed"] = slot
        made = {"issued_wh": str(MADE_WH), "made_wh": str(MADE_WH)}
        series = {**made, "energy_source": "ENERGY_SOURCE_SOLAR"}
        held = {"wh": str(MADE_WH)}
        state["certificates"]["series"] = [{"key": [slot, anna], "value": series}]
        state["certificates"]["holdings"] = [{"key": [slot, [anna, anna]], "value": held}]

    def entry(self, wh: int) -> Entry:
        return Entry(slot=self.slot, producer=ANNA.address, wh=wh)


@pytest.fixture(scope="module")
def green() -> Green:
    return Green()


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory, green: Green) -> Iterator[Ends]:
    meter = GenesisMeter(
        METER, ANNA.address, "feeder-1", 10_000, bytes(SigningKey(b"m" * 32).verify_key),
        energy_source=ENERGY_SOURCE_SOLAR, device_power_w=10_000,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("carbon")
    roles = (ROLE_PROSUMER, ROLE_ISSUER)
    with start_networks(folder, roles=roles, meters=[meter], change=green.change) as found:
        yield found


def test_certificates_and_credits_cross_and_come_home(ends: Ends, green: Green) -> None:
    """Some arrive and some come home, some nobody there can take, and some come too late; killed
    and concurrent relayers do no harm.
    """
    ends.join("first.json")
    for side in (NORTH, SOUTH):
        _allow(ends, side)
    _make_credits(ends, NORTH)
    _send(ends, green, 1_000, ANNA.address, 600)
    _send(ends, green, 200, ends.sign_as_authority(NORTH).address, 600)
    timeout_s = _send(ends, green, 30, ANNA.address, 5)
    _send_credits(ends, NORTH, BATCH, 7_000)
    ends.wait_until(SOUTH, timeout_s)
    killed = ends.relay("first.json")
    assert killed.stdout is not None
    killed.stdout.readline()
    killed.kill()
    killed.communicate()
    for relayer in [ends.relay("first.json"), ends.relay("second.json")]:
        finish(relayer)
    assert _held_wh(ends, green) == MADE_WH - 1_000
    assert _foreign_wh(ends, SOUTH) == 1_000
    assert ends.balance(SOUTH, f"credit/{CLIENT}/{BATCH}") == 7_000
    returned = tx_pb2.MsgReturnCertificates(
        holder=ANNA.address,
        client_id=CLIENT,
        receiver=ANNA.address,
        entries=[green.entry(1_000)],
        timeout_s=int(time.time()) + 600,
    )
    ends.sign(SOUTH, ANNA).send([returned]).require_ok()
    _send_credits(ends, SOUTH, f"{CLIENT}/{BATCH}", 7_000)
    finish(ends.relay("first.json"))
    assert _held_wh(ends, green) == MADE_WH
    assert _foreign_wh(ends, SOUTH) == 0
    assert ends.balance(NORTH, f"credit/{BATCH}") == GRAMS
    assert ends.balance(SOUTH, f"credit/{CLIENT}/{BATCH}") == 0


def _allow(ends: Ends, side: int) -> None:
    authority = ends.sign_as_authority(side)
    message = tx_pb2.MsgSetRoute(
        authority=authority.address,
        client_id=CLIENT,
        sent_per_day_max_wh=1_000_000,
        received_per_day_max_wh=1_000_000,
        sent_per_day_max_g=1_000_000,
        received_per_day_max_g=1_000_000,
        received_packets_per_day_max=1_000,
        batches_max=3,
    )
    authority.send([message]).require_ok()


def _make_credits(ends: Ends, side: int) -> None:
    anna = ANNA.address
    messages = [
        credits_pb2.MsgCreateClass(admin=anna, class_id="C1", methodology="rewetting"),
        credits_pb2.MsgCreateProject(
            issuer=anna, class_id="C1", project="moor", jurisdiction="DE-MV"
        ),
        credits_pb2.MsgCreateBatch(
            issuer=anna, class_id="C1", project="moor", vintage_start_s=1_735_689_600,
            vintage_end_s=1_767_225_600, recipient=anna, grams=GRAMS,
        ),
    ]  # fmt: skip
    ends.sign(side, ANNA).send(messages).require_ok()


def _send(ends: Ends, green: Green, wh: int, receiver: str, wait_s: int) -> int:
    """Sends certificates from the north; returns the timeout."""
    message = tx_pb2.MsgSendCertificates(
        holder=ANNA.address,
        client_id=CLIENT,
        receiver=receiver,
        entries=[green.entry(wh)],
        timeout_s=int(time.time()) + wait_s,
    )
    ends.sign(NORTH, ANNA).send([message]).require_ok()
    return message.timeout_s


def _send_credits(ends: Ends, side: int, batch: str, grams: int) -> None:
    message = tx_pb2.MsgSendCredits(
        owner=ANNA.address,
        client_id=CLIENT,
        receiver=ANNA.address,
        batch=batch,
        grams=grams,
        timeout_s=int(time.time()) + 600,
    )
    ends.sign(side, ANNA).send([message]).require_ok()


def _held_wh(ends: Ends, green: Green) -> int:
    request = certificates_query_pb2.QueryHoldingRequest(
        slot=green.slot, producer=ANNA.address, holder=ANNA.address
    )
    answer = query(ends.rpc(NORTH), request, certificates_query_pb2.QueryHoldingResponse)
    return answer.wh


def _foreign_wh(ends: Ends, side: int) -> int:
    request = query_pb2.QueryForeignHoldingsRequest(holder=ANNA.address)
    answer = query(ends.rpc(side), request, query_pb2.QueryForeignHoldingsResponse)
    return sum(one.entry.wh for one in answer.holdings)
