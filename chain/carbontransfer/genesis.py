"""Validation of what crosses in a genesis document."""

from __future__ import annotations

from chain import ibc
from chain.carbontransfer.state import (
    CREDIT_ESCROWS,
    ESCROWS,
    FOREIGN_HOLDINGS,
    FOREIGN_SERIES,
    RETIREMENTS,
    ROUTES,
)
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError
from chain.runtime.state.collections import GenesisError, HasStore

_SUM_MAX_WH = 1 << 60


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless clients are known and amounts are in range."""
    for client_id, _ in ROUTES.items(state):
        try:
            ibc.require_client(state, client_id)
        except ChainError:
            raise GenesisError(f"carbontransfer.routes {client_id}: no such client") from None
    for (slot, (_, client_id)), wh in ESCROWS.items(state):
        if not wh or not ROUTES.has(state, client_id):
            raise GenesisError(f"carbontransfer.escrows {slot}, {client_id}: not valid")
    for (client_id, batch), grams in CREDIT_ESCROWS.items(state):
        if not grams or not ROUTES.has(state, client_id):
            raise GenesisError(f"carbontransfer.credit_escrows {client_id}, {batch}: not valid")
    for ((client_id, slot), _), series in FOREIGN_SERIES.items(state):
        ended_wh = series.returned_wh + series.retired_wh + series.expired_wh
        if not ended_wh <= series.received_wh <= _SUM_MAX_WH:
            raise GenesisError(f"carbontransfer.foreign_series {client_id}, {slot}: not valid")
    for ((client_id, _), _), holding in FOREIGN_HOLDINGS.items(state):
        if not holding.wh:
            raise GenesisError(f"carbontransfer.foreign_holdings {client_id}: nothing has no entry")
    for _, retirement in RETIREMENTS.items(state):
        for address in (retirement.holder, *(entry.producer for entry in retirement.entries)):
            bech32.decode(address)
