"""Looks for what would keep a node from following the chain, or from signing.

Every check is one finding: what was looked at, and what to do if it is not as it should be.
"""

from __future__ import annotations

import contextlib
import shutil
import stat
import time
from collections.abc import Iterator
from typing import NamedTuple

from blockenergy.peers.v1.query_pb2 import QueryPeersRequest, QueryPeersResponse
from blockenergy.validators.v1.query_pb2 import QueryValidatorRequest, QueryValidatorResponse

from client.errors import ClientError, RejectedError
from client.files.toml_file import read_toml
from client.node.rpc import Rpc
from client.node.rpc_types import NodeStatus
from client.queries import query, query_pages
from net_address import is_loopback
from node_config.ceremony.document import require_document
from node_config.localnet.layout import NodeFiles
from node_config.localnet.network import find_cometbft
from node_config.node.home import NodeHome, read_document
from node_config.node.liveness import count_signed
from node_config.node.settings import read_peers
from node_config.node.status import get_validator_address, list_connected

NS_PER_S = 1_000_000_000
DISK_FREE_MIN = 2 << 30
# An idle network makes a block every 1.2 s.
BLOCK_AGE_MAX_S = 30
# Of so many of the last blocks a validator has signed at least this share.
BLOCKS_COUNTED, SIGNED_PERCENT_MIN = 20, 50
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Finding(NamedTuple):
    """What was looked at, and what is wrong; empty: nothing."""

    subject: str
    problem: str = ""


def examine(home: NodeHome) -> Iterator[Finding]:
    """All findings, those of a node that runs included if it does. Never raises ClientError."""
    try:
        node = home.load()
    except ClientError as error:
        yield Finding("folder", error.sentence)
        return
    for subject, check in (
        ("keys", _check_keys),
        ("genesis", _check_genesis),
        ("settings", _check_settings),
        ("disk", _check_disk),
        ("cometbft", _check_program),
    ):
        problems: list[str] = []
        try:
            problems.extend(check(home, node))
        except ClientError as error:
            problems.append(error.sentence)
        yield Finding(subject, "; ".join(problems))
    yield from _examine_running(home, node)


def _check_keys(home: NodeHome, _: NodeFiles) -> Iterator[str]:
    home.read_node_key()
    home.read_validator_key()
    for path in (home.node_key, home.validator_key):
        if path.stat().st_mode & _OTHERS:
            yield f"others can read {path}; run chmod 600 on it"
    state = read_document(home.signing_state)
    if not str(state.get("height", "")).isdigit():
        yield f"{home.signing_state} has no height; never start a validator without it"


def _check_genesis(home: NodeHome, _: NodeFiles) -> Iterator[str]:
    document = home.read_genesis()
    if not home.app_data.exists():
        require_document(document, str(home.genesis))
    yield from ()


def _check_settings(home: NodeHome, node: NodeFiles) -> Iterator[str]:
    content = read_toml(home.config)
    if content.get("filter_peers") is not True:
        yield "filter_peers is not true, so every node may connect"
    if content.get("p2p", {}).get("pex", True):
        yield "p2p.pex is not false, so the addresses of others are passed on"
    if not is_loopback(node.rpc.host):
        yield f"the RPC listens at {node.rpc}, where it has no password; use 127.0.0.1"
    if content.get("tx_index", {}).get("indexer", "kv") != "kv":
        yield 'tx_index.indexer is not "kv", so wallets find no transactions'
    peers = read_peers(home.config)
    if home.node_id in {peer.node_id for peer in peers}:
        yield "p2p.persistent_peers has the node itself; leave it out"
    validators = home.read_genesis().get("validators") or []
    if not peers and len(validators) > 1:
        yield "p2p.persistent_peers is empty; use blockenergy node add-peer"


def _check_disk(home: NodeHome, _: NodeFiles) -> Iterator[str]:
    free = shutil.disk_usage(home.path).free
    if free < DISK_FREE_MIN:
        yield f"{free >> 20} MiB of the disk are free; {DISK_FREE_MIN >> 20} are the least"


