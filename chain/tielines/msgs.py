"""Messages of the authority, which opens tie lines, and of those who operate them."""

from __future__ import annotations

from blockenergy.tielines.v1 import events_pb2, state_pb2, tx_pb2

from chain import bank, ibc, market, params
from chain.runtime.calendar import SECONDS_PER_DAY
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import require
from chain.runtime.tx import decode_address
from chain.runtime.units import AMOUNT_MAX
from chain.tielines import keeper
from chain.tielines.keeper import OPPOSITE, TIE_LINES_MAX, TieLinesError
from chain.tielines.state import PLACED, TIE_LINES


def set_tie_line(ctx: Context, msg: tx_pb2.MsgSetTieLine) -> tx_pb2.MsgSetTieLineResponse:
    """Opens a tie line, or changes its operator and limits."""
    params.require_authority(ctx, msg.authority)
    require(keeper.is_name(msg.tie_line), TieLinesError.TIE_LINE_INVALID, "its name")
    decode_address(msg.operator)
    ibc.require_client(ctx, msg.client_id)
    line = TIE_LINES.get(ctx, msg.tie_line)
    if line is None:
        count = sum(1 for _ in TIE_LINES.items(ctx))
        require(count < TIE_LINES_MAX, TieLinesError.TOO_MANY_TIE_LINES)
        line = state_pb2.TieLine(client_id=msg.client_id)
    same = line.client_id == msg.client_id
    require(same, TieLinesError.TIE_LINE_INVALID, f"it goes over {line.client_id}")
    most = max(msg.capacity_wh, msg.traded_per_day_max_wh, msg.packets_per_slot_max)
    require(most <= AMOUNT_MAX, TieLinesError.TIE_LINE_INVALID, f"a limit above {AMOUNT_MAX}")
    in_a_day = msg.notice_s <= SECONDS_PER_DAY
    require(in_a_day, TieLinesError.TIE_LINE_INVALID, "a notice of more than a day")
    line.operator = msg.operator
    line.capacity_wh = msg.capacity_wh
    line.packets_per_slot_max = msg.packets_per_slot_max
    line.traded_per_day_max_wh = msg.traded_per_day_max_wh
    line.notice_s = msg.notice_s
    TIE_LINES.set(ctx, msg.tie_line, line)
    ctx.emit(events_pb2.EventTieLineSet(tie_line=msg.tie_line, info=line))
    account = bech32.encode(keeper.get_account(msg.tie_line))
    return tx_pb2.MsgSetTieLineResponse(account=account)


def trade_over_tie_line(
    ctx: Context, msg: tx_pb2.MsgTradeOverTieLine
) -> tx_pb2.MsgTradeOverTieLineResponse:
    """Trades here at the end of the block, and then asks the other region for the opposite."""
    line = keeper.require_operator(ctx, msg.tie_line, msg.operator)
    require(msg.side in OPPOSITE, TieLinesError.SIDE_INVALID)
    ibc.require_connected(ctx, line.client_id)
    now_s = ctx.block.time_s
    last_s = market.get_gate_closure_s(ctx, msg.slot) - line.notice_s
    require(now_s < last_s, TieLinesError.TOO_LATE)
    schedule = keeper.get_schedule(ctx, msg.slot, msg.tie_line)
    keeper.add_pending(ctx, line, schedule, msg.side, msg.quantity_wh)
    order_id = market.place_order(
        ctx,
        keeper.get_account(msg.tie_line),
        msg.side,
        msg.slot,
        msg.quantity_wh,
        msg.price_limit_per_kwh,
        reported=True,
    )
    TIE_LINES.set(ctx, msg.tie_line, line)
    keeper.set_schedule(ctx, msg.slot, msg.tie_line, schedule)
    placed = state_pb2.PlacedOrder(
        tie_line=msg.tie_line,
        slot=msg.slot,
        side=msg.side,
        quantity_wh=msg.quantity_wh,
        purpose=state_pb2.PURPOSE_REQUEST,
        price_limit_there_per_kwh=msg.price_limit_there_per_kwh,
        timeout_s=min(last_s, now_s + ibc.TIMEOUT_MAX_S),
    )
    PLACED.set(ctx, order_id, placed)
    return tx_pb2.MsgTradeOverTieLineResponse(order_id=order_id)


def take_tie_line_money(
    ctx: Context, msg: tx_pb2.MsgTakeTieLineMoney
) -> tx_pb2.MsgTakeTieLineMoneyResponse:
    """Pays the operator out of what the tie line has."""
    keeper.require_operator(ctx, msg.tie_line, msg.operator)
    denom = market.get_params(ctx).settlement_denom
    account, operator = keeper.get_account(msg.tie_line), decode_address(msg.operator)
    bank.transfer(ctx, account, operator, denom, msg.amount)
    ctx.emit(
        events_pb2.EventTieLineMoneyTaken(
            tie_line=msg.tie_line, operator=msg.operator, amount=msg.amount
        )
    )
    return tx_pb2.MsgTakeTieLineMoneyResponse()
