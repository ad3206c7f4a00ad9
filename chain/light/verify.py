"""Whether a header follows from one that is trusted: the rules of CometBFT's light client.

Two rules are our own. A signature that does not verify counts for nothing, where CometBFT ends:
more than two thirds of good ones are needed all the same, and one validator cannot make a
client reject what the network accepts. And signatures are verified as everywhere in this chain
(`chain.runtime.signatures`), which accepts less than ZIP-215 does, never more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tendermint.types.types_pb2 import Commit, CommitSig, Header, SignedHeader
from tendermint.types.validator_pb2 import BLOCK_ID_FLAG_COMMIT, Validator

from chain.light.header import (
    NS_PER_S,
    compute_address,
    compute_header_hash,
    compute_validators_hash,
    get_time_ns,
    write_vote,
)
from chain.light.merkle import HASH_BYTES
from chain.runtime.signatures import verify_ed25519

# A set can be made large on purpose: each validator costs a signature.
VALIDATORS_MAX = 200
_POWER_MAX = (1 << 63) // 8
_SECONDS_MAX = 1 << 40


class InvalidHeaderError(ValueError):
    """A header that nothing can make good."""


class NotEnoughTrustError(ValueError):
    """Too few of the trusted validators have signed: a header between the two may help."""


class ExpiredError(ValueError):
    """The trusted header is too old to tell anything."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a light client trusts. trusting_period_ns: how long after its time a header can vouch
    for later ones. clock_drift_ns: how far ahead of the present one may be. trust: the part of the
    trusted validators that must have signed, from a third to all, as numerator and denominator.
    """

    trusting_period_ns: int
    clock_drift_ns: int = 10 * NS_PER_S
    trust: tuple[int, int] = (1, 3)

    def __post_init__(self) -> None:
        part, whole = self.trust
        assert 0 < whole <= 3 * part and part <= whole, "trust is from a third to all"
        assert self.trusting_period_ns > 0 and self.clock_drift_ns >= 0


@dataclass(frozen=True, slots=True)
class Trusted:
    """A trusted header, and the validators that sign the block after it."""

    header: Header
    next_validators: Sequence[Validator]


def verify(
    trusted: Trusted,
    signed_header: SignedHeader,
    validators: Sequence[Validator],
    options: Options,
    now_ns: int,
) -> None:
    """Returns if a later header, signed by `validators`, follows from a trusted one.

    Raises ExpiredError, InvalidHeaderError or NotEnoughTrustError.
    """
    header, commit = signed_header.header, signed_header.commit
    if get_time_ns(trusted.header.time) + options.trusting_period_ns <= now_ns:
        raise ExpiredError("the trusted header is older than the trusting period")
    _require_later(trusted.header, header)
    _require(
        get_time_ns(header.time) < now_ns + options.clock_drift_ns, "its time is in the future"
    )
    chain_id = trusted.header.chain_id
    require_consistent(chain_id, signed_header, validators)
    if header.height == trusted.header.height + 1:
        same = header.validators_hash == trusted.header.next_validators_hash
        _require(same, "its validators are not those that the header before it names")
    else:
        verify_trust(chain_id, trusted.next_validators, commit, options.trust)
    verify_commit(chain_id, commit, validators)


def verify_backwards(later: Header, earlier: Header) -> None:
    """Returns if a header is the one before a trusted one; raises InvalidHeaderError."""
    _require(earlier.chain_id == later.chain_id, "it is of another chain")
    _require(earlier.height == later.height - 1, "it is not the header before")
    same = compute_header_hash(earlier) == later.last_block_id.hash
    _require(same, "it is not the block that the header after it names")


def require_consistent(
    chain_id: str, signed_header: SignedHeader, validators: Sequence[Validator]
) -> None:
    """Raises InvalidHeaderError unless header, commit and validators belong together. Signatures
    are not looked at.
    """
    header, commit = signed_header.header, signed_header.commit
    _require(header.chain_id == chain_id, "it is of another chain")
    _require(abs(header.time.seconds) < _SECONDS_MAX, "its time cannot be")
    _require(commit.height == header.height > 0, "the commit is of another height")
    _require(commit.round >= 0, "the commit is of no round")
    _require(
        0 < len(validators) <= VALIDATORS_MAX, f"more than {VALIDATORS_MAX} validators, or none"
    )
    _require(
        len(commit.signatures) == len(validators), "each validator needs a place in the commit"
    )
    _require(all(0 < one.voting_power <= _POWER_MAX for one in validators), "a power cannot be")
    _require(sum(one.voting_power for one in validators) <= _POWER_MAX, "the power cannot be")
    _require(len(header.validators_hash) == HASH_BYTES, "it names no validators")
    same = compute_validators_hash(validators) == header.validators_hash
    _require(same, "these are not its validators")
    _require(compute_header_hash(header) == commit.block_id.hash, "the commit is of another block")


def verify_commit(chain_id: str, commit: Commit, validators: Sequence[Validator]) -> None:
    """Returns if more than two thirds of the power of a set have signed; raises InvalidHeaderError.

    The commit has a place for each of the validators.
    """
    votes = (
        (validator, vote)
        for validator, vote in zip(validators, commit.signatures, strict=True)
        if vote.validator_address == compute_address(validator)
    )
    total = sum(validator.voting_power for validator in validators)
    if not _has_power(chain_id, commit, votes, 2 * total, 3):
        raise InvalidHeaderError("no more than two thirds of its validators have signed")


def verify_trust(
    chain_id: str, validators: Sequence[Validator], commit: Commit, trust: tuple[int, int]
) -> None:
    """Returns if more than a part of the power of trusted validators have signed a commit; raises
    NotEnoughTrustError, or InvalidHeaderError where one of them votes twice.
    """
    by_address = {compute_address(validator): validator for validator in validators}
    addresses = [
        vote.validator_address
        for vote in commit.signatures
        if vote.block_id_flag == BLOCK_ID_FLAG_COMMIT and vote.validator_address in by_address
    ]
    _require(len(set(addresses)) == len(addresses), "a validator votes twice")
    votes = (
        (by_address[vote.validator_address], vote)
        for vote in commit.signatures
        if vote.validator_address in by_address
    )
    total = sum(validator.voting_power for validator in validators)
    part, whole = trust
    if not _has_power(chain_id, commit, votes, part * total, whole):
        raise NotEnoughTrustError("too few of the trusted validators have signed")


def _has_power(
    chain_id: str,
    commit: Commit,
    votes: Iterable[tuple[Validator, CommitSig]],
    needed: int,
    factor: int,
) -> bool:
    """Whether the power of good signatures, times a factor, is more than what is needed."""
    power = 0
    for validator, vote in _list_for_block(votes):
        content = write_vote(chain_id, commit, vote)
        if verify_ed25519(validator.pub_key.ed25519, content, vote.signature):
            power += validator.voting_power
            if factor * power > needed:
                return True
    return False


def _list_for_block(
    votes: Iterable[tuple[Validator, CommitSig]],
) -> Iterator[tuple[Validator, CommitSig]]:
    return (pair for pair in votes if pair[1].block_id_flag == BLOCK_ID_FLAG_COMMIT)


def _require_later(trusted: Header, header: Header) -> None:
    _require(header.height > trusted.height, "it is not later than the trusted one")
    _require(get_time_ns(header.time) > get_time_ns(trusted.time), "its time is not later")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise InvalidHeaderError(problem)
