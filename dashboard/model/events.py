"""Transactions and events of a block as rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection, insert

from client.errors import UsageError
from client.node.rpc_types import Block, ExecutionResult
from client.signing import tx as txs
from dashboard.model.registry import Registry
from dashboard.model.tables import EVENT, EVENT_ACCOUNT, INTEGER_MAX, TX
from dashboard.signers import find_signer
from dashboard.visible import NOT_KEPT, get_meter, list_addresses

_LOG_CHARACTERS_MAX = 500


def make_tx_rows(block: Block, results: Sequence[ExecutionResult]) -> list[dict[str, Any]]:
    """A row for each transaction of a block."""
    return [
        _make_tx_row(block.height, number, tx, result)
        for number, (tx, result) in enumerate(zip(block.txs, results, strict=True))
    ]


def make_event_rows(
    height: int, events: Sequence[Message], registry: Registry
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the events that are kept, and of the accounts that they concern."""
    rows, concerned = [], []
    for number, event in enumerate(events):
        name = event.DESCRIPTOR.full_name
        if name in NOT_KEPT:
            continue
        slot = getattr(event, "slot", None)
        rows.append(
            {
                "height": height,
                "number": number,
                "slot": slot if slot is None or slot <= INTEGER_MAX else None,
                "type": name,
                "content": event.SerializeToString(deterministic=True),
            }
        )
        concerned += [
            {"account": account, "height": height, "number": number}
            for account in sorted(set(_list_concerned(event, registry)))
        ]
    return rows, concerned


def write_rows(connection: Connection, tx_rows: Any, event_rows: Any, concerned: Any) -> None:
    """Writes what the functions above have made."""
    for table, rows in ((TX, tx_rows), (EVENT, event_rows), (EVENT_ACCOUNT, concerned)):
        if rows:
            connection.execute(insert(table), rows)


def _list_concerned(event: Message, registry: Registry) -> Iterator[str]:
    yield from list_addresses(event)
    meter = get_meter(event)
    owner = registry.find_owner(meter) if meter else ""
    if owner:
        yield owner


def _make_tx_row(height: int, number: int, tx: bytes, result: ExecutionResult) -> dict[str, Any]:
    try:
        content = txs.decode(tx)
        signer = find_signer(content)
        types = [packed.type_url.rpartition("/")[2] for packed in content.body.messages]
    except UsageError:
        signer, types = "", []
    return {
        "height": height,
        "number": number,
        "hash": txs.compute_hash(tx),
        "signer": signer,
        "types": " ".join(types),
        "code": result.code,
        "codespace": result.codespace,
        "log": result.log[:_LOG_CHARACTERS_MAX].replace("\0", ""),
    }
