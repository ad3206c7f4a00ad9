"""Routes: over which clients certificates and credits may cross, and up to which amounts a day."""

from __future__ import annotations

from collections.abc import Sequence

from blockenergy.carbontransfer.v1 import errors_pb2, state_pb2
from blockenergy.certificates.v1 import state_pb2 as certificates_pb2

from chain.carbontransfer.state import ROUTES
from chain.runtime.calendar import SECONDS_PER_DAY
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, ErrorCodes, require
from chain.runtime.state.collections import HasStore

CarbonTransferError = ErrorCodes("carbontransfer", errors_pb2.Error.DESCRIPTOR)
# The gas of a packet stands for that many.
ENTRIES_MAX = 20
_TEXT_CHARACTERS_MAX = 80


def require_route(state: HasStore, client_id: str) -> state_pb2.Route:
    """The route over a client; rejects a client that has none."""
    route = ROUTES.get(state, client_id)
    if route is None:
        raise ChainError(CarbonTransferError.ROUTE_UNKNOWN, client_id[:_TEXT_CHARACTERS_MAX])
    return route


def count_sent(ctx: Context, client_id: str, *, wh: int = 0, grams: int = 0) -> state_pb2.Route:
    """The route with what leaves today; rejects more than may. The caller writes it."""
    route = _require_today(ctx, client_id)
    _require_within(route.sent_wh, wh, route.sent_per_day_max_wh, "Wh")
    _require_within(route.sent_g, grams, route.sent_per_day_max_g, "g")
    route.sent_wh += wh
    route.sent_g += grams
    return route


def count_received(ctx: Context, client_id: str, *, wh: int = 0, grams: int = 0) -> state_pb2.Route:
    """The route with what comes today; rejects more than may. The caller writes it."""
    route = _require_today(ctx, client_id)
    _require_within(route.received_packets, 1, route.received_packets_per_day_max, "packets")
    _require_within(route.received_wh, wh, route.received_per_day_max_wh, "Wh")
    _require_within(route.received_g, grams, route.received_per_day_max_g, "g")
    route.received_packets += 1
    route.received_wh += wh
    route.received_g += grams
    return route


def require_entries(entries: Sequence[certificates_pb2.Entry]) -> None:
    """Rejects none, too many, and a series that is named twice."""
    require(
        0 < len(entries) <= ENTRIES_MAX, CarbonTransferError.ENTRIES_INVALID, f"1 to {ENTRIES_MAX}"
    )
    named = {(entry.slot, entry.producer) for entry in entries}
    require(len(named) == len(entries), CarbonTransferError.ENTRIES_INVALID, "one is named twice")


def _require_today(ctx: Context, client_id: str) -> state_pb2.Route:
    """The route with what counts today."""
    route = require_route(ctx, client_id)
    today = ctx.block.time_s // SECONDS_PER_DAY
    if route.day != today:
        route.day = today
        for name in ("sent_wh", "received_wh", "sent_g", "received_g", "received_packets"):
            route.ClearField(name)
    return route


def _require_within(counted: int, more: int, most: int, unit: str) -> None:
    left = max(0, most - counted)
    require(more <= left, CarbonTransferError.LIMIT_REACHED, f"{left} {unit} are left today")
