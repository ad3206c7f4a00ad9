"""cosmos.base.tendermint.v1beta1.Service and cosmos.consensus.v1.Query: the node, its blocks, its
validators and the limits of blocks.
"""

from __future__ import annotations

from typing import TypeVar

from cosmos.base.query.v1beta1.pagination_pb2 import PageRequest, PageResponse
from cosmos.base.tendermint.v1beta1 import query_pb2 as messages
from cosmos.consensus.v1 import query_pb2 as consensus
from cosmos.crypto.ed25519.keys_pb2 import PubKey
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from tendermint.p2p.types_pb2 import DefaultNodeInfo, DefaultNodeInfoOther, ProtocolVersion
from tendermint.types import params_pb2 as params
from tendermint.types.block_pb2 import Block
from tendermint.types.types_pb2 import BlockID
from tendermint.types.validator_pb2 import Validator

from chain.runtime.encoding import bech32
from client.node.headers import parse_block, parse_block_id, parse_validator
from client.node.rpc_types import Json
from gateway.errors import GatewayError, Status
from gateway.node import Node

# The version of the Cosmos SDK whose interface this is; clients switch on it.
SDK_VERSION = "v0.50.0"
NAME = "blockenergy"
# What the RPC lists at once, and the most that a set may have.
_PER_PAGE = 100
VALIDATORS_MAX = 1000

R = TypeVar("R", messages.GetLatestBlockResponse, messages.GetBlockByHeightResponse)
S = TypeVar("S", messages.GetLatestValidatorSetResponse, messages.GetValidatorSetByHeightResponse)


def get_node_info(node: Node, _: messages.GetNodeInfoRequest) -> messages.GetNodeInfoResponse:
    """The node as its peers know it, and the version of the application."""
    version = node.read(lambda result: str(result["response"].get("version", "")), "abci_info")
    # Clients want to compare it; a checkout has none.
    version = version if version[:1].isdigit() else f"0+{version or 'unknown'}"
    return messages.GetNodeInfoResponse(
        default_node_info=node.read(_parse_node_info, "status"),
        application_version=messages.VersionInfo(
            name=NAME, app_name=NAME, version=version, cosmos_sdk_version=SDK_VERSION
        ),
    )


def get_syncing(node: Node, _: messages.GetSyncingRequest) -> messages.GetSyncingResponse:
    """Whether the node is behind."""
    syncing = node.read(lambda result: bool(result["sync_info"]["catching_up"]), "status")
    return messages.GetSyncingResponse(syncing=syncing)


def get_latest_block(
    node: Node, _: messages.GetLatestBlockRequest
) -> messages.GetLatestBlockResponse:
    """The latest block."""
    return _make_block(messages.GetLatestBlockResponse, node, {})


def get_block_by_height(
    node: Node, request: messages.GetBlockByHeightRequest
) -> messages.GetBlockByHeightResponse:
    """The block at a height."""
    params = {"height": str(_require_height(node, request.height))}
    return _make_block(messages.GetBlockByHeightResponse, node, params)


def get_latest_validator_set(
    node: Node, request: messages.GetLatestValidatorSetRequest
) -> messages.GetLatestValidatorSetResponse:
    """The validators of the latest block."""
    height = _get_latest_height(node)
    return _make_validators(
        messages.GetLatestValidatorSetResponse, node, height, request.pagination
    )


def get_validator_set_by_height(
    node: Node, request: messages.GetValidatorSetByHeightRequest
) -> messages.GetValidatorSetByHeightResponse:
    """The validators of the block at a height."""
    height = _require_height(node, request.height)
    return _make_validators(
        messages.GetValidatorSetByHeightResponse, node, height, request.pagination
    )


def get_consensus_params(
    node: Node, _: consensus.QueryParamsRequest
) -> consensus.QueryParamsResponse:
    """The limits of blocks."""
    found = node.read(_parse_consensus_params, "consensus_params")
    return consensus.QueryParamsResponse(params=found)


