"""Invariants of transfers and packets."""

from __future__ import annotations

from chain import bank
from chain.ibc import transfer, transfer_data
from chain.ibc.packets import Kind
from chain.ibc.state import CLIENT_COUNT, CLIENTS, LIMITS, PACKETS
from chain.runtime.state.collections import HasStore


def escrow(state: HasStore) -> list[str]:
    """What of ours is elsewhere is in escrow: no more and no less."""
    problems = []
    for (client_id, path), limit in LIMITS.items(state):
        denom, is_voucher = transfer.get_denom(client_id, path)
        account = transfer_data.get_escrow_account(client_id)
        held = bank.get_balance(state, account, denom)
        if not is_voucher and held != limit.outstanding:
            problems.append(f"{client_id}: {held}{denom} in escrow of {limit.outstanding}")
    return problems


def vouchers(state: HasStore) -> list[str]:
    """What is here of another chain's is the supply of its voucher."""
    problems = []
    for (client_id, path), limit in LIMITS.items(state):
        denom, is_voucher = transfer.get_denom(client_id, path)
        info = bank.get_denom(state, denom)
        supply = info.supply if info else 0
        if is_voucher and supply != limit.outstanding:
            problems.append(f"{path}: a supply of {supply}, {limit.outstanding} have come")
    return problems


def receipts(state: HasStore) -> list[str]:
    """Every receipt has its acknowledgement, and no packet has a sequence that was not given."""
    problems = []
    for client_id, client in CLIENTS.items(state):
        receipts = [number for number, _ in PACKETS.under((client_id, Kind.RECEIPT)).items(state)]
        answers = PACKETS.under((client_id, Kind.ACKNOWLEDGEMENT)).items(state)
        if receipts != [number for number, _ in answers]:
            problems.append(f"{client_id}: receipts and acknowledgements differ")
        sent = PACKETS.under((client_id, Kind.COMMITMENT)).items(state, reverse=True)
        last = next((number for number, _ in sent), 0)
        if last > client.last_sequence:
            problems.append(f"{client_id}: packet {last} was never sent")
    return problems


def client_count(state: HasStore) -> list[str]:
    """As many clients are counted as there are."""
    counted, count = CLIENT_COUNT.last(state), sum(1 for _ in CLIENTS.items(state))
    return [f"{counted} clients are counted of {count}"] if counted != count else []
