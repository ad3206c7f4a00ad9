"""Ids of new chains: NAME-RANDOM-REVISION, such as energy-local-7f3a9c-1.

A transaction is good on every chain with its chain id, account numbers and sequences. Because of
the random part no network that is set up anew takes the transactions of an earlier one. The number
at the end is the revision, in the format of Cosmos that IBC needs.
"""

from __future__ import annotations

import secrets

from client.node.chain_pin import require_chain_id

RANDOM_BYTES = 3
FIRST_REVISION = 1


def make_chain_id(name: str) -> str:
    """A new id for a chain with this name; UsageError if the name is not valid or too long."""
    return require_chain_id(f"{name}-{secrets.token_hex(RANDOM_BYTES)}-{FIRST_REVISION}")
