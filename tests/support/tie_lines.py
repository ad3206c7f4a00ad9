"""Two regions with a tie line between them: on each of two chains its account has money and the
meter of the line.

    regions = Regions()
    slot = regions.north.slot_ahead(3)
    regions.trade(regions.north, slot, BUY, 2_000)
    regions.link.relay()
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.tielines.v1 import query_pb2, state_pb2, tx_pb2

from chain import market, tielines
from chain.tielines.state import SCHEDULES
from tests.support.others.two_chains import Chain, Link, make_chains
from tests.support.streets import people
from tests.support.world import START_S

NAME = "north-south"
ACCOUNT = "tie"
METER = "meter-tie"
OPERATOR = "eva"
MONEY = 50_000_000
CAPACITY_WH = 5_000
BUY, SELL = market_pb2.SIDE_BUY, market_pb2.SIDE_SELL
# A line of 1 MW, which the registrar has given a meter on the feeder north.
LINE: Mapping[str, Any] = {
    f"registry.participants[{ACCOUNT}]": {"roles": ["ROLE_CONSUMER"], "status": "STATUS_ACTIVE"},
    f"registry.meters[{METER}]": {
        "owner": ACCOUNT, "bridge": "bridge", "feeder": "north", "capacity_w": 1_000_000,
        "pub_key": METER, "status": "STATUS_ACTIVE", "added_at_s": START_S,
    },
    f"bank.balances[{ACCOUNT}, ueur]": MONEY,
}  # fmt: skip


class Regions:
    """Two chains, a relayer, and the tie line between them."""

    def __init__(self, changes: Mapping[str, Any] | None = None, **limits: int) -> None:
        self.north, self.south = make_chains({**LINE, **(changes or {})})
        self.link = Link(self.north, self.south)
        for chain in self.link.chains:
            self.set_line(chain, **limits)

    def set_line(self, chain: Chain, **limits: int) -> None:
        """Opens the line on a chain, or changes its limits."""
        fields = {
            "capacity_wh": CAPACITY_WH,
            "packets_per_slot_max": 10,
            "traded_per_day_max_wh": 100_000,
            "notice_s": 30,
            **limits,
        }
        chain.send_messages(
            "distributor",
            tx_pb2.MsgSetTieLine(
                authority=people.address_text("distributor"),
                tie_line=NAME,
                client_id=self.link.ids[chain],
                operator=people.address_text(OPERATOR),
                **fields,
            ),
        )

    def make_trade(
        self, slot: int, side: market_pb2.Side, quantity_wh: int, **changes: Any
    ) -> tx_pb2.MsgTradeOverTieLine:
        """The message that trades at any price, with changes."""
        worst = {BUY: 300_000, SELL: 80_000}
        fields: dict[str, Any] = {
            "operator": people.address_text(OPERATOR),
            "tie_line": NAME,
            "slot": slot,
            "side": side,
            "quantity_wh": quantity_wh,
            "price_limit_per_kwh": worst[side],
            "price_limit_there_per_kwh": worst[SELL if side == BUY else BUY],
        }
        return tx_pb2.MsgTradeOverTieLine(**{**fields, **changes})

    def trade(
        self, chain: Chain, slot: int, side: market_pb2.Side, quantity_wh: int, **changes: Any
    ) -> None:
        """Trades on a chain, and asks the other one."""
        chain.send_messages(OPERATOR, self.make_trade(slot, side, quantity_wh, **changes))

    def schedule(self, chain: Chain, slot: int) -> state_pb2.Schedule:
        """What the line has agreed on a chain."""
        return SCHEDULES.get(chain.state, (slot, NAME)) or state_pb2.Schedule()

    def left_wh(self, chain: Chain, slot: int) -> tuple[int, int]:
        """What the line can still carry from a chain, and to it."""
        path = "/blockenergy.tielines.v1.Query/Schedule"
        request = query_pb2.QueryScheduleRequest(tie_line=NAME, slot=slot)
        answer = chain.query(path, request, query_pb2.QueryScheduleResponse)
        return answer.export_left_wh, answer.import_left_wh

    def traded_wh(self, chain: Chain, slot: int) -> int:
        """What the account of the line has bought net."""
        position = market.get_position(chain.state, slot, tielines.get_account(NAME))
        return position.bought_wh - position.sold_wh if position else 0
