"""What a node is and does, as its files and its RPC tell."""

from __future__ import annotations

import contextlib

from blockenergy.validators.v1.query_pb2 import QueryValidatorRequest, QueryValidatorResponse

from client.errors import ClientError, UsageError
from client.node.rpc import Rpc
from client.queries import query
from node_config.cometbft.files import compute_address
from node_config.localnet.supervisor import lock_home
from node_config.node.home import NodeHome, hash_file
from node_config.node.liveness import count_signed

# Blocks of which it is counted how many each validator has signed: a minute or two.
BLOCKS_COUNTED = 100


def is_running(home: NodeHome) -> bool:
    """Whether `node start` runs this folder."""
    try:
        lock_home(home.path).close()
    except UsageError:
        return True
    return False


def get_validator_address(home: NodeHome) -> str:
    """The address of the key that signs blocks, in lower case."""
    return compute_address(home.read_validator_key().public_key().public_bytes_raw()).hex()


def describe(home: NodeHome) -> dict[str, object]:
    """The values of `node status`; MissingError or UsageError, and RpcError if it does not run."""
    node = home.load()
    address = get_validator_address(home)
    with contextlib.closing(Rpc(node.rpc_url)) as rpc:
        status = rpc.status()
        height = status.latest_height
        values: dict[str, object] = {
            "moniker": status.moniker,
            "chain_id": status.chain_id,
            "node_id": status.node_id,
            "cometbft": status.version,
            "supervised": is_running(home),
            "height": height,
            "catching_up": status.is_catching_up,
            "app_hash": status.latest_app_hash.hex().upper(),
            "peers": len(list_connected(rpc)),
            "genesis_sha256": hash_file(home.genesis),
            "validator": address,
        }
        if height:
            values |= _describe_validator(rpc, address)
            values["signed_of_last_blocks"] = {
                one.label or one.address: str(one)
                for one in count_signed(rpc, height, BLOCKS_COUNTED)
            }
    return values


def list_connected(rpc: Rpc) -> list[str]:
    """The ids of the nodes that it is connected with; RpcError."""
    return rpc.read(
        lambda result: [str(peer["node_info"]["id"]) for peer in result["peers"]], "net_info", {}
    )


def _describe_validator(rpc: Rpc, address: str) -> dict[str, object]:
    try:
        request = QueryValidatorRequest(address=address)
        found = query(rpc, request, QueryValidatorResponse).validator
    except ClientError:
        return {"power": 0, "operator": ""}
    return {"power": found.power, "operator": found.operator}
