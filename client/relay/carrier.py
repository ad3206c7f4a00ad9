"""Carries packets, answers and timeouts between two chains, pass by pass.

Each pass looks at what the chains say now, so that it does not matter what became of the one
before, or whether another relayer has done a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from google.protobuf.message import Message

from chain import ibc
from client.errors import RpcError
from client.light.provider import LightBlock, fetch_block
from client.relay import messages
from client.relay.end import BehindError, End
from client.relay.journal import Journal
from client.relay.packets import Sent

# What fits into one transaction with a header, by its size and gas.
_PACKETS_PER_TX = 8
_BLOCKS_PER_PASS = 200
# ibc-go lets nothing into its mempool that was relayed already.
_REDUNDANT = ("channel", 22)
# A client is told of a header when this part of its trusting period is over: a third.
_REFRESH_PART = 3


@dataclass
class Progress:
    """What a pass has done. waiting: what has happened and can be carried only later."""

    read: int = 0
    packets: int = 0
    answers: int = 0
    timeouts: int = 0
    updates: int = 0
    rejected: int = 0
    waiting: int = 0
    # Of the last rejection.
    reason: str = ""

    def list_counts(self) -> dict[str, int]:
        """What was carried, and how many transactions were rejected."""
        names = ("packets", "answers", "timeouts", "updates", "rejected")
        return {name: getattr(self, name) for name in names}

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to do, and nothing waits for the next header."""
        return not (self.read + sum(self.list_counts().values()) + self.waiting)


class Standing(NamedTuple):
    """Where a chain is, as the last pass saw it: its latest block, the one up to which it was read,
    what happened there and has not ended, and seconds until its client expires.
    """

    chain_id: str
    height: int
    read_height: int
    open_packets: int
    open_answers: int
    client_left_s: int

    @property
    def unread_blocks(self) -> int:
        """Blocks that were not read yet."""
        return self.height - self.read_height