def _check_program(_: NodeHome, __: NodeFiles) -> Iterator[str]:
    find_cometbft()
    yield from ()


def _examine_running(home: NodeHome, node: NodeFiles) -> Iterator[Finding]:
    with contextlib.closing(Rpc(node.rpc_url)) as rpc:
        try:
            status = rpc.status()
        except ClientError:
            for address in (node.rpc, node.p2p):
                if not address.is_free():
                    problem = f"port {address.port} is in use, and not by this node"
                    yield Finding("running", f"{problem}; see {address.owner}")
                    return
            yield Finding(
                "running", "the node is not running; start it with blockenergy node start"
            )
            return
        if status.node_id != home.node_id:
            yield Finding(
                "running", f"another node answers at {node.rpc_url}; see {node.rpc.owner}"
            )
            return
        yield Finding("running")
        try:
            yield Finding("peers", "; ".join(_check_peers(home, rpc, status)))
            yield Finding("blocks", "; ".join(_check_blocks(home, rpc, status)))
            yield Finding("validator", "; ".join(_check_validator(home, rpc, status)))
            yield Finding("signatures", "; ".join(_check_signatures(rpc, status)))
        except ClientError as error:
            yield Finding("running", error.sentence)


def _check_peers(home: NodeHome, rpc: Rpc, status: NodeStatus) -> Iterator[str]:
    dialled = read_peers(home.config)
    connected = set(list_connected(rpc))
    for peer in dialled:
        if peer.node_id not in connected:
            yield f"{peer} is not connected; is it up, reachable, and does it know this node?"
    if status.latest_height and not status.is_catching_up:
        pages = query_pages(rpc, QueryPeersRequest(), QueryPeersResponse)
        listed = {one.node_id for page in pages for one in page.peers}
        for node_id in [status.node_id, *(peer.node_id for peer in dialled)]:
            if node_id not in listed:
                yield f"node {node_id} is not on the chain's list; the registrar sends set-peer"


def _check_blocks(home: NodeHome, rpc: Rpc, status: NodeStatus) -> Iterator[str]:
    if not status.latest_height:
        yield "there is no block yet; more than two thirds of the power have to be up"
        return
    if status.is_catching_up:
        yield f"it is catching up, at height {status.latest_height}"
        return
    age_s = time.time() - status.latest_time_ns / NS_PER_S
    if abs(age_s) > BLOCK_AGE_MAX_S:
        yield (
            f"the latest block is {age_s:.0f} s old by this machine's clock; check the clock, and "
            "whether more than two thirds of the power are up"
        )
    signed = int(read_document(home.signing_state).get("height", 0))
    # Since the status was asked for the chain has gone on.
    height = status.latest_height if signed <= status.latest_height else rpc.status().latest_height
    if signed > height + 1:
        yield (
            f"the validator has signed height {signed}, and the chain is at {height}: is it the "
            "right chain?"
        )


def _check_validator(home: NodeHome, rpc: Rpc, status: NodeStatus) -> Iterator[str]:
    if not status.latest_height or status.is_catching_up:
        return
    address = get_validator_address(home)
    try:
        request = QueryValidatorRequest(address=address)
        found = query(rpc, request, QueryValidatorResponse).validator
    except RejectedError:
        # A node that follows the chain without a vote is in good health.
        return
    if not found.power:
        yield f"the validator {address} has no power, and its key is never used again"


def _check_signatures(rpc: Rpc, status: NodeStatus) -> Iterator[str]:
    if not status.latest_height or status.is_catching_up:
        return
    validators = count_signed(rpc, status.latest_height, BLOCKS_COUNTED)
    total = sum(one.power for one in validators)
    for one in validators:
        if 100 * one.signed < SIGNED_PERCENT_MIN * one.blocks:
            yield (
                f"{one.label or one.address}, with {one.power} of {total} power, has signed {one} "
                "blocks; with a third of the power away there are no more"
            )
