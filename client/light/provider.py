"""Headers of a node, with the votes for them and the validators: all of it to be verified."""

from __future__ import annotations

from dataclasses import dataclass

from tendermint.types.types_pb2 import Header, SignedHeader
from tendermint.types.validator_pb2 import Validator

from chain import light
from client.errors import RpcError
from client.node.headers import parse_signed_header, parse_validator
from client.node.rpc import Rpc
from client.node.rpc_types import MALFORMED, Json

# What the RPC lists at once, and how many such pages are asked for.
_PER_PAGE = 100
_PAGES_MAX = 3


@dataclass(frozen=True, slots=True)
class LightBlock:
    """A header, its votes, its validators, and those of the next block."""

    signed_header: SignedHeader
    validators: tuple[Validator, ...]
    next_validators: tuple[Validator, ...]
    # As the RPC wrote it: what is kept, and what evidence consists of.
    raw: Json

    @property
    def height(self) -> int:
        """The height of the header."""
        return self.signed_header.header.height

    @property
    def hash(self) -> bytes:
        """The hash of the header, computed here."""
        return light.compute_header_hash(self.signed_header.header)

    @property
    def header(self) -> Header:
        """The header itself."""
        return self.signed_header.header


def fetch_block(rpc: Rpc, height: int | None = None) -> LightBlock:
    """The light block at a height, by default the latest; raises RpcError."""
    params = {} if height is None else {"height": str(height)}
    signed_header = rpc.read(lambda result: dict(result["signed_header"]), "commit", params)
    try:
        found = int(signed_header["header"]["height"])
    except MALFORMED as error:
        raise RpcError(f"the node at {rpc.node} has sent a header that is none") from error
    if height is not None and found != height:
        raise RpcError(f"the node at {rpc.node} has sent block {found} for {height}")
    return read_block(
        {
            "signed_header": signed_header,
            "validators": _fetch_validators(rpc, found),
            "next_validators": _fetch_validators(rpc, found + 1),
        },
        rpc.node,
    )


def read_block(raw: Json, source: str) -> LightBlock:
    """A light block from JSON; RpcError if it is none. source: who has sent it."""
    try:
        return LightBlock(
            parse_signed_header(raw["signed_header"]),
            tuple(map(parse_validator, raw["validators"])),
            tuple(map(parse_validator, raw["next_validators"])),
            raw,
        )
    except MALFORMED as error:
        raise RpcError(f"{source} has sent a header of another form: {error}") from error


def _fetch_validators(rpc: Rpc, height: int) -> list[Json]:
    found: list[Json] = []
    for page in range(1, _PAGES_MAX + 1):
        params = {"height": str(height), "page": str(page), "per_page": str(_PER_PAGE)}
        total, validators = rpc.read(
            lambda result: (int(result["total"]), list(result["validators"])), "validators", params
        )
        found += validators
        if len(found) >= total or not validators:
            break
    return found
