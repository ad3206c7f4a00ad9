"""The running day: a live table on a terminal, or a line per settled slot elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

import text_output
from agents.chain_view import get_middle
from node_config.demo.after.text import cent, eur, hours, kwh
from node_config.demo.day import Day
from node_config.demo.home.homes import Home
from node_config.demo.watcher import Progress

TITLE = "BlockEnergy: {} homes, {} with PV, on four validators; ten seconds count as an hour"
REFRESH_PER_S = 4
# Lines of a terminal that are not rows of slots.
FRAME_LINES = 9
STYLES = {"settled": "green", "delivery": "bold yellow", "metering": "yellow"}


class View(Protocol):
    """Shows the progress on request."""

    def show(self, progress: Progress, slot: int) -> None:
        """Shows the state while `slot` is delivered."""

    def say(self, text: str) -> None:
        """Shows a line that stays; from any thread."""

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

    def show(self, progress: Progress, slot: int) -> None:
        for number in self._day.slots:
            if number in progress.results and number not in self._shown:
                self._shown.add(number)
                text_output.say(self._format(progress, number))

    def say(self, text: str) -> None:
        text_output.say(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def _format(self, progress: Progress, number: int) -> str:
        found, result = progress.slots[number], progress.results[number]
        return (
            f"{hours(self._day.get_hour(number))}  slot {number}  "
            f"price {cent(get_middle(found)):>4} ct/kWh  "
            f"bought {found.info.bought_wh:>6} Wh  sold {found.info.sold_wh:>6} Wh  "
            f"metered import {result.import_wh:>6} Wh, export {result.export_wh:>6} Wh  "
            f"settled {eur(progress.get_money_settled(number)):>5} EUR  "
            f"readings {progress.readings[number]}  block {progress.height}  txs {progress.txs}"
        )


class LiveView:
    """A live table."""

    def __init__(self, day: Day, homes: Sequence[Home]) -> None:
        self._day = day
        self._title = TITLE.format(len(homes), sum(home.can_sell for home in homes))
        self._console = Console()
        self._live = Live(console=self._console, refresh_per_second=REFRESH_PER_S)

    def show(self, progress: Progress, slot: int) -> None:
        self._live.update(self._render(progress, slot))

    def say(self, text: str) -> None:
        # Above the table, and whole: a link that is cut into lines is none.
        self._console.print(Text(text), soft_wrap=True)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *arguments: object) -> None:
        self._live.__exit__(*arguments)

    def _render(self, progress: Progress, slot: int) -> Group:
        settled = progress.count_settled(self._day.slots)
        head = Text(self._title, style="bold")
        foot = Text(
            f"block {progress.height}   transactions {progress.txs}   orders {progress.orders}   "
            f"settled {settled}/{self._day.hours}   app hash {progress.app_hash.hex()[:16]}…",
            style="dim",
        )
        return Group(head, self._make_table(progress, slot), foot)

    def _make_table(self, progress: Progress, slot: int) -> Table:
        table = Table(expand=False)
        for name in ("hour", "slot"):
            table.add_column(name)
        for name in ("ct/kWh", "bought", "sold", "import", "export", "EUR", "readings"):
            table.add_column(name, justify="right")
        table.add_column("state")
        for number in self._choose_slots(slot):
            if number in progress.slots:
                state = describe_state(progress, number, slot)
                row = self._make_row(progress, number)
                table.add_row(*row, state, style=STYLES.get(state, ""))
        table.caption = "energy in kWh: bought and sold by orders, import and export by meters"
        return table

    def _choose_slots(self, slot: int) -> range:
        """The slots that fit on the terminal, ending with the tradable ones."""
        room = max(6, self._console.height - FRAME_LINES)
        last = min(slot + self._day.horizon_slots, self._day.slots.stop - 1)
        return range(max(self._day.first_slot, last - room + 1), last + 1)

    def _make_row(self, progress: Progress, number: int) -> list[str]:
        found, result = progress.slots[number], progress.results.get(number)
        metered = ["", "", ""]
        if result is not None:
            money = eur(progress.get_money_settled(number))
            metered = [kwh(result.import_wh, 2), kwh(result.export_wh, 2), money]
        return [
            hours(self._day.get_hour(number)),
            str(number),
            cent(get_middle(found)),
            kwh(found.info.bought_wh, 2),
            kwh(found.info.sold_wh, 2),
            *metered,
            str(progress.readings[number] or ""),
        ]


def describe_state(progress: Progress, number: int, slot: int) -> str:
    """The state of a slot while `slot` is delivered."""
    if number in progress.results:
        return "settled"
    if number > slot:
        return "trading"
    return "delivery" if number == slot else "metering"


def make_view(day: Day, homes: Sequence[Home], is_plain: bool) -> View:
    """A live table on a terminal, unless `plain` is set."""
    text_output.prepare(sys.stdout)
    return PlainView(day) if is_plain or not sys.stdout.isatty() else LiveView(day, homes)
