"""The modules that are told of settled accounts, in the order in which they are told.

They are told once per block and slot, with the accounts that the block has settled, after the
money of these has moved and before the slot is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.settlement.v1 import state_pb2

from chain import carbon, forecast, metering
from chain.runtime.context import Context
from chain.settlement.slot import feeder_checks


class SettledAccount(NamedTuple):
    """An account and how its slot was settled.

    position: what it had traded; None if nothing. line: its sums, also if the account did nothing
    and the line is therefore not stored. meters: those that the line is made of. booked: its
    carbon part. kept: whether the line is stored.
    """

    owner: bytes
    position: market_pb2.Position | None
    line: state_pb2.Line
    meters: Sequence[metering.SlotEnergy]
    booked: carbon.BookedLine
    kept: bool


# Called with the slot and its accounts, which are in the order of their addresses.
Listener = Callable[[Context, int, Sequence[SettledAccount]], None]


def _book_carbon(ctx: Context, slot: int, settled: Sequence[SettledAccount]) -> None:
    carbon.book_lines(ctx, slot, [account.booked for account in settled])


def _add_up_feeders(ctx: Context, slot: int, settled: Sequence[SettledAccount]) -> None:
    feeder_checks.add_up(ctx, slot, (energy for account in settled for energy in account.meters))


def _count_energy(ctx: Context, slot: int, settled: Sequence[SettledAccount]) -> None:
    forecast.count_energy(ctx, slot, (energy for account in settled for energy in account.meters))


LISTENERS: tuple[Listener, ...] = (_book_carbon, _add_up_feeders, _count_energy)


def announce(ctx: Context, slot: int, settled: Sequence[SettledAccount]) -> None:
    """Tells every listener of the accounts that were settled."""
    for listener in LISTENERS:
        listener(ctx, slot, settled)


def announce_slot(ctx: Context, slot: int, info: market_pb2.Slot) -> None:
    """Tells who waits for a whole slot that it is settled; after all of its accounts."""
    forecast.note_settled(ctx, slot, info)
