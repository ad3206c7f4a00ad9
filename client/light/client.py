"""Verifies headers: forwards from the nearest trusted one below, by skipping what need not be
looked at, and backwards by the hash that each header has of the one before.

Trusts no node. What the primary shows is compared with what the witnesses show.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tendermint.types.types_pb2 import Header

from chain import light
from client.errors import ClientError
from client.light import forks
from client.light.provider import LightBlock, fetch_block
from client.light.store import TrustStore
from client.node.headers import parse_header
from client.node.rpc import Rpc

# Headers fetched on the way to one, and headers walked back.
_STEPS_MAX = 1000
_BACK_MAX = 10_000
# Block times may be as far ahead of this machine's clock.
CLOCK_DRIFT_S = 10
S_PER_HOUR = 3600


class LightError(ClientError):
    """What a node shows does not follow from what is trusted."""

    exit_code = 1


class LightClient:
    """Verified headers of a chain. `store` has at least one; what is verified is added to it.

    Methods raise LightError, `forks.AttackError` or RpcError; then nothing was added.
    """

    def __init__(
        self,
        primary: Rpc,
        witnesses: Sequence[Rpc],
        store: TrustStore,
        get_time_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.primary = primary
        self.witnesses = tuple(witnesses)
        self.store = store
        self._get_time_ns = get_time_ns
        self._options = light.Options(
            trusting_period_ns=store.settings.trusting_period_s * light.NS_PER_S,
            clock_drift_ns=CLOCK_DRIFT_S * light.NS_PER_S,
        )

    def latest(self) -> Header:
        """The latest header of the primary."""
        block = fetch_block(self.primary)
        latest = self.store.latest
        if block.height <= latest.height:
            return self.at(block.height)
        return self._follow(latest, block)

    def at(self, height: int) -> Header:
        """The header at a height."""
        known = self.store.get(height)
        if known is not None:
            return known.header
        below = self.store.find_below(height)
        if below is None:
            return self._walk_back(self.store.first.header, height)
        return self._follow(below, fetch_block(self.primary, height))

    def before(self, header: Header) -> Header:
        """The header before a verified one, by its hash."""
        params = {"height": str(header.height - 1)}
        earlier = self.primary.read(lambda result: parse_header(result["header"]), "header", params)
        try:
            light.verify_backwards(header, earlier)
        except light.InvalidHeaderError as error:
            raise LightError(f"block {header.height - 1} is not valid: {error}") from error
        return earlier

    def verify_by(self, node: Rpc, trusted: LightBlock, target: LightBlock) -> list[LightBlock]:
        """All blocks from a trusted one to a target, each verified by the one before it."""
        trace, candidate = [trusted], target
        for _ in range(_STEPS_MAX):
            try:
                self._verify(trace[-1], candidate)
            except light.NotEnoughTrustError:
                candidate = fetch_block(node, (trace[-1].height + candidate.height) // 2)
                continue
            trace.append(candidate)
            if candidate is target:
                return trace
            candidate = target
        raise LightError(f"block {target.height} takes more than {_STEPS_MAX} steps to verify")

    def _follow(self, trusted: LightBlock, target: LightBlock) -> Header:
        """Verifies a block above a trusted one, and asks the witnesses; keeps what was verified."""
        trace = self.verify_by(self.primary, trusted, target)
        forks.compare(self.primary, self.witnesses, trace, self.verify_by)
        for block in trace[1:]:
            self.store.add(block)
        return target.header

    def _verify(self, trusted: LightBlock, block: LightBlock) -> None:
        known = light.Trusted(trusted.header, trusted.next_validators)
        try:
            light.verify(
                known, block.signed_header, block.validators, self._options, self._get_time_ns()
            )
        except light.ExpiredError as error:
            hours = self.store.settings.trusting_period_s // S_PER_HOUR
            raise LightError(
                f"the trusted block {trusted.height} is older than the trusting period of "
                f"{hours} h; ask the operator of the network for a newer one and name it with "
                "blockenergy light trust"
            ) from error
        except light.InvalidHeaderError as error:
            raise LightError(f"block {block.height} is not valid: {error}") from error
        _require_next_validators(block)

    def _walk_back(self, first: Header, height: int) -> Header:
        """The header at a height below all trusted ones, by hashes alone."""
        if not first.height - _BACK_MAX <= height:
            raise LightError(f"block {height} is more than {_BACK_MAX} below the trusted ones")
        header = first
        while header.height > height:
            header = self.before(header)
        return header


def trust(node: Rpc, height: int, block_hash: bytes) -> LightBlock:
    """The block that an operator names by height and hash; raises LightError or RpcError."""
    block = fetch_block(node, height)
    if block.hash != block_hash:
        raise LightError(
            f"block {height} of {node.node} has the hash {block.hash.hex().upper()}; ask the "
            "operator of the network which one is right"
        )
    chain_id, signed_header = block.header.chain_id, block.signed_header
    try:
        light.require_consistent(chain_id, signed_header, block.validators)
        light.verify_commit(chain_id, signed_header.commit, block.validators)
    except light.InvalidHeaderError as error:
        raise LightError(f"block {height} is not valid: {error}") from error
    _require_next_validators(block)
    return block


def _require_next_validators(block: LightBlock) -> None:
    named = block.header.next_validators_hash
    if light.compute_validators_hash(block.next_validators) != named:
        raise LightError(f"the validators after block {block.height} are not those that it names")
