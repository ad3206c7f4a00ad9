"""Messages of bridges, and of the registrar about the devices behind a meter id."""

from __future__ import annotations

from blockenergy.metering.v1 import events_pb2, state_pb2, tx_pb2

from chain import registry
from chain.metering import keeper
from chain.metering.silence import MeteringError
from chain.metering.state import PARAMS
from chain.runtime.context import Context
from chain.runtime.errors import require


def submit_readings(
    ctx: Context, msg: tx_pb2.MsgSubmitReadings
) -> tx_pb2.MsgSubmitReadingsResponse:
    """Records readings; each has a result of its own."""
    params = PARAMS.get_shared(ctx)
    require(msg.readings, MeteringError.BATCH_EMPTY)
    require(
        len(msg.readings) <= params.readings_per_message_max,
        MeteringError.BATCH_TOO_LARGE,
        f"{len(msg.readings)} of {params.readings_per_message_max}",
    )
    results = []
    for reading in msg.readings:
        result = keeper.record(ctx, reading, msg.bridge)
        results.append(result)
        _announce(ctx, reading, result)
    return tx_pb2.MsgSubmitReadingsResponse(results=results)


def exchange_meter(ctx: Context, msg: tx_pb2.MsgExchangeMeter) -> tx_pb2.MsgExchangeMeterResponse:
    """Gives the id of a meter to the device that has taken its place."""
    registry.require_registrar(ctx, msg.registrar)
    registry.require_exchangeable(ctx, msg.meter_id, msg.pub_key)
    final = state_pb2.Registers(import_wh=msg.final_import_wh, export_wh=msg.final_export_wh)
    initial = state_pb2.Registers(import_wh=msg.initial_import_wh, export_wh=msg.initial_export_wh)
    error = keeper.find_exchange_error(ctx, msg.meter_id, final)
    require(not error, MeteringError.REGISTERS_OUT_OF_RANGE, error)
    registry.exchange_meter(ctx, msg.meter_id, msg.pub_key)
    keeper.exchange(ctx, msg.meter_id, final, initial)
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
