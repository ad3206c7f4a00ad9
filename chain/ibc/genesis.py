"""What a genesis document must promise about clients, packets and transfers."""

from __future__ import annotations

from chain import bank
from chain.ibc import forms, transfer, transfer_data
from chain.ibc.identifiers import is_client_id, is_own_client_id
from chain.ibc.packets import RECEIPT, Kind
from chain.ibc.state import CLIENTS, CONSENSUS_STATES, LIMITS, PACKETS, PARAMS
from chain.ibc.tendermint import ClientError, require_sound
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import GenesisError, HasStore

_CLIENTS_CEILING = 10_000
_HASH_BYTES = 32


def validate_params(state: HasStore) -> None:
    """Raises GenesisError unless the limit makes sense."""
    if not 0 < PARAMS.get(state).clients_max <= _CLIENTS_CEILING:
        raise GenesisError(f"ibc.params.clients_max: 1 to {_CLIENTS_CEILING} is expected")


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless clients, packets and limits fit together."""
    for client_id, client in CLIENTS.items(state):
        bech32.decode(client.creator)
        known = not client.counterparty or is_client_id(client.counterparty)
        if not is_own_client_id(client_id) or not known:
            raise GenesisError(f"ibc.clients {client_id}: its id or its counterparty is not valid")
        try:
            require_sound(forms.read_client(client.state))
        except ClientError as error:
            raise GenesisError(f"ibc.clients {client_id}: {error}") from None
    for (client_id, height), consensus in CONSENSUS_STATES.items(state):
        try:
            found = forms.read_consensus(consensus)
        except ClientError as error:
            raise GenesisError(f"ibc.consensus_states {client_id}: {error}") from None
        sizes = {len(found.root), len(found.next_validators_hash)}
        if sizes != {_HASH_BYTES} or not CLIENTS.has(state, client_id) or not height[1]:
            raise GenesisError(f"ibc.consensus_states {client_id}: not valid")
    for ((client_id, kind), number), value in PACKETS.items(state):
        fits = value == RECEIPT if kind == Kind.RECEIPT else len(value) == _HASH_BYTES
        if not fits or not number or not CLIENTS.has(state, client_id):
            raise GenesisError(f"ibc.packets {client_id}, {number}: not valid")
    for (client_id, path), _ in LIMITS.items(state):
        denom, _ = transfer.get_denom(client_id, path)
        known = transfer_data.is_path(path) and CLIENTS.has(state, client_id)
        if not known or bank.get_denom(state, denom) is None:
            raise GenesisError(f"ibc.limits {client_id}, {path}: not valid")
