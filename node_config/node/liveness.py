"""How many of the last blocks each validator has signed, as the commits that a node keeps tell.

A vote that is missing does not say whose it is, so votes that are there are counted.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from blockenergy.validators.v1.query_pb2 import QueryValidatorsRequest, QueryValidatorsResponse

from client.node.rpc import Rpc
from client.queries import query_pages


class Signed(NamedTuple):
    """A validator with power, and how many of `blocks` it has signed."""

    address: str
    label: str
    power: int
    signed: int
    blocks: int

    def __str__(self) -> str:
        return f"{self.signed} of {self.blocks}"


def count_signed(rpc: Rpc, height: int, blocks: int) -> list[Signed]:
    """All validators that have power now, by the last `blocks` blocks before a height.

    Raises RpcError or RejectedError.
    """
    heights = range(max(1, height - blocks), height)
    votes = Counter(address for one in heights for address in _list_signers(rpc, one))
    pages = query_pages(rpc, QueryValidatorsRequest(), QueryValidatorsResponse)
    return [
        Signed(
            one.address, one.validator.label, one.validator.power, votes[one.address], len(heights)
        )
        for page in pages
        for one in page.validators
        if one.validator.power
    ]


def _list_signers(rpc: Rpc, height: int) -> list[str]:
    return rpc.read(
        lambda result: [
            str(one["validator_address"]).lower()
            for one in result["signed_header"]["commit"]["signatures"]
            if one["block_id_flag"] == 2
        ],
        "commit",
        {"height": str(height)},
    )
