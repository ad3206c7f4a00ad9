"""Messages of the registrar about feeders: the tree of lines that the market trades over."""

from __future__ import annotations

from blockenergy.registry.v1 import events_pb2, state_pb2, tx_pb2

from chain.registry import rules
from chain.registry.keeper import RegistryError, get_path, require_registrar
from chain.registry.state import FEEDER_COUNT, FEEDERS, PARAMS, PARTICIPANTS
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.tx import decode_address


def add_feeder(ctx: Context, msg: tx_pb2.MsgAddFeeder) -> tx_pb2.MsgAddFeederResponse:
    """Registers a feeder below another one, or below the grid supply point."""
    require_registrar(ctx, msg.registrar)
    feeder = state_pb2.Feeder(
        parent=msg.parent,
        capacity_w=msg.capacity_w,
        grid_fee_per_kwh=msg.grid_fee_per_kwh,
        thin_market=msg.thin_market,
        operator=msg.operator,
    )
    _require_valid(ctx, msg.feeder, feeder)
    require(not FEEDERS.has(ctx, msg.feeder), RegistryError.FEEDER_EXISTS)
    require(not msg.parent or FEEDERS.has(ctx, msg.parent), RegistryError.FEEDER_UNKNOWN)
    most = PARAMS.get_shared(ctx).feeders_max
    require(FEEDER_COUNT.last(ctx) < most, RegistryError.TOO_MANY_FEEDERS, f"{most} in all")
    require(
        len(get_path(ctx, msg.parent)) < rules.FEEDER_DEPTH_MAX,
        RegistryError.TOO_MANY_FEEDERS,
        f"{rules.FEEDER_DEPTH_MAX} on a path",
    )
    FEEDER_COUNT.next(ctx)
    _set(ctx, msg.feeder, feeder)
    return tx_pb2.MsgAddFeederResponse()


def change_feeder(ctx: Context, msg: tx_pb2.MsgChangeFeeder) -> tx_pb2.MsgChangeFeederResponse:
    """Changes capacity, fee, market type and operator of a feeder; its parent stays."""
    require_registrar(ctx, msg.registrar)
    feeder = FEEDERS.get(ctx, msg.feeder)
    if feeder is None:
        raise ChainError(RegistryError.FEEDER_UNKNOWN)
    feeder.capacity_w = msg.capacity_w
    feeder.grid_fee_per_kwh = msg.grid_fee_per_kwh
    feeder.thin_market = msg.thin_market
    feeder.operator = msg.operator
    _require_valid(ctx, msg.feeder, feeder)
    _set(ctx, msg.feeder, feeder)
    return tx_pb2.MsgChangeFeederResponse()


def _require_valid(ctx: Context, name: str, feeder: state_pb2.Feeder) -> None:
    error = rules.find_feeder_error(name, feeder)
    require(not error, RegistryError.FEEDER_INVALID, error)
    if feeder.operator:
        operator = PARTICIPANTS.get_shared(ctx, decode_address(feeder.operator))
        require(rules.is_operator(operator), RegistryError.OPERATOR_INVALID)


def _set(ctx: Context, name: str, feeder: state_pb2.Feeder) -> None:
    FEEDERS.set(ctx, name, feeder)
    ctx.emit(events_pb2.EventFeederSet(feeder=name, info=feeder))
