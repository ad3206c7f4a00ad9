"""Messages of debtors."""

from __future__ import annotations

from blockenergy.settlement.v1 import events_pb2, tx_pb2

from chain import bank, market
from chain.runtime.context import Context
from chain.runtime.errors import require
from chain.runtime.tx import decode_address
from chain.settlement import keeper
from chain.settlement.reading import SettlementError
from chain.settlement.state import ARREARS


def pay_arrears(ctx: Context, msg: tx_pb2.MsgPayArrears) -> tx_pb2.MsgPayArrearsResponse:
    """Pays arrears of the signer to a creditor, in full or in part."""
    creditor = decode_address(msg.creditor)
    owed = ARREARS.get(ctx, (ctx.signer, creditor))
    require(owed, SettlementError.NOTHING_OWED)
    assert owed is not None
    require(0 < msg.amount <= owed, SettlementError.AMOUNT_INVALID, f"{owed} is owed")
    denom = market.get_params(ctx).settlement_denom
    # The last check: a balance that is too small.
    bank.transfer(ctx, ctx.signer, creditor, denom, msg.amount)
    remaining = keeper.reduce_arrears(ctx, ctx.signer, creditor, msg.amount)
    ctx.emit(
        events_pb2.EventArrearsPaid(
            debtor=msg.debtor, creditor=msg.creditor, amount=msg.amount, remaining=remaining
        )
    )
    return tx_pb2.MsgPayArrearsResponse()
