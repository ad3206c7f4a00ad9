"""Carbon of the day: factors before it, and after it certificates, refunds and one offset.

The factors are those of a real day, the hourly carbon intensity of the grid at Fontana, California,
on 16 April 2017 (data set of the CityLearn challenge 2022, MIT licence). It does not say what of
that mix was claimed, so the residual factor is that of the location.

When all slots are settled, homes with PV ask a price for their certificates, and homes without
buy those of the hours in which they used something, and retire them. One home offsets a share of
what is left with credits. All of them are clients like any other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files

from blockenergy.carbon.v1.tx_pb2 import MsgPublishFactors
from blockenergy.certificates.v1.query_pb2 import (
    QueryParamsRequest,
    QueryParamsResponse,
    QueryStatementRequest,
    QueryStatementResponse,
)
from blockenergy.certificates.v1.state_pb2 import Entry
from blockenergy.certificates.v1.tx_pb2 import (
    MsgBuyCertificates,
    MsgOffset,
    MsgSetCertificatePrice,
)
from blockenergy.credits.v1.tx_pb2 import (
    MsgCreateBatch,
    MsgCreateBatchResponse,
    MsgCreateClass,
    MsgCreateProject,
    MsgSetEligible,
)
from blockenergy.settlement.v1.state_pb2 import Line
from google.protobuf.message import Message

from client.account import Signer
from client.cli.carbon.publish import make_message
from client.errors import ClientError
from client.node.rpc import Rpc
from client.queries import query
from client.signing.keys import AccountKey
from node_config.demo.day import Day
from node_config.demo.home.homes import HOURS, Home

# Publishes the factors, and says which credits offset.
AUTHORITY, ISSUER = "distributor0", "issuer"
CLASS_ID, PROJECT, JURISDICTION, METHODOLOGY = "C1", "peatland", "DE-MV", "rewetting"
# A tonne of CO2e, made in the year before the day.
CREDITS_G = 1_000_000
_DAY_S = 86_400
# Millionths per kWh: about half of what a retired kWh brings back.
ASKED_PER_KWH = 5_000
ENTRY_MIN_WH = 10
_PERMILLE_UG_PER_G = 1_000_000_000


class Carbon:
    """Sends what has to do with carbon; the keys are those of the operators, by name."""

    def __init__(
        self,
        keys: Mapping[str, AccountKey],
        homes: Sequence[Home],
        day: Day,
        chain_id: str,
        rpc_url: str,
    ) -> None:
        self._homes, self._day, self._chain_id = homes, day, chain_id
        self._rpc = Rpc(rpc_url)
        self._signers = {name: self._make_signer(keys[name]) for name in (AUTHORITY, ISSUER)}
        self._batch = ""
        # Errors of rejected transactions.
        self.rejections: list[str] = []

    @property
    def offsetting(self) -> Home:
        """The home that offsets: the first one without PV."""
        return next((home for home in self._homes if not home.can_sell), self._homes[0])

    def publish(self, stop: threading.Event) -> None:
        """The factors of the day, and credits; returns early when `stop` is set."""
        steps: list[tuple[str, list[Message]]] = [
            (AUTHORITY, [read_factors(self._day, self._signers[AUTHORITY].address)]),
            (ISSUER, self._make_credits()),
            (
                AUTHORITY,
                [
                    MsgSetEligible(
                        authority=self._signers[AUTHORITY].address, class_id=CLASS_ID, eligible=True
                    )
                ],
            ),
        ]
        for name, messages in steps:
            if stop.is_set():
                return
            responses = self._send(name, self._signers[name], messages)
            for response in responses:
                if isinstance(response, MsgCreateBatchResponse):
                    self._batch = response.batch

    def trade(self, lines: Mapping[int, Mapping[str, Line]]) -> None:
        """Sells, buys and retires certificates of settled slots, and offsets; `lines` are by slot
        and address.
        """
        sellers = [home for home in self._homes if home.can_sell]
        buyers = [home for home in self._homes if not home.can_sell]
        pairs = [
            (seller, buyer, entries)
            for seller, buyer in zip(sellers, buyers, strict=False)
            if (entries := list(choose_entries(lines, seller.key.address, buyer.key.address)))
        ]
        for seller, _, _ in pairs:
            asked = MsgSetCertificatePrice(holder=seller.key.address, price_per_kwh=ASKED_PER_KWH)
            self._send(seller.name, self._make_signer(seller.key), [asked])
        for seller, buyer, entries in pairs:
            bought = MsgBuyCertificates(
                buyer=buyer.key.address,
                seller=seller.key.address,
                entries=entries,
                cost_limit=sum(entry.wh for entry in entries) * ASKED_PER_KWH // 1000 + 1,
                retire=True,
            )
            self._send(buyer.name, self._make_signer(buyer.key), [bought])
        self._offset()

    def _offset(self) -> None:
        """Offsets as much as is allowed, if that is a gram in any slot."""
        home, slots = self.offsetting, self._day.slots
        params = query(self._rpc, QueryParamsRequest(), QueryParamsResponse).params
        share_permille = params.offset_share_permille
        request = QueryStatementRequest(
            account=home.key.address, first_slot=slots[0], last_slot=slots[-1], with_slots=True
        )
        found = query(self._rpc, request, QueryStatementResponse).slots
        most = max((one.sums.market_ug for one in found), default=0)
        if self._batch and most * share_permille >= _PERMILLE_UG_PER_G:
            message = MsgOffset(
                consumer=home.key.address,
                first_slot=slots[0],
                last_slot=slots[-1],
                batch=self._batch,
                grams_max=CREDITS_G,
            )
            self._send(home.name, self._make_signer(home.key), [message])

    def _make_credits(self) -> list[Message]:
        issuer, ended_s = self._signers[ISSUER].address, self._day.genesis_time_s - _DAY_S
        return [
            MsgCreateClass(admin=issuer, class_id=CLASS_ID, methodology=METHODOLOGY),
            MsgCreateProject(
                issuer=issuer, class_id=CLASS_ID, project=PROJECT, jurisdiction=JURISDICTION
            ),
            MsgCreateBatch(
                issuer=issuer,
                class_id=CLASS_ID,
                project=PROJECT,
                vintage_start_s=ended_s - 365 * _DAY_S,
                vintage_end_s=ended_s,
                recipient=self.offsetting.key.address,
                grams=CREDITS_G,
            ),
        ]

    def _make_signer(self, key: AccountKey) -> Signer:
        return Signer(self._rpc, key, chain_id=self._chain_id)

    def _send(self, name: str, signer: Signer, messages: Sequence[Message]) -> Sequence[Message]:
        try:
            outcome = signer.send(messages)
        except ClientError as error:
            self.rejections.append(f"{name}: {error.sentence}")
            return ()
        if outcome.code:
            self.rejections.append(f"{name}: {outcome.log}")
        return outcome.responses


def read_factors(day: Day, publisher: str) -> MsgPublishFactors:
    """The factors of the built-in day, for as many hours as the day has."""
    text = (files("node_config.demo") / "factors.csv").read_text(encoding="utf-8")
    message = make_message(text, 0, lambda _: day.first_slot)
    assert len(message.factors) == HOURS
    del message.factors[day.hours :]
    message.publisher = publisher
    return message


def choose_entries(
    lines: Mapping[int, Mapping[str, Line]], seller: str, buyer: str
) -> Iterator[Entry]:
    """What one home has free and another used and did not match, slot by slot."""
    for slot, of_slot in lines.items():
        made, used = of_slot.get(seller), of_slot.get(buyer)
        if made is None or used is None or used.inexact:
            continue
        free_wh = made.renewable_wh - made.self_wh - made.given_wh
        wh = min(free_wh, used.import_wh - used.self_wh - used.claim_wh)
        if wh >= ENTRY_MIN_WH:
            yield Entry(slot=slot, producer=seller, wh=wh)
