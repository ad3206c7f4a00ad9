"""The running day: a live table on a terminal, or a line per settled slot elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from node_config.demo.day import Day
from node_config.demo.ledger import Ledger, SlotRecord
from node_config.demo.text import cent, eur, hours, kwh

TITLE = "BlockEnergy: 20 homes, 10 with PV, on four validators; ten seconds represent an hour"
REFRESH_PER_S = 4
# Lines of a terminal that are not rows of slots.
FRAME_LINES = 9


class View(Protocol):
    """Shows the ledger on request."""

    def show(self, ledger: Ledger, slot: int) -> None:
        """Shows the state while `slot` is delivered."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        cls: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class PlainView:
    """One line per slot, when it is settled."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self._shown: set[int] = set()

    def show(self, ledger: Ledger, slot: int) -> None:
        for number in self._day.slots:
            record = ledger.slots.get(number)
            if record is not None and record.result is not None and number not in self._shown:
                self._shown.add(number)
                print(self._format(ledger, record), flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def _format(self, ledger: Ledger, record: SlotRecord) -> str:
        assert record.result is not None
        return (
            f"{hours(self._day.get_hour(record.slot))}  slot {record.slot}  "
            f"price {cent(record.price_per_kwh):>4} ct/kWh  "
            f"bought {record.bought_wh:>6} Wh  sold {record.sold_wh:>6} Wh  "
            f"metered import {record.result.import_wh:>6} Wh, "
            f"export {record.result.export_wh:>6} Wh  "
            f"settled {eur(record.money_settled):>5} EUR  "
            f"readings {record.readings}  block {ledger.height}  txs {ledger.txs}"
        )


class LiveView:
    """A live table."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self._console = Console()
        self._live = Live(console=self._console, refresh_per_second=REFRESH_PER_S)

    def show(self, ledger: Ledger, slot: int) -> None:
        self._live.update(self._render(ledger, slot))

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *arguments: object) -> None:
        self._live.__exit__(*arguments)

    def _render(self, ledger: Ledger, slot: int) -> Group:
        settled = ledger.count_settled(self._day.slots)
        head = Text(TITLE, style="bold")
        foot = Text(
            f"block {ledger.height}   transactions {ledger.txs}   orders {ledger.orders}   "
            f"settled {settled}/{self._day.hours}   app hash {ledger.app_hash.hex()[:16]}…",
            style="dim",
        )
        return Group(head, self._make_table(ledger, slot), foot)

    def _make_table(self, ledger: Ledger, slot: int) -> Table:
        table = Table(expand=False)
        for name in ("hour", "slot"):
            table.add_column(name)
        for name in ("ct/kWh", "bought", "sold", "import", "export", "EUR", "readings"):
            table.add_column(name, justify="right")
        table.add_column("state")
        for number in self._choose_slots(slot):
            record = ledger.slots.get(number)
            if record is not None:
                table.add_row(*self._make_row(record, slot), style=self._get_style(record, slot))
        table.caption = "energy in kWh: bought and sold by orders, import and export by meters"
        return table

    def _choose_slots(self, slot: int) -> range:
        """The slots that fit on the terminal, ending with the tradable ones."""
        room = max(6, self._console.height - FRAME_LINES)
        last = min(slot + self._day.horizon_slots, self._day.slots.stop - 1)
        return range(max(self._day.first_slot, last - room + 1), last + 1)

    def _make_row(self, record: SlotRecord, slot: int) -> list[str]:
        result = record.result
        return [
            hours(self._day.get_hour(record.slot)),
            str(record.slot),
            cent(record.price_per_kwh),
            kwh(record.bought_wh, 2),
            kwh(record.sold_wh, 2),
            kwh(result.import_wh, 2) if result is not None else "",
            kwh(result.export_wh, 2) if result is not None else "",
            eur(record.money_settled) if result is not None else "",
            str(record.readings or ""),
            self._describe(record, slot),
        ]

    def _describe(self, record: SlotRecord, slot: int) -> str:
        if record.result is not None:
            return "settled"
        if record.slot > slot:
            return "trading"
        return "delivery" if record.slot == slot else "metering"

    def _get_style(self, record: SlotRecord, slot: int) -> str:
        styles = {"settled": "green", "delivery": "bold yellow", "metering": "yellow"}
        return styles.get(self._describe(record, slot), "")


def make_view(day: Day, is_plain: bool) -> View:
    """A live table on a terminal, unless `plain` is set."""
    return PlainView(day) if is_plain or not sys.stdout.isatty() else LiveView(day)
