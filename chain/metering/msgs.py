"""Messages of bridges."""

from __future__ import annotations

from blockenergy.metering.v1 import errors_pb2, events_pb2, state_pb2, tx_pb2

from chain.metering import keeper
from chain.metering.state import PARAMS
from chain.runtime.context import Context
from chain.runtime.errors import ErrorCodes, require

MeteringError = ErrorCodes("metering", errors_pb2.Error.DESCRIPTOR)


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
