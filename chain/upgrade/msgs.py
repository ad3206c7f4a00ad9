"""Messages of the authority."""

from __future__ import annotations

from blockenergy.upgrade.v1 import events_pb2, state_pb2, tx_pb2

from chain import params
from chain.runtime.context import Context
from chain.runtime.errors import require
from chain.upgrade import rules
from chain.upgrade.keeper import UpgradeError
from chain.upgrade.state import PLAN, UPGRADES


def plan_upgrade(ctx: Context, msg: tx_pb2.MsgPlanUpgrade) -> tx_pb2.MsgPlanUpgradeResponse:
    """Plans an upgrade, in place of one that is planned."""
    params.require_authority(ctx, msg.authority)
    error = rules.find_plan_error(msg.plan)
    require(not error, UpgradeError.PLAN_INVALID, error)
    detail = f"height {ctx.block.height} has passed"
    require(msg.plan.height > ctx.block.height, UpgradeError.PLAN_INVALID, detail)
    require(not UPGRADES.has(ctx, msg.plan.name), UpgradeError.NAME_USED, msg.plan.name)
    PLAN.set(ctx, msg.plan)
    ctx.emit(events_pb2.EventUpgradePlanned(plan=msg.plan))
    return tx_pb2.MsgPlanUpgradeResponse()


def cancel_upgrade(ctx: Context, msg: tx_pb2.MsgCancelUpgrade) -> tx_pb2.MsgCancelUpgradeResponse:
    """Ends the plan."""
    params.require_authority(ctx, msg.authority)
    plan = PLAN.get_shared(ctx)
    require(plan.name, UpgradeError.NO_PLAN)
    PLAN.set(ctx, state_pb2.Plan())
    ctx.emit(events_pb2.EventUpgradeCancelled(name=plan.name))
    return tx_pb2.MsgCancelUpgradeResponse()