class Carrier:
    """Between two chains, each with the journal of what has happened on it."""

    def __init__(self, ends: tuple[End, End], journals: tuple[Journal, Journal]) -> None:
        self._ends = ends
        self._journals = journals
        self._heights = [0, 0]
        self._left_s = [0, 0]

    def list_standings(self) -> list[Standing]:
        """Both chains."""
        return [
            Standing(
                end.chain_id,
                self._heights[place],
                journal.height,
                len(journal.sent),
                len(journal.answered),
                self._left_s[place],
            )
            for place, (end, journal) in enumerate(zip(self._ends, self._journals, strict=True))
        ]

    def run_pass(self) -> Progress:
        """Reads new blocks of both chains, and carries what can be carried now."""
        progress = Progress()
        for place in (0, 1):
            self._read(place, progress)
        (one, other), (ones, others) = self._ends, self._journals
        for place, source, target, journal in ((1, one, other, ones), (0, other, one, others)):
            header = self._carry(source, target, journal, progress)
            self._left_s[place] = self._refresh(source, target, header, progress)
        return progress

    def find_news(self) -> str:
        """The id of a chain on which something has happened that was not read yet, be it in its
        latest block, which only the next one proves; empty if there is none.
        """
        for end, journal in zip(self._ends, self._journals, strict=True):
            try:
                unread = range(journal.height + 1, end.get_height() + 1)
                if any(end.list_news(height) for height in unread):
                    return end.chain_id
            except RpcError:
                # A block is there before its results are.
                return end.chain_id
        return ""

    def _read(self, place: int, progress: Progress) -> None:
        """Notes what has happened in blocks whose state the next header proves already."""
        end, journal = self._ends[place], self._journals[place]
        latest = self._heights[place] = end.get_height()
        for height in range(journal.height + 1, min(latest, journal.height + _BLOCKS_PER_PASS + 1)):
            if journal.is_full:
                break
            news = end.list_news(height)
            for one in news:
                journal.add(one)
            journal.height = height
            progress.read += bool(news)
        progress.waiting += journal.height < latest - 1

    def _carry(self, source: End, target: End, journal: Journal, progress: Progress) -> LightBlock:
        """Brings to the target what has happened on the source; ends there what is too late.
        Returns the header that it was proven by.
        """
        header, beyond = fetch_block(source.rpc), fetch_block(target.rpc)
        open_ones = source.list_open(one.packet for one in journal.sent)
        journal.sent = [one for one in journal.sent if one.packet.sequence in open_ones]
        missing = target.list_unreceived(one.packet for one in journal.sent)
        arriving = [
            messages.recv_packet(proven, target.signer.address)
            for one in journal.sent
            if one.packet.sequence in missing
            and not _is_late(one, beyond)
            and (proven := source.prove(one.packet, ibc.Kind.COMMITMENT, header))
        ]
        progress.packets += self._send(source, target, header, arriving, progress)
        ended = [
            messages.time_out(proven, source.signer.address)
            for one in journal.sent
            if one.packet.sequence in missing
            and _is_late(one, beyond)
            and (proven := target.prove(one.packet, ibc.Kind.RECEIPT, beyond))
        ]
        progress.timeouts += self._send(target, source, beyond, ended, progress)
        self._carry_answers(source, target, journal, header, progress)
        return header

    def _refresh(self, source: End, target: End, header: LightBlock, progress: Progress) -> int:
        """Keeps the target's client from expiring; returns how many seconds are left."""
        left_s, period_s = target.get_client_life(header)
        if _REFRESH_PART * (period_s - left_s) > period_s and self._send_together(
            source, target, header, [], progress
        ):
            progress.updates += 1
            return period_s
        return left_s

    def _carry_answers(
        self, source: End, target: End, journal: Journal, header: LightBlock, progress: Progress
    ) -> None:
        open_ones = target.list_open(one.packet for one in journal.answered)
        journal.answered = [one for one in journal.answered if one.packet.sequence in open_ones]
        answers = [
            messages.acknowledge(proven, one.acknowledgement, target.signer.address)
            for one in journal.answered
            if (proven := source.prove(one.packet, ibc.Kind.ACKNOWLEDGEMENT, header))
        ]
        progress.answers += self._send(source, target, header, answers, progress)

    def _send(
        self,
        source: End,
        target: End,
        header: LightBlock,
        carried: Sequence[Message],
        progress: Progress,
    ) -> int:
        """Sends messages with the header that their proofs need; returns how many were accepted.
        What is rejected is looked at again in the next pass.
        """
        done = 0
        for start in range(0, len(carried), _PACKETS_PER_TX):
            some = carried[start : start + _PACKETS_PER_TX]
            if self._send_together(source, target, header, some, progress):
                done += len(some)
            elif len(some) > 1:
                # One that is never accepted must not keep the others back.
                alone = [self._send(source, target, header, [one], progress) for one in some]
                done += sum(alone)
        return done

    def _send_together(
        self,
        source: End,
        target: End,
        header: LightBlock,
        some: Sequence[Message],
        progress: Progress,
    ) -> bool:
        """Sends messages in one transaction; whether it was accepted."""
        try:
            updates = target.make_updates(source, header)
        except BehindError:
            progress.waiting += 1
            return False
        # Each header takes the gas of hundreds of signatures: all but the last go alone.
        sent = [[update] for update in updates[:-1]] + [[*updates[-1:], *some]]
        for messages_of_tx in sent:
            if not messages_of_tx:
                continue
            outcome = target.send(messages_of_tx)
            if (outcome.codespace, outcome.code) == _REDUNDANT:
                # Another relayer was faster, and the next pass sees it.
                return False
            if outcome.code:
                progress.rejected += 1
                progress.reason = outcome.log
                return False
        return True


def _is_late(one: Sent, header: LightBlock) -> bool:
    """Whether the target chain takes a packet no longer."""
    return bool(header.header.time.seconds >= one.packet.timeout_timestamp)
