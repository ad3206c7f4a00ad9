"""Parts of answers that more than one call has."""

from __future__ import annotations

from typing import Any, NamedTuple

from blockenergy.dashboard.v1 import public_pb2
from blockenergy.market.v1 import query_pb2 as market_pb2
from blockenergy.market.v1.state_pb2 import PRODUCT_ANY, ClearedNode
from blockenergy.settlement.v1.state_pb2 import SlotResult
from sqlalchemy import func, select

from client.catalog import get_queries
from client.errors import RejectedError
from dashboard.answers.rows import read_message
from dashboard.errors import ApiError, Code
from dashboard.model.moment import Moment
from dashboard.model.tables import BLOCK, CURSOR, GAP, TX
from dashboard.site import Site, Visit

SLOTS_MAX = 400
_SLOT_END = 1 << 62
_HASH_CHARACTERS = 64


class Cleared(NamedTuple):
    """The outcome of a call auction: what was traded, and for each feeder price and flow."""

    volume_wh: int
    nodes: dict[str, ClearedNode]


def require_range(first_slot: int, last_slot: int) -> range:
    """The slots of a range, both ends included; ApiError if it is empty or too long."""
    if not 0 < first_slot <= last_slot < _SLOT_END:
        raise ApiError(Code.INVALID_REQUEST, "a range of slots is first_slot and last_slot")
    if last_slot - first_slot >= SLOTS_MAX:
        raise ApiError(Code.TOO_LARGE)
    return range(first_slot, last_slot + 1)


def describe_chain(site: Site, moment: Moment) -> public_pb2.ChainResponse:
    """The chain at a moment."""
    missing = select(func.coalesce(func.sum(GAP.c.last_height - GAP.c.first_height + 1), 0))
    with site.engine.connect() as connection:
        reached = connection.execute(select(CURSOR.c.height)).scalar_one_or_none() or 0
        missing_blocks = int(connection.execute(missing).scalar_one())
    return public_pb2.ChainResponse(
        height=moment.height,
        time_s=moment.time_s,
        chain_id=moment.chain_id,
        zone=site.days.zone.key,
        slot_length_s=moment.slot_length_s,
        slot_stands_for_s=moment.slot_stands_for_s,
        slot=moment.slot,
        shown_start_s=site.days.get_start_s(moment.slot),
        denom=moment.denom_name,
        symbol=moment.denom.symbol,
        decimals=moment.denom.decimals,
        tables_height=reached,
        missing_blocks=missing_blocks,
        modules=sorted(get_queries()),
        fee_denom=moment.auth.fee_denom,
        min_gas_price_micro=moment.auth.min_gas_price_micro,
        gas_per_tx=moment.auth.gas_per_tx,
        gas_per_byte=moment.auth.gas_per_byte,
    )


def show_slot(
    site: Site, slot: int, book: market_pb2.QuerySlotResponse | None, row: Any = None
) -> public_pb2.ShownSlot:
    """A slot with what the chain has of it, and its row in the tables if it is settled."""
    return public_pb2.ShownSlot(
        slot=slot,
        shown_start_s=site.days.get_start_s(slot),
        shown_end_s=site.days.get_end_s(slot),
        book=book,
        result=None if row is None else read_message(SlotResult, row),
        lines="" if row is None else row.lines,
    )


def find_cleared(visit: Visit, slot: int) -> Cleared | None:
    """The outcome of the auction of a slot; None if there was none, or is none yet."""
    try:
        request = market_pb2.QueryClearingRequest(slot=slot)
        found = visit.ask(request, market_pb2.QueryClearingResponse).clearing
    except RejectedError:
        return None
    nodes = {node.feeder: node for node in found.nodes if node.product == PRODUCT_ANY}
    return Cleared(found.volume_wh, nodes)


def find_tx(visit: Visit, text: str) -> Any:
    """The row of a transaction, with the time of its block; None if there is none."""
    try:
        tx_hash = bytes.fromhex(text) if len(text) == _HASH_CHARACTERS else b""
    except ValueError:
        tx_hash = b""
    query = (
        select(TX, BLOCK.c.time_ns)
        .join(BLOCK, BLOCK.c.height == TX.c.height)
        .where(TX.c.hash == tx_hash)
        .limit(1)
    )
    with visit.site.engine.connect() as connection:
        return connection.execute(query).first()
