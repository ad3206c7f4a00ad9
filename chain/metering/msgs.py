"""Messages with readings, and of the registrar about the devices behind a meter id."""

from __future__ import annotations

from collections.abc import Sequence

from blockenergy.metering.v1 import events_pb2, state_pb2, tx_pb2

from chain import registry
from chain.metering import exchanges, keeper
from chain.metering.silence import MeteringError
from chain.metering.state import PARAMS
from chain.runtime.context import Context
from chain.runtime.errors import require


def submit_readings(
    ctx: Context, msg: tx_pb2.MsgSubmitReadings
) -> tx_pb2.MsgSubmitReadingsResponse:
    """Records readings that a bridge has accepted; each has a result of its own."""
    return tx_pb2.MsgSubmitReadingsResponse(results=_record(ctx, msg.readings))


def bring_readings(ctx: Context, msg: tx_pb2.MsgBringReadings) -> tx_pb2.MsgBringReadingsResponse:
    """Records readings, whoever brings them."""
    return tx_pb2.MsgBringReadingsResponse(results=_record(ctx, msg.readings))


def exchange_meter(ctx: Context, msg: tx_pb2.MsgExchangeMeter) -> tx_pb2.MsgExchangeMeterResponse:
    """Gives the id of a meter to the device that has taken its place."""
    registry.require_registrar(ctx, msg.registrar)
    registry.require_installed(ctx, msg.meter_id)
    registry.require_free_key(ctx, msg.pub_key)
    final = state_pb2.Registers(import_wh=msg.final_import_wh, export_wh=msg.final_export_wh)
    initial = state_pb2.Registers(import_wh=msg.initial_import_wh, export_wh=msg.initial_export_wh)
    _require_final(ctx, msg.meter_id, final)
    exchanges.exchange(ctx, msg.meter_id, final, initial)
    registry.exchange_meter(ctx, msg.meter_id, msg.pub_key)
    ctx.emit(
        events_pb2.EventMeterExchanged(
            meter_id=msg.meter_id,
            final_import_wh=msg.final_import_wh,
            final_export_wh=msg.final_export_wh,
            initial_import_wh=msg.initial_import_wh,
            initial_export_wh=msg.initial_export_wh,
        )
    )
    return tx_pb2.MsgExchangeMeterResponse()


def replace_meter_key(
    ctx: Context, msg: tx_pb2.MsgReplaceMeterKey
) -> tx_pb2.MsgReplaceMeterKeyResponse:
    """Gives a meter another key, and lets the old one end."""
    registry.require_registrar(ctx, msg.registrar)
    registry.require_installed(ctx, msg.meter_id)
    registry.require_free_key(ctx, msg.pub_key)
    error = exchanges.find_rekeying_error(ctx, msg.meter_id)
    require(not error, MeteringError.EXCHANGED_JUST_NOW, error)
    exchanges.replace_key(ctx, msg.meter_id, revoked=msg.revoked)
    registry.exchange_meter(ctx, msg.meter_id, msg.pub_key)
    ctx.emit(
        events_pb2.EventMeterKeyReplaced(
            meter_id=msg.meter_id, pub_key=msg.pub_key.hex(), revoked=msg.revoked
        )
    )
    return tx_pb2.MsgReplaceMeterKeyResponse()


def remove_meter(ctx: Context, msg: tx_pb2.MsgRemoveMeter) -> tx_pb2.MsgRemoveMeterResponse:
    """Removes a meter, with its final reading."""
    registry.require_registrar(ctx, msg.registrar)
    registry.require_installed(ctx, msg.meter_id)
    final = state_pb2.Registers(import_wh=msg.final_import_wh, export_wh=msg.final_export_wh)
    _require_final(ctx, msg.meter_id, final)
    registry.remove_meter(ctx, msg.meter_id)
    slot = keeper.record_final(ctx, msg.meter_id, final)
    ctx.emit(
        events_pb2.EventReadingRecorded(
            meter_id=msg.meter_id,
            slot=slot,
            import_register_wh=msg.final_import_wh,
            export_register_wh=msg.final_export_wh,
        )
    )
    return tx_pb2.MsgRemoveMeterResponse()


def _require_final(ctx: Context, meter_id: str, final: state_pb2.Registers) -> None:
    error = keeper.find_final_error(ctx, meter_id, final)
    require(not error, MeteringError.REGISTERS_OUT_OF_RANGE, error)


def _record(ctx: Context, readings: Sequence[state_pb2.Reading]) -> list[state_pb2.ReadingResult]:
    """Records readings one after the other; rejects none or too many of them."""
    most = PARAMS.get_shared(ctx).readings_per_message_max
    require(readings, MeteringError.BATCH_EMPTY)
    require(len(readings) <= most, MeteringError.BATCH_TOO_LARGE, f"{len(readings)} of {most}")
    results = []
    for reading in readings:
        result = keeper.record(ctx, reading)
        results.append(result)
        _announce(ctx, reading, result)
    return results


def _announce(ctx: Context, reading: state_pb2.Reading, result: state_pb2.ReadingResult) -> None:
    if result == state_pb2.READING_RECORDED:
        ctx.emit(
            events_pb2.EventReadingRecorded(
                meter_id=reading.meter_id,
                slot=reading.slot,
                import_register_wh=reading.import_register_wh,
                export_register_wh=reading.export_register_wh,
            )
        )
    elif result != state_pb2.READING_ALREADY_RECORDED:
        ctx.emit(
            events_pb2.EventReadingRejected(
                meter_id=reading.meter_id[:64], slot=reading.slot, result=result
            )
        )
