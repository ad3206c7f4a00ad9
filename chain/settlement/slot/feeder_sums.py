"""What was settled on each feeder and below it: the sums of the lines there.

They are kept only until the slot is settled: whoever follows the chain has them from the events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from blockenergy.settlement.v1 import events_pb2, state_pb2

from chain import registry
from chain.runtime.context import Context
from chain.runtime.state.collections import HasStore
from chain.settlement import rules
from chain.settlement.listeners import SettledAccount
from chain.settlement.state import FEEDER_SUMS

FEEDERS_PER_EVENT = 100
_ADDED = (
    *("accounts", "meters", "estimated_accounts"),
    *("bought_wh", "sold_wh", "import_wh", "export_wh"),
)


def add_up(ctx: Context, slot: int, settled: Iterable[SettledAccount]) -> None:
    """Adds accounts with a line to the feeders that they are on, and to those above these."""
    groups: dict[str, list[SettledAccount]] = {}
    for account in settled:
        groups.setdefault(_find_feeder(account), []).append(account)
    groups.pop("", None)
    sums = {feeder: _sum(accounts) for feeder, accounts in groups.items()}
    totals: dict[str, state_pb2.FeederSum] = {}
    for feeder, part in sums.items():
        for name, _ in registry.get_path(ctx, feeder):
            if name not in totals:
                found = FEEDER_SUMS.get(ctx, (slot, name))
                totals[name] = found or state_pb2.FeederSum()
            _add(totals[name], part)
    for name, total in sorted(totals.items()):
        FEEDER_SUMS.set(ctx, (slot, name), total)


def announce(ctx: Context, slot: int, limit: int) -> int:
    """Announces the sums of feeders, up to a limit, and forgets them; returns how many."""
    waiting = list(islice(FEEDER_SUMS.under(slot).items(ctx), limit))
    for start in range(0, len(waiting), FEEDERS_PER_EVENT):
        feeders = [
            events_pb2.SettledFeeder(feeder=name, sum=total)
            for name, total in waiting[start : start + FEEDERS_PER_EVENT]
        ]
        ctx.emit(events_pb2.EventFeedersSettled(slot=slot, feeders=feeders))
    for name, _ in waiting:
        FEEDER_SUMS.delete(ctx, (slot, name))
    return len(waiting)


def is_waiting(state: HasStore, slot: int) -> bool:
    """Whether sums are still to be announced."""
    return next(FEEDER_SUMS.under(slot).items(state), None) is not None


def _find_feeder(account: SettledAccount) -> str:
    """All meters of an account are at one grid node."""
    if account.meters:
        return account.meters[0].feeder
    return account.position.feeder if account.position is not None else ""


def _sum(accounts: Sequence[SettledAccount]) -> state_pb2.FeederSum:
    lines = [account.line for account in accounts]
    return state_pb2.FeederSum(
        accounts=len(lines),
        meters=sum([len(account.meters) for account in accounts]),
        estimated_accounts=sum([line.quality in rules.ESTIMATED for line in lines]),
        bought_wh=sum([line.bought_wh for line in lines]),
        sold_wh=sum([line.sold_wh for line in lines]),
        import_wh=sum([line.import_wh for line in lines]),
        export_wh=sum([line.export_wh for line in lines]),
        largest_wh=max([line.import_wh + line.export_wh for line in lines]),
    )


def _add(total: state_pb2.FeederSum, part: state_pb2.FeederSum) -> None:
    for name in _ADDED:
        setattr(total, name, getattr(total, name) + getattr(part, name))
    total.largest_wh = max(total.largest_wh, part.largest_wh)
