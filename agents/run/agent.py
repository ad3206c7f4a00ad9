"""One home that trades: resolves what was sent, then observes, decides, writes down, sends."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmos.authz.v1beta1.tx_pb2 import MsgExec
from google.protobuf.message import Message

from agents.chain_view import ask_node, make_messages
from agents.run.journal import Journal, Turn, TurnStatus
from agents.run.observe import Network, Seen, learn_measured, observe
from agents.run.publish import publish
from agents.run.settings import HomeSettings
from agents.trading import Decision, Memory, Order, decide
from agents.trading.cover import format_price
from client.account import Signer
from client.errors import MissingError
from client.node.rpc_types import TxResult
from client.orders import follow_orders
from client.signing import tx
from client.watch import decode_events

if TYPE_CHECKING:
    from agents.run.forecaster import Forecaster

# A transaction that is in no block after so many more never will be.
TIMEOUT_BLOCKS = 30
# A node's index of transactions may be a little behind its blocks.
INDEX_BLOCKS = 2
Say = Callable[[str], None]


class HomeAgent:
    """A home on a network. `step` is called again and again, and takes one turn in each slot."""

    def __init__(
        self,
        home: HomeSettings,
        signer: Signer,
        network: Network,
        journal: Journal,
        say: Say,
        owner: str = "",
        forecaster: Forecaster | None = None,
    ) -> None:
        """`owner` is the address of the account that trades, if it is not the signer's;
        `forecaster` the models that it takes, if its own last days are not to be all it has.
        """
        self.home = home
        self._owner = owner or signer.address
        self.turns = 0
        self._signer, self._network, self._journal, self._say = signer, network, journal, say
        self._ask = ask_node(signer.rpc)
        self._forecaster, self._forecast_by = forecaster, ""
        self._shown_slot = self._scheduled_slot = 0

    def step(self, slot: int, height: int, *, dry_run: bool = False) -> None:
        """Goes on where it is, while `slot` is delivered and the chain is at this height."""
        if dry_run:
            if slot != self._shown_slot:
                self._shown_slot = slot
                _, decision = self._decide(slot)
                self._show(slot, decision, "would ")
                self.turns += 1
            return
        last = self._journal.get_last_turn()
        if last is not None and self._scheduled_slot < last.slot:
            # The program may have ended between the journal and the schedule.
            self._write_schedule(last)
        if last is not None and last.status == TurnStatus.SIGNED:
            self._resolve(last, height)
        elif last is None or last.slot < slot:
            self._take_turn(slot, height)
        elif self.home.publish is not None:
            publish(self._signer, self._ask, self.home.publish, self._network, self._journal, slot)

    def _decide(self, slot: int) -> tuple[Seen, Decision]:
        address = self._owner
        learn_measured(self._ask, self.home, self._network, self._journal, slot, address)
        seen = observe(
            self._ask, self.home, self._network, self._journal, slot, address, self._forecaster
        )
        if seen.forecast_by != self._forecast_by:
            self._forecast_by = seen.forecast_by
            self._say(f"{self.home.key}, slot {slot}: forecasts by {seen.forecast_by}")
        memory = self._journal.get_note("memory", None)
        known = Memory(tuple(memory["propensities"]), memory["chosen"]) if memory else Memory()
        decision, self._memory = decide(seen.observation, self.home.strategy, known)
        return seen, decision

    def _take_turn(self, slot: int, height: int) -> None:
        seen, decision = self._decide(slot)
        if self.home.stop_file.exists():
            reason = f"nothing is sent while {self.home.stop_file} is there"
            decision = replace(decision, orders=(), reasons=(*decision.reasons, reason))
        turn = Turn(slot, TurnStatus.QUIET, _describe_seen(seen), _describe(decision, seen))
        if decision.orders:
            timeout_height = height + TIMEOUT_BLOCKS
            messages = self._delegate(make_messages(decision.orders, self._owner))
            raw = self._signer.sign(messages, timeout_height=timeout_height)
            turn = replace(turn, status=TurnStatus.SIGNED, tx=raw, timeout_height=timeout_height)
        notes = {
            "prices": {str(number): price for number, price in seen.prices.per_kwh.items()},
            "stored": {"before_slot": slot + 1, "stored_wh": seen.stored_wh},
            "memory": asdict(self._memory),
        }
        self._journal.write_turn(turn, notes)
        self._write_schedule(turn)
        self._show(slot, decision, "")
        if turn.tx:
            self._send(turn)
        else:
            self.turns += 1

    def _delegate(self, messages: list[Message]) -> list[Message]:
        """Messages of the owner in the form that the signer can send."""
        if self._owner == self._signer.address:
            return messages
        # What is executed together fails together, as in one transaction without an owner.
        packed = [tx.pack(message) for message in messages]
        return [MsgExec(grantee=self._signer.address, msgs=packed)]

    def _send(self, turn: Turn) -> None:
        sent = self._signer.send_signed(turn.tx, wait=False)
        if sent.code and self._signer.rpc.tx(sent.hash) is None:
            self._close(turn, TurnStatus.EXPIRED, {"error": sent.log})

    def _resolve(self, turn: Turn, height: int) -> None:
        """Looks for a transaction; sends the same bytes again as long as they can be of use."""
        found = self._signer.rpc.tx(tx.compute_hash(turn.tx))
        if found is not None:
            self._close(turn, TurnStatus.INCLUDED, self._follow(found))
        elif height > turn.timeout_height + INDEX_BLOCKS:
            self._close(turn, TurnStatus.EXPIRED, {"error": "it was in no block in time"})
        else:
            self._send(turn)

    def _follow(self, found: TxResult) -> dict[str, Any]:
        if found.result.code:
            return {"error": found.result.log}
        states = follow_orders(self._signer.rpc, decode_events(found.result.events), found.height)
        return {
            "height": found.height,
            "orders": [
                {
                    "order_id": state.order_id,
                    "status": str(state.status),
                    "traded_wh": state.traded_wh,
                    "amount": state.amount,
                    "reason": state.reason,
                }
                for state in states
            ],
        }

    def _close(self, turn: Turn, status: TurnStatus, outcome: dict[str, Any]) -> None:
        self._journal.write_turn(replace(turn, status=status, outcome=outcome), {})
        self.turns += 1
        if "error" in outcome:
            self._say(f"{self.home.key}, slot {turn.slot}: not executed: {outcome['error']}")
            return
        traded = [one for one in outcome["orders"] if one["traded_wh"]]
        total_wh = sum(one["traded_wh"] for one in traded)
        self._say(
            f"{self.home.key}, slot {turn.slot}: {len(traded)} of {len(outcome['orders'])} orders "
            f"traded, {total_wh} Wh"
        )

    def _show(self, slot: int, decision: Decision, would: str) -> None:
        who = f"{self.home.key}, slot {slot}:"
        for order in decision.orders:
            self._say(f"{who} {would}{format_order(order)}")
        for reason in decision.reasons:
            self._say(f"{who} {reason}")

    def _write_schedule(self, turn: Turn) -> None:
        """What battery and load are to do, for whoever controls them; replaced at once."""
        self._scheduled_slot = turn.slot
        path = self.home.get_path(self.home.schedule_file)
        if path is None:
            return
        now_wh, battery_wh = turn.decided["now_battery_wh"], turn.decided["battery_wh"]
        load_wh = turn.seen["flexible"]["planned_wh"]
        content = {
            "slot": turn.slot,
            "battery_wh": {str(turn.slot): now_wh} | battery_wh,
            "load_wh": {str(one): wh for one, wh in load_wh.items() if int(one) >= turn.slot},
        }
        write_whole(path, json.dumps(content))


def format_order(order: Order) -> str:
    """An order and its reason in one line."""
    verb, bound = ("buy", "up to") if order.is_buy else ("sell", "down to")
    return (
        f"{verb} {order.quantity_wh} Wh for slot {order.slot}, {bound} "
        f"{format_price(order.price_limit_per_kwh)}: {order.reason}"
    )


def write_whole(path: Path, text: str) -> None:
    """Replaces a file so that a reader finds the old or the new text; MissingError if it fails."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)
    except OSError as error:
        raise MissingError(f"{path} cannot be written: {error.strerror}") from error


def _describe_seen(seen: Seen) -> dict[str, Any]:
    found = asdict(seen.observation)
    window = found["flexible"]["slots"]
    found["flexible"]["slots"] = [window.start, window.stop]
    return found | {"forecast_by": seen.forecast_by}


def _describe(decision: Decision, seen: Seen) -> dict[str, Any]:
    return {
        "orders": [asdict(order) for order in decision.orders],
        "battery_wh": {str(slot): wh for slot, wh in decision.battery_wh.items()},
        "worth_per_kwh": decision.worth_per_kwh,
        "reasons": list(decision.reasons),
        "now_battery_wh": seen.now_battery_wh,
    }
