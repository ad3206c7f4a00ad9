"""Frames of the Sense monitor's realtime feed: JSON with power, not energy.

The power of all devices sums to the total, which is the only check that a frame has. It carries no
register; a gateway integrates power over time, and such readings are marked as derived.
"""

from __future__ import annotations

from decimal import Decimal

from meter_bridge.formats.encoding.documents import (
    get_list,
    get_number,
    get_object,
    get_text,
    read_json,
    require_whole,
)
from meter_bridge.formats.telegram import Content, Context, Quantity, TelegramError

UPDATE = "realtime_update"
CHECK = "sum of devices against the total"
DEVICES_MAX = 500
# Of single-precision numbers that are summed.
TOLERANCE_W = Decimal("0.01")


def read(raw: bytes, _: Context) -> list[Content]:
    """The content of one frame.

    Errors: TelegramError.
    """
    document = read_json(raw)
    if get_text(document, "type") != UPDATE:
        raise TelegramError(f"The frame is not a {UPDATE}.")
    payload = get_object(document, "payload")
    power = get_number(payload, "w")
    devices = get_list(payload, "devices")
    if len(devices) > DEVICES_MAX:
        raise TelegramError(f"The frame has more than {DEVICES_MAX} devices.")
    total = sum((get_number(device, "w") for device in devices), Decimal(0))
    if abs(total - power) > TOLERANCE_W:
        raise TelegramError(
            f"The devices of the frame sum to {total} W instead of {power} W; it was altered."
        )
    values = {
        "1-0:16.7.0": Quantity(power, "W"),
        "devices": Quantity(Decimal(len(devices))),
        "sum of devices": Quantity(total, "W"),
    }
    if "hz" in payload:
        values["1-0:14.7.0"] = Quantity(get_number(payload, "hz"), "Hz")
    time_s = require_whole(get_number(payload, "epoch"), "epoch")
    return [Content(time_s=time_s, values=values, checks=(CHECK,))]