def _parse_consensus_params(result: Json) -> params.ConsensusParams:
    content = result["consensus_params"]
    block, evidence = content["block"], content["evidence"]
    age = Duration()
    age.FromNanoseconds(int(evidence["max_age_duration"]))
    return params.ConsensusParams(
        block=params.BlockParams(max_bytes=int(block["max_bytes"]), max_gas=int(block["max_gas"])),
        evidence=params.EvidenceParams(
            max_age_num_blocks=int(evidence["max_age_num_blocks"]),
            max_age_duration=age,
            max_bytes=int(evidence["max_bytes"]),
        ),
        validator=params.ValidatorParams(pub_key_types=content["validator"]["pub_key_types"]),
        version=params.VersionParams(app=int(content.get("version", {}).get("app", 0))),
    )


def _require_height(node: Node, height: int) -> int:
    """Rejects a height that has no block yet, as the Cosmos SDK says it."""
    if height <= 0:
        raise GatewayError(Status.INVALID_ARGUMENT, "a height is at least 1")
    if height > _get_latest_height(node):
        message = "requested block height is bigger then the chain length"
        raise GatewayError(Status.INVALID_ARGUMENT, message)
    return height


def _get_latest_height(node: Node) -> int:
    return node.read(lambda result: int(result["sync_info"]["latest_block_height"]), "status")


def _parse_node_info(status: Json) -> DefaultNodeInfo:
    info = status["node_info"]
    return DefaultNodeInfo(
        protocol_version=ProtocolVersion(
            **{name: int(value) for name, value in info["protocol_version"].items()}
        ),
        default_node_id=info["id"],
        listen_addr=info["listen_addr"],
        network=info["network"],
        version=info["version"],
        channels=bytes.fromhex(info["channels"]),
        moniker=info["moniker"],
        other=DefaultNodeInfoOther(**info["other"]),
    )


def _make_block(response: type[R], node: Node, params: dict[str, str]) -> R:
    block_id, block = node.read(_parse_block, "block", params)
    sdk_block = messages.Block(data=block.data, last_commit=block.last_commit)
    header = block.header
    for field, value in header.ListFields():
        if field.name == "proposer_address":
            sdk_block.header.proposer_address = bech32.encode_validator(value)
        elif field.message_type:
            getattr(sdk_block.header, field.name).CopyFrom(value)
        else:
            setattr(sdk_block.header, field.name, value)
    return response(block_id=block_id, block=block, sdk_block=sdk_block)


def _parse_block(result: Json) -> tuple[BlockID, Block]:
    return parse_block_id(result["block_id"]), parse_block(result["block"])


def _make_validators(response: type[S], node: Node, height: int, page: PageRequest) -> S:
    found = _list_validators(node, height)
    if page.key:
        raise GatewayError(Status.INVALID_ARGUMENT, "use offset and limit")
    limit = min(page.limit or _PER_PAGE, VALIDATORS_MAX)
    shown = found[page.offset : page.offset + limit]
    return response(
        block_height=height,
        validators=[_describe_validator(validator) for validator in shown],
        pagination=PageResponse(total=len(found)),
    )


def _list_validators(node: Node, height: int) -> list[Validator]:
    found: list[Validator] = []
    for page in range(1, VALIDATORS_MAX // _PER_PAGE + 1):
        params = {"height": str(height), "page": str(page), "per_page": str(_PER_PAGE)}
        total, validators = node.read(_parse_validators, "validators", params)
        found += validators
        if len(found) >= total or not validators:
            break
    return found


def _parse_validators(result: Json) -> tuple[int, list[Validator]]:
    return int(result["total"]), [parse_validator(one) for one in result["validators"]]


def _describe_validator(validator: Validator) -> messages.Validator:
    key = PubKey(key=validator.pub_key.ed25519).SerializeToString()
    return messages.Validator(
        address=bech32.encode_validator(validator.address),
        pub_key=Any(type_url=f"/{PubKey.DESCRIPTOR.full_name}", value=key),
        voting_power=validator.voting_power,
        proposer_priority=validator.proposer_priority,
    )
