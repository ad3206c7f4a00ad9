"""What clients saw of their balances, and whether one order of events explains all of it.

A history is linearizable if its operations can be put into one order in which every balance that
was read is the right one, and in which an operation that had ended before another began comes
before it. The chain's own order is such a witness or it is not: if it is, the history is
linearizable, whatever other orders there may be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

UNKNOWN = math.inf


class Place(NamedTuple):
    """Where an operation takes effect. Reads see a whole block: they come after all of it."""

    height: int
    place: float


@dataclass(frozen=True, slots=True)
class Transfer:
    """A payment. Times are those of one clock; an end that is not known is UNKNOWN."""

    sender: str
    recipient: str
    amount: int
    invoked_s: float
    returned_s: float
    # Of every form in which it was handed to a node; at most one of them may have taken effect.
    hashes: tuple[bytes, ...]
    # The block that was reported; 0 if none was.
    height: int = 0
    # The chain's rejection, if there was one: then it must have had no effect.
    rejection: str = ""
    fee: int = 0


@dataclass(frozen=True, slots=True)
class Read:
    """A balance, as a node had it at a height.

    One that `is_newest` was asked of a node that had the block of a transfer that the same client
    began at `invoked_s`. Any other may be of an earlier block than the newest.
    """

    node: str
    address: str
    amount: int
    height: int
    invoked_s: float
    returned_s: float
    is_newest: bool


@dataclass
class History:
    """Everything that the clients of a network have done. Threads may append."""

    start: Mapping[str, int]
    transfers: list[Transfer] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)

    def get_committed(self) -> list[Transfer]:
        """The transfers that a node has reported committed."""
        return [one for one in self.transfers if one.height]


def check_invariants(history: History, committed: Mapping[bytes, Place]) -> list[str]:
    """Every contradiction; `committed` are the transactions that have had an effect."""
    placed, problems = place_transfers(history.transfers, committed)
    problems += find_wrong_reads(history, placed)
    newest = [(Place(read.height, math.inf), read) for read in history.reads if read.is_newest]
    return problems + find_reversals([*placed, *newest]) + find_steps_back(history.reads)


def place_transfers(
    transfers: Iterable[Transfer], committed: Mapping[bytes, Place]
) -> tuple[list[tuple[Place, Transfer]], list[str]]:
    """The transfers that took effect, in their order, and what cannot be."""
    placed, problems = [], []
    for one in transfers:
        places = [committed[each] for each in one.hashes if each in committed]
        name = f"the transfer {one.hashes[-1].hex()[:12]}"
        if len(places) > 1:
            problems.append(f"{name} took effect twice, at {places}")
        if places and one.rejection:
            problems.append(f"{name} was rejected ({one.rejection}) and took effect at {places[0]}")
        if one.height and [place.height for place in places] != [one.height]:
            problems.append(f"{name} was reported at height {one.height} and is at {places}")
        placed += [(place, one) for place in places]
    return sorted(placed, key=lambda pair: pair[0]), problems


def find_wrong_reads(history: History, placed: list[tuple[Place, Transfer]]) -> list[str]:
    """Balances that were not those of their height, and transfers of money that was not there."""
    problems = []
    balances, waiting = dict(history.start), list(placed)
    for read in sorted(history.reads, key=lambda one: one.height):
        while waiting and waiting[0][0].height <= read.height:
            problems += pay(balances, waiting.pop(0)[1])
        if read.amount != balances[read.address]:
            problems.append(
                f"{read.node} said at height {read.height} that {read.address} has {read.amount}, "
                f"but it had {balances[read.address]}"
            )
    for _, one in waiting:
        problems += pay(balances, one)
    return problems


def pay(balances: dict[str, int], one: Transfer) -> list[str]:
    """Moves the money of a transfer."""
    balances[one.sender] -= one.amount + one.fee
    balances[one.recipient] += one.amount
    return [f"{one.sender} paid more than it had"] if balances[one.sender] < 0 else []


def find_reversals(placed: Iterable[tuple[Place, Transfer | Read]]) -> list[str]:
    """Operations that had ended before one began that the chain's order puts before them."""
    problems = []
    latest = -math.inf
    for place, one in sorted(placed, key=lambda pair: pair[0]):
        if one.returned_s < latest:
            problems.append(
                f"at {place}: ended {latest - one.returned_s:.3f} s before an operation began "
                f"that comes earlier: {one}"
            )
        latest = max(latest, one.invoked_s)
    return problems


def find_steps_back(reads: Iterable[Read]) -> list[str]:
    """Nodes that showed an earlier height than they had shown before."""
    problems = []
    by_node: dict[str, list[Read]] = {}
    for read in reads:
        by_node.setdefault(read.node, []).append(read)
    for node, own in by_node.items():
        ended = sorted(own, key=lambda one: one.returned_s)
        highest, next_ended = 0, 0
        for read in sorted(own, key=lambda one: one.invoked_s):
            while ended[next_ended].returned_s < read.invoked_s:
                highest = max(highest, ended[next_ended].height)
                next_ended += 1
            if read.height < highest:
                problems.append(f"{node} showed height {highest} and later {read.height}")
    return problems
