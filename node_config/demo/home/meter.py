"""A simulated smart meter: two cumulative registers, and the telegram that reports them."""

from __future__ import annotations

from collections.abc import Sequence

from meter_bridge.client import dsmr


class Meter:
    """The registers of a connection, in Wh since the meter was made."""

    def __init__(self, meter_id: str, import_register_wh: int, export_register_wh: int) -> None:
        self.meter_id = meter_id
        self.import_register_wh = import_register_wh
        self.export_register_wh = export_register_wh

    def count(self, net_use_wh: Sequence[int]) -> None:
        """Adds net use, step by step; negative steps are export."""
        self.import_register_wh += sum(step for step in net_use_wh if step > 0)
        self.export_register_wh -= sum(step for step in net_use_wh if step < 0)

    def make_telegram(self, time_s: int) -> bytes:
        """A DSMR P1 telegram, with day and night tariff registers."""
        night_wh = self.import_register_wh * 2 // 5
        registers = [night_wh, self.import_register_wh - night_wh]
        return dsmr.format_telegram(self.meter_id, time_s, registers, [0, self.export_register_wh])
