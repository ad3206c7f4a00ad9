"""What tie lines do in every block: trade back what the other region has not taken, ask it for what
was traded, and answer what it has asked for.
"""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.tielines.v1 import events_pb2, state_pb2

from chain import market
from chain.runtime.context import Context
from chain.runtime.errors import ChainError
from chain.tielines import keeper, packets
from chain.tielines.state import PLACED, SCHEDULES, SCHEDULES_TO_TRADE_BACK

_PRUNED_PER_BLOCK_MAX = 100


def begin_block(ctx: Context) -> None:
    """Places orders that trade back, at any price, as long as the gate is open."""
    for slot, name in [key for key, _ in SCHEDULES_TO_TRADE_BACK.items(ctx)]:
        schedule = keeper.get_schedule(ctx, slot, name)
        if ctx.block.time_s >= market.get_gate_closure_s(ctx, slot):
            continue
        if schedule.back_export_wh:
            _place_back(ctx, slot, name, market_pb2.SIDE_SELL, schedule.back_export_wh)
        if schedule.back_import_wh:
            _place_back(ctx, slot, name, market_pb2.SIDE_BUY, schedule.back_import_wh)


def end_block(ctx: Context) -> None:
    """Continues with what was executed of the orders of this block."""
    for order_id, placed in list(PLACED.items(ctx)):
        PLACED.delete(ctx, order_id)
        executed_wh = market.take_executed(ctx, order_id)
        schedule = keeper.get_schedule(ctx, placed.slot, placed.tie_line)
        if placed.purpose == state_pb2.PURPOSE_REQUEST:
            _offer(ctx, placed, schedule, executed_wh)
        elif placed.purpose == state_pb2.PURPOSE_ANSWER:
            keeper.end_pending(schedule, placed.side, placed.quantity_wh, executed_wh)
            packets.write_answer(ctx, placed, executed_wh)
            packets.announce_agreed(ctx, placed.tie_line, placed.slot, placed.side, executed_wh)
        else:
            _note_back(ctx, placed, schedule, executed_wh)
        keeper.set_schedule(ctx, placed.slot, placed.tie_line, schedule)
    first = next(market.iter_slots(ctx), None)
    if first is not None:
        SCHEDULES.prune(ctx, first[0], _PRUNED_PER_BLOCK_MAX)


def _offer(
    ctx: Context,
    placed: state_pb2.PlacedOrder,
    schedule: state_pb2.Schedule,
    executed_wh: int,
) -> None:
    """Asks the other region for what was executed; if no packet can be sent any more, that is
    traded back.
    """
    keeper.end_pending(schedule, placed.side, placed.quantity_wh - executed_wh, 0)
    if not executed_wh:
        return
    attempt = ctx.begin_attempt()
    try:
        sequence = packets.send_request(attempt, placed, executed_wh)
    except ChainError:
        keeper.end_pending(schedule, placed.side, executed_wh, 0)
        keeper.add_back(schedule, placed.side, executed_wh)
        return
    ctx.accept(attempt)
    ctx.emit(
        events_pb2.EventEnergyOffered(
            tie_line=placed.tie_line,
            slot=placed.slot,
            side=placed.side,
            quantity_wh=executed_wh,
            sequence=sequence,
        )
    )


def _place_back(
    ctx: Context, slot: int, name: str, side: market_pb2.Side, quantity_wh: int
) -> None:
    """Places an order that trades back, no larger than one may be; the next block tries again with
    what is left.
    """
    info = market.get_slot(ctx, slot)
    if info is None:
        return
    quantity_wh = min(quantity_wh, market.get_slot_params(ctx, slot).order_max_wh)
    curve, attempt = market.get_curve(info), ctx.begin_attempt()
    limit = curve.price_low if side == market_pb2.SIDE_SELL else curve.price_high
    account = keeper.get_account(name)
    try:
        order_id = market.place_order(
            attempt, account, side, slot, quantity_wh, limit, reported=True
        )
    except ChainError:
        return
    ctx.accept(attempt)
    placed = state_pb2.PlacedOrder(
        tie_line=name,
        slot=slot,
        side=side,
        quantity_wh=quantity_wh,
        purpose=state_pb2.PURPOSE_BACK,
    )
    PLACED.set(ctx, order_id, placed)


def _note_back(
    ctx: Context, placed: state_pb2.PlacedOrder, schedule: state_pb2.Schedule, executed_wh: int
) -> None:
    """Notes what was traded back."""
    if not executed_wh:
        return
    if placed.side == market_pb2.SIDE_SELL:
        schedule.back_export_wh -= executed_wh
    else:
        schedule.back_import_wh -= executed_wh
    ctx.emit(
        events_pb2.EventEnergyTradedBack(
            tie_line=placed.tie_line, slot=placed.slot, side=placed.side, quantity_wh=executed_wh
        )
    )
