"""What the market does by itself in every block: open slots, execute the orders of the block."""

from __future__ import annotations

from blockenergy.market.v1 import events_pb2, state_pb2
from blockenergy.metering.v1 import state_pb2 as metering_pb2

from chain import bank, metering
from chain.market import rules
from chain.market.keeper import POOL, get_curve, get_gate_closure_s, get_net_wh
from chain.market.state import LAST_SLOT, ORDERS, PARAMS, POSITIONS, SLOTS
from chain.runtime import bech32, slots
from chain.runtime.context import Context


def begin_block(ctx: Context) -> None:
    """Opens the slots that have come within the horizon, each funded by the treasury.

    A slot that cannot be funded waits, and the slots behind it, until its gate closes; then it is
    recorded as unfunded.
    """
    params, metering_params = PARAMS.get(ctx), metering.get_params(ctx)
    length_s, now_s = metering_params.slot_length_s, ctx.block.time_s
    last = slots.slot_at(now_s, length_s) + params.horizon_slots
    slot = _get_next_slot(ctx, params, metering_params)
    for _ in range(params.slots_opened_per_block_max):
        gate_open = now_s < get_gate_closure_s(length_s, params.gate_closure_s, slot)
        if slot > last or not _open_slot(ctx, slot, params, gate_open):
            break
        LAST_SLOT.set(ctx, slot)
        slot += 1


def end_block(ctx: Context) -> None:
    """Executes the orders of this block, slot by slot, each at one price."""
    by_slot: dict[int, list[tuple[int, state_pb2.Order]]] = {}
    for (slot, order_id), order in ORDERS.items(ctx):
        by_slot.setdefault(slot, []).append((order_id, order))
    for slot in sorted(by_slot):
        _execute_slot(ctx, slot, by_slot[slot])


def _get_next_slot(
    ctx: Context, params: state_pb2.Params, metering_params: metering_pb2.Params
) -> int:
    """The slot to open next.

    The chain begins with the first slot whose gate is open. After a halt of the chain the slots
    whose readings nobody can submit any more are passed over.
    """
    length_s, now_s = metering_params.slot_length_s, ctx.block.time_s
    opened = LAST_SLOT.last(ctx)
    if not opened:
        return slots.slot_at(now_s + params.gate_closure_s, length_s) + 1
    still_metered_s = max(0, now_s - metering_params.reading_deadline_s)
    return max(opened + 1, slots.slot_at(still_metered_s, length_s))


def _open_slot(ctx: Context, slot: int, params: state_pb2.Params, gate_open: bool) -> bool:
    """Records a slot; False if it has to wait for the treasury."""
    curve = rules.Curve(params.price_low_per_kwh, params.price_high_per_kwh, params.depth_wh)
    funding = rules.compute_funding(curve)
    treasury = bech32.decode(params.treasury)
    funded = bank.get_balance(ctx, treasury, params.settlement_denom) >= funding
    if gate_open and not funded:
        return False
    info = state_pb2.Slot(
        status=state_pb2.SLOT_STATUS_UNFUNDED,
        price_low_per_kwh=curve.price_low,
        price_high_per_kwh=curve.price_high,
        depth_wh=curve.depth_wh,
    )
    if gate_open:
        bank.transfer(ctx, treasury, POOL, params.settlement_denom, funding)
        info.status = state_pb2.SLOT_STATUS_OPEN
        info.funding = funding
        price = rules.compute_marginal_price(curve, 0).ceil()
        ctx.emit(events_pb2.EventSlotOpened(slot=slot, funding=funding, price_per_kwh=price))
    else:
        ctx.emit(events_pb2.EventSlotUnfunded(slot=slot, funding=funding))
    SLOTS.set(ctx, slot, info)
    return True


def _execute_slot(ctx: Context, slot: int, orders: list[tuple[int, state_pb2.Order]]) -> None:
    info = SLOTS.get(ctx, slot)
    assert info is not None, "an order was taken for a slot that is not open"
    curve, net_wh = get_curve(info), get_net_wh(info)
    batch = rules.execute_batch(
        curve,
        net_wh,
        [
            rules.MarketOrder(
                order.side == state_pb2.SIDE_BUY, order.quantity_wh, order.price_limit_per_kwh
            )
            for _, order in orders
        ],
    )
    for (order_id, order), amount in zip(orders, batch.amounts, strict=True):
        ORDERS.delete(ctx, (slot, order_id))
        if amount is None:
            _lapse(ctx, slot, order_id, order)
        else:
            _execute(ctx, slot, order_id, order, amount)
            if order.side == state_pb2.SIDE_BUY:
                info.cost += amount
            else:
                info.revenue += amount
    for owner in sorted({order.owner for _, order in orders}):
        _remove_if_empty(ctx, slot, bech32.decode(owner))
    info.bought_wh += batch.bought_wh
    info.sold_wh += batch.sold_wh
    SLOTS.set(ctx, slot, info)
    if batch.bought_wh or batch.sold_wh:
        ctx.emit(
            events_pb2.EventSlotTraded(
                slot=slot,
                bought_wh=batch.bought_wh,
                sold_wh=batch.sold_wh,
                price_per_kwh=batch.price.ceil(),
                next_price_per_kwh=rules.compute_marginal_price(curve, get_net_wh(info)).ceil(),
            )
        )


def _execute(ctx: Context, slot: int, order_id: int, order: state_pb2.Order, amount: int) -> None:
    """Takes an order into its owner's position; a buyer's hold shrinks to what it costs."""
    owner = bech32.decode(order.owner)
    position = POSITIONS.get(ctx, (slot, owner))
    assert position is not None, "an order was taken without a position to secure it"
    if order.side == state_pb2.SIDE_BUY:
        most = rules.compute_payment(rules.Price(order.price_limit_per_kwh, 1), order.quantity_wh)
        bank.release(ctx, owner, position.hold_id, most - amount)
        position.bought_wh += order.quantity_wh
        position.cost += amount
    else:
        position.sold_wh += order.quantity_wh
        position.revenue += amount
    POSITIONS.set(ctx, (slot, owner), position)
    ctx.emit(
        events_pb2.EventOrderExecuted(
            order_id=order_id,
            slot=slot,
            owner=order.owner,
            side=order.side,
            quantity_wh=order.quantity_wh,
            amount=amount,
        )
    )


def _lapse(ctx: Context, slot: int, order_id: int, order: state_pb2.Order) -> None:
    """Frees the money of an order."""
    owner = bech32.decode(order.owner)
    position = POSITIONS.get(ctx, (slot, owner))
    assert position is not None, "an order was taken without a position to secure it"
    bank.release(ctx, owner, position.hold_id, order.reserved)
    ctx.emit(events_pb2.EventOrderLapsed(order_id=order_id, slot=slot, owner=order.owner))


def _remove_if_empty(ctx: Context, slot: int, owner: bytes) -> None:
    """Removes the position, and the hold, of an owner all of whose orders have lapsed."""
    position = POSITIONS.get(ctx, (slot, owner))
    assert position is not None, "a position was removed while its owner had orders"
    if not position.bought_wh and not position.sold_wh:
        bank.post(ctx, owner, position.hold_id, owner, 0)
        POSITIONS.delete(ctx, (slot, owner))
