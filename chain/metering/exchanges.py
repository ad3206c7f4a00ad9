"""Another device, or another key, behind the id of a meter; its registers go on."""

from __future__ import annotations

from blockenergy.metering.v1 import state_pb2
from blockenergy.registry.v1 import state_pb2 as registry_pb2

from chain import registry
from chain.metering.state import LAST_SETTLED, OFFSETS, PARAMS
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.state.collections import HasStore


def exchange(
    ctx: Context, meter_id: str, final: state_pb2.Registers, initial: state_pb2.Registers
) -> None:
    """Lets the registers of another device continue those of a meter, from the final ones of the
    old device and the initial ones of the new.
    """
    meter = require_meter(ctx, meter_id)
    size_wh = registry.get_register_size_wh(meter)
    old = OFFSETS.get(ctx, meter_id) or state_pb2.Offset()
    offset = state_pb2.Offset(
        import_wh=(final.import_wh + old.import_wh - initial.import_wh) % size_wh,
        export_wh=(final.export_wh + old.export_wh - initial.export_wh) % size_wh,
        exchanged_at_s=ctx.block.time_s,
        former_pub_key=meter.pub_key,
        former_import_wh=old.import_wh,
        former_export_wh=old.export_wh,
    )
    OFFSETS.set(ctx, meter_id, offset)


def find_rekeying_error(ctx: Context, meter_id: str) -> str:
    """Why a meter cannot have another key yet; empty if it can: readings of the device before it
    must not come any more.
    """
    offset = OFFSETS.get_shared(ctx, meter_id)
    length_s = PARAMS.get_shared(ctx).slot_length_s
    if offset is None or offset.exchanged_at_s <= slots.end_s(LAST_SETTLED.last(ctx) + 1, length_s):
        return ""
    return "wait until the slots from before are settled, or suspend it"


def replace_key(ctx: Context, meter_id: str, *, revoked: bool) -> None:
    """Notes until when the present key of a meter signs: for slots that have ended, unless it is
    revoked. The registers go on.
    """
    meter = require_meter(ctx, meter_id)
    offset = OFFSETS.get(ctx, meter_id) or state_pb2.Offset()
    offset.exchanged_at_s = ctx.block.time_s
    offset.former_pub_key = b"" if revoked else meter.pub_key
    offset.former_import_wh = offset.import_wh
    offset.former_export_wh = offset.export_wh
    OFFSETS.set(ctx, meter_id, offset)


def get_offset(
    state: HasStore, reading: state_pb2.Reading, slot_length_s: int
) -> state_pb2.Offset | None:
    """What continues the registers of a reading; with the former key and offset if the meter was
    exchanged after the slot had ended.
    """
    offset = OFFSETS.get_shared(state, reading.meter_id)
    if offset is None:
        return None
    is_former = slots.end_s(reading.slot, slot_length_s) < offset.exchanged_at_s
    if not is_former:
        return state_pb2.Offset(import_wh=offset.import_wh, export_wh=offset.export_wh)
    return state_pb2.Offset(
        import_wh=offset.former_import_wh,
        export_wh=offset.former_export_wh,
        former_pub_key=offset.former_pub_key,
    )


def continue_registers(
    meter: registry_pb2.Meter, shown: state_pb2.Registers, offset: state_pb2.Offset
) -> state_pb2.Registers:
    """What the registers would be if the meter had never been exchanged."""
    size_wh = registry.get_register_size_wh(meter)
    return state_pb2.Registers(
        import_wh=(shown.import_wh + offset.import_wh) % size_wh,
        export_wh=(shown.export_wh + offset.export_wh) % size_wh,
    )


def require_meter(state: HasStore, meter_id: str) -> registry_pb2.Meter:
    """A meter that must be there."""
    meter = registry.get_meter(state, meter_id)
    assert meter is not None, "a meter is settled that was never registered"
    return meter
