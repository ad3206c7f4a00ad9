"""What consensus tells the rules of a block, and what the rules may change about consensus.

Values only: how they travel over ABCI is the adaptor's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class EvidenceType(Enum):
    """How a validator broke the rules of consensus; the numbers are those of CometBFT."""

    UNKNOWN = 0
    DUPLICATE_VOTE = 1
    LIGHT_CLIENT_ATTACK = 2


@dataclass(frozen=True, slots=True)
class Evidence:
    """Proof, checked by consensus, that a validator misbehaved at a height, at or before the
    block's own. `validator` is its consensus address, 20 bytes; powers are those at that height.
    """

    type: EvidenceType
    validator: bytes
    power: int
    height: int
    time_s: int
    total_power: int


@dataclass(frozen=True, slots=True)
class Vote:
    """A validator's part in the commit of the previous block.

    `validator` is its consensus address, 20 bytes. `signed`: it voted for the block that was
    decided; False if it was absent or voted for none.
    """

    validator: bytes
    power: int
    signed: bool


@dataclass(frozen=True, slots=True)
class ValidatorUpdate:
    """The voting power of a validator from two heights on; 0 removes it.

    `pub_key` is its Ed25519 consensus key, 32 bytes.
    """

    pub_key: bytes
    power: int


@dataclass(frozen=True, slots=True)
class BlockLimits:
    """Consensus parameters of blocks. max_gas -1: no limit."""

    max_bytes: int
    max_gas: int


@dataclass(frozen=True, slots=True)
class EvidenceLimits:
    """Consensus parameters of evidence: it expires when it is older than both ages."""

    max_age_blocks: int
    max_age_s: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class ConsensusUpdates:
    """What a module changes about consensus at the end of a block; None leaves limits alone."""

    validators: tuple[ValidatorUpdate, ...] = ()
    block_limits: BlockLimits | None = None
    evidence_limits: EvidenceLimits | None = None

    def __post_init__(self) -> None:
        # CometBFT stops every node at a list that breaks one of these.
        keys = [update.pub_key for update in self.validators]
        assert len(set(keys)) == len(keys), "a validator is updated twice in a block"
        assert all(update.power >= 0 for update in self.validators), "a power is negative"
