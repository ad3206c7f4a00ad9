"""Addresses of REST: those of the Cosmos SDK, and one for each query of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple
from urllib.parse import unquote

from gateway.methods import Method, get_methods

# Addresses of the Cosmos SDK and their methods, by service; /cosmos.bank.v1beta1.Query has those
# under /cosmos/bank/v1beta1/. {name} is one part of an address, {name=**} all that is left of it.
_COSMOS = {
    "auth.v1beta1.Query": {
        "GET accounts/{address}": "Account",
    },
    "authz.v1beta1.Query": {
        "GET grants": "Grants",
        "GET grants/granter/{granter}": "GranterGrants",
        "GET grants/grantee/{grantee}": "GranteeGrants",
    },
    "bank.v1beta1.Query": {
        "GET balances/{address}": "AllBalances",
        "GET balances/{address}/by_denom": "Balance",
        "GET spendable_balances/{address}": "SpendableBalances",
        "GET supply": "TotalSupply",
        "GET supply/by_denom": "SupplyOf",
        "GET denoms_metadata": "DenomsMetadata",
        "GET denoms_metadata/{denom=**}": "DenomMetadata",
    },
    "base.node.v1beta1.Service": {
        "GET config": "Config",
    },
    "base.tendermint.v1beta1.Service": {
        "GET node_info": "GetNodeInfo",
        "GET syncing": "GetSyncing",
        "GET blocks/latest": "GetLatestBlock",
        "GET blocks/{height}": "GetBlockByHeight",
        "GET validatorsets/latest": "GetLatestValidatorSet",
        "GET validatorsets/{height}": "GetValidatorSetByHeight",
    },
    "consensus.v1.Query": {
        "GET params": "Params",
    },
    "feegrant.v1beta1.Query": {
        "GET allowance/{granter}/{grantee}": "Allowance",
        "GET allowances/{grantee}": "Allowances",
        "GET issued/{granter}": "AllowancesByGranter",
    },
    "tx.v1beta1.Service": {
        "POST simulate": "Simulate",
        "POST txs": "BroadcastTx",
        "GET txs": "GetTxsEvent",
        "GET txs/{hash}": "GetTx",
    },
}
# The same for IBC, with the whole address: its services have folders of their own.
_IBC = {
    "ibc.core.client.v1.Query": {
        "GET client_states": "ClientStates",
        "GET client_states/{client_id}": "ClientState",
        "GET client_status/{client_id}": "ClientStatus",
        "GET consensus_states/{client_id}": "ConsensusStates",
        "GET consensus_states/{client_id}/revision/{revision_number}/height/{revision_height}": (
            "ConsensusState"
        ),
    },
    "ibc.core.client.v2.Query": {
        "GET counterparty_info/{client_id}": "CounterpartyInfo",
    },
    "ibc.core.channel.v2.Query": {
        "GET clients/{client_id}/next_sequence_send": "NextSequenceSend",
        "GET clients/{client_id}/packet_commitments": "PacketCommitments",
        "GET clients/{client_id}/packet_commitments/{sequence}": "PacketCommitment",
        "GET clients/{client_id}/packet_acks/{sequence}": "PacketAcknowledgement",
        "GET clients/{client_id}/packet_receipts/{sequence}": "PacketReceipt",
        "GET clients/{client_id}/packet_commitments/{sequences}/unreceived_packets": (
            "UnreceivedPackets"
        ),
        "GET clients/{client_id}/packet_commitments/{packet_ack_sequences}/unreceived_acks": (
            "UnreceivedAcks"
        ),
    },
    "ibc.applications.transfer.v1.Query": {
        "GET channels/{channel_id}/ports/{port_id}/escrow_address": "EscrowAddress",
        "GET denoms/{hash=**}": "Denom",
    },
}
_OWN = "/blockenergy."


class Route(NamedTuple):
    """An address and the method that it is of."""

    verb: str
    template: str
    pattern: re.Pattern[str]
    method: Method


class Found(NamedTuple):
    """The method of an address, and the fields of its request that the address has."""

    method: Method
    fields: dict[str, str]


def find(verb: str, path: str) -> Found | None:
    """What an address asks for; None if it is of nothing."""
    for route in get_routes():
        matched = route.pattern.fullmatch(path) if route.verb == verb else None
        if matched:
            fields = {name: unquote(part) for name, part in matched.groupdict().items()}
            return Found(route.method, fields)
    return None


@cache
def get_routes() -> tuple[Route, ...]:
    """All addresses; of two that fit, the first one counts."""
    return tuple(
        Route(verb, template, _compile(template), get_methods()[path])
        for verb, template, path in (*_list_cosmos(), *_list_ibc(), *_list_own())
    )


def _list_cosmos() -> Iterator[tuple[str, str, str]]:
    for service, addresses in _COSMOS.items():
        folder = f"/cosmos/{service.rpartition('.')[0].replace('.', '/')}"
        for address, name in addresses.items():
            verb, template = address.split()
            yield verb, f"{folder}/{template}", f"/cosmos.{service}/{name}"


def _list_ibc() -> Iterator[tuple[str, str, str]]:
    for service, addresses in _IBC.items():
        folder = service.rpartition(".")[0].replace(".", "/").replace("applications", "apps")
        for address, name in addresses.items():
            verb, template = address.split()
            yield verb, f"/{folder}/{template}", f"/{service}/{name}"


def _list_own() -> Iterator[tuple[str, str, str]]:
    """`/blockenergy.market.v1.Query/OpenSlots` is at `/blockenergy/market/v1/open_slots`."""
    for path in get_methods():
        if path.startswith(_OWN):
            package, _, name = path[1:].partition(".Query/")
            rpc = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
            yield "GET", f"/{package.replace('.', '/')}/{rpc}", path


def _compile(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)(=\*\*)?\}", template)
    pattern = re.escape(parts[0])
    for name, rest, literal in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        pattern += f"(?P<{name}>{'.+' if rest else '[^/]+'}){re.escape(literal)}"
    return re.compile(pattern)
