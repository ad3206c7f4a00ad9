"""A street on three feeders with grid fees, and the messages that depend on where people are.

The grid supply point has two feeders, north and south; yard branches off north. Anna is on north,
Ben on yard; Clara, Dirk and Eva are on south.
"""

from __future__ import annotations

from typing import Any

from blockenergy.market.v1 import query_pb2, state_pb2, tx_pb2

from tests.support.streets import people
from tests.support.world import World

FEES = {"north": 10_000, "yard": 3_000, "south": 20_000}
FEEDERS: dict[str, Any] = {
    "registry.feeders[north]": {"grid_fee_per_kwh": FEES["north"]},
    "registry.feeders[yard]": {
        "parent": "north", "capacity_w": 10_000_000, "grid_fee_per_kwh": FEES["yard"],
    },
    "registry.feeders[south]": {"grid_fee_per_kwh": FEES["south"]},
    "registry.meters[meter-ben]": {"feeder": "yard"},
}  # fmt: skip


class GridMarket:
    """The street, and who says what to whom."""

    def __init__(self, changes: dict[str, Any] | None = None) -> None:
        """changes: as those of a `World`, on top of the feeders."""
        merged = {path: dict(fields) for path, fields in FEEDERS.items()}
        for path, fields in (changes or {}).items():
            merged[path] = (
                {**merged.get(path, {}), **fields} if isinstance(fields, dict) else fields
            )
        self.world = World(merged)
        self.world.block()

    def offer(self, seller: str, slot: int, price: int, available_wh: int) -> bytes:
        message = tx_pb2.MsgSetOffer(
            seller=people.address_text(seller),
            slot=slot,
            price_per_kwh=price,
            available_wh=available_wh,
        )
        return self.world.sign(seller, message)

    def buy_offer(
        self, buyer: str, seller: str, slot: int, quantity_wh: int, limit: int = 300_000
    ) -> bytes:
        message = tx_pb2.MsgBuyOffer(
            buyer=people.address_text(buyer),
            seller=people.address_text(seller),
            slot=slot,
            quantity_wh=quantity_wh,
            price_limit_per_kwh=limit,
        )
        return self.world.sign(buyer, message)

    def curtail(
        self,
        slot: int,
        feeder: str,
        side: state_pb2.Side,
        share_permille: int = 500,
        distributor: str = "distributor",
    ) -> bytes:
        message = tx_pb2.MsgCurtail(
            distributor=people.address_text(distributor),
            slot=slot,
            feeder=feeder,
            side=side,
            share_permille=share_permille,
            reason="The line is being repaired.",
        )
        return self.world.sign(distributor, message)

    def position(self, slot: int, name: str) -> state_pb2.Position:
        """What somebody has bought and sold; empty without a position."""
        key = f"market.positions[{slot}, {name}]"
        if key not in self.world.short():
            return state_pb2.Position()
        request = query_pb2.QueryPositionRequest(slot=slot, owner=people.address_text(name))
        path = "/blockenergy.market.v1.Query/Position"
        return self.world.query(path, request, query_pb2.QueryPositionResponse).position

    def offer_of(self, slot: int, name: str) -> state_pb2.Offer | None:
        request = query_pb2.QueryOffersRequest(slot=slot)
        path = "/blockenergy.market.v1.Query/Offers"
        answer = self.world.query(path, request, query_pb2.QueryOffersResponse)
        found = {people.name_of(entry.seller): entry.offer for entry in answer.offers}
        return found.get(name)

    def feeder(self, slot: int, name: str) -> query_pb2.QueryFeederResponse:
        request = query_pb2.QueryFeederRequest(slot=slot, feeder=name)
        path = "/blockenergy.market.v1.Query/Feeder"
        return self.world.query(path, request, query_pb2.QueryFeederResponse)

    def flow(self, slot: int, name: str) -> int:
        """Net energy over the line of a feeder; positive flows in."""
        flow = self.feeder(slot, name).flow
        return int(flow.import_wh) - int(flow.export_wh)

    def slot_info(self, slot: int) -> state_pb2.Slot:
        request = query_pb2.QuerySlotRequest(slot=slot)
        path = "/blockenergy.market.v1.Query/Slot"
        return self.world.query(path, request, query_pb2.QuerySlotResponse).info

    def held(self, name: str) -> int:
        """What somebody has on hold in all."""
        start = f"bank.holds[{name}, "
        short = self.world.short()
        return sum(int(short[path].get("amount", 0)) for path in short if path.startswith(start))

    def gate_s(self, slot: int) -> int:
        """From then on the slot takes no orders."""
        return slot * 60 - 20
