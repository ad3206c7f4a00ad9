"""Clients of type 07-tendermint: what a chain knows of another one, and how it learns more.

Pure: the state of a client comes in and a consensus state goes out; time is that of the block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from tendermint.types.types_pb2 import Header, SignedHeader
from tendermint.types.validator_pb2 import Validator

from chain import light
from chain.ibc.identifiers import parse_revision

CHAIN_ID_CHARACTERS_MAX = 50
_HASH_BYTES = 32


class ClientError(ValueError):
    """What a client cannot be or take; the message says why."""


class Status(Enum):
    """Whether a client can be updated and proven to: only an active one."""

    ACTIVE = "Active"
    FROZEN = "Frozen"
    EXPIRED = "Expired"


class Height(NamedTuple):
    """A height of a chain that may begin anew with a higher revision."""

    revision: int
    height: int


@dataclass(frozen=True, slots=True)
class ClientState:
    """What a client is. trust: the part of the known validators that must have signed a later
    header, from a third to all, as numerator and denominator.
    """

    chain_id: str
    trust: tuple[int, int]
    trusting_period_ns: int
    unbonding_period_ns: int
    clock_drift_ns: int
    latest: Height
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class ConsensusState:
    """What a client keeps of a header. root: the app hash that proofs lead to."""

    time_ns: int
    root: bytes
    next_validators_hash: bytes


class SignedUpdate(NamedTuple):
    """A header with its validators, and the validators that sign after the trusted height."""

    signed_header: SignedHeader
    validators: Sequence[Validator]
    trusted_height: Height
    trusted_validators: Sequence[Validator]

    @property
    def height(self) -> Height:
        """The height that it is about."""
        header = self.signed_header.header
        return Height(parse_revision(header.chain_id), header.height)


def require_valid(client: ClientState, consensus: ConsensusState, now_ns: int) -> None:
    """Raises ClientError unless a client may begin with these."""
    require_sound(client)
    _require(not client.frozen, "a new client is not frozen")
    sizes = {len(consensus.root), len(consensus.next_validators_hash)}
    _require(sizes == {_HASH_BYTES}, f"root and hash of the validators have {_HASH_BYTES} bytes")
    active = get_status(client, consensus, now_ns) is Status.ACTIVE
    _require(active and consensus.time_ns > 0, "the trusting period of the header is over")


def require_sound(client: ClientState) -> None:
    """Raises ClientError unless the figures of a client make sense, whenever it began."""
    part, whole = client.trust
    named = 0 < len(client.chain_id) <= CHAIN_ID_CHARACTERS_MAX
    _require(named, f"a chain id has 1 to {CHAIN_ID_CHARACTERS_MAX} characters")
    _require(0 < part <= whole <= 3 * part, "the trust level is from a third to all")
    ordered = 0 < client.trusting_period_ns < client.unbonding_period_ns
    _require(ordered, "the trusting period is shorter than the unbonding period, and not zero")
    _require(client.clock_drift_ns > 0, "the clock drift is not zero")
    _require(client.latest.height > 0, "the latest height is not zero")
    same = client.latest.revision == parse_revision(client.chain_id)
    _require(same, "the latest height is of the revision that the chain id names")


def get_status(client: ClientState, latest: ConsensusState | None, now_ns: int) -> Status:
    """The status by the consensus state of the latest height, None where that was pruned."""
    if client.frozen:
        return Status.FROZEN
    if latest is None or latest.time_ns + client.trusting_period_ns <= now_ns:
        return Status.EXPIRED
    return Status.ACTIVE


def verify_update(
    client: ClientState, trusted: ConsensusState, update: SignedUpdate, now_ns: int
) -> ConsensusState:
    """What a client keeps of a header that follows from a trusted one. Raises ClientError."""
    trusted_header = _require_trusted(client, trusted, update)
    _require(update.height.height > update.trusted_height.height, "the header is not later")
    options = light.Options(client.trusting_period_ns, client.clock_drift_ns, client.trust)
    _run(
        lambda: light.verify(
            light.Trusted(trusted_header, update.trusted_validators),
            update.signed_header,
            update.validators,
            options,
            now_ns,
        )
    )
    header = update.signed_header.header
    sizes = {len(header.app_hash), len(header.next_validators_hash)}
    _require(sizes == {_HASH_BYTES}, f"its hashes have {_HASH_BYTES} bytes")
    return ConsensusState(
        light.get_time_ns(header.time), header.app_hash, header.next_validators_hash
    )


def contradicts(
    new: ConsensusState,
    known: ConsensusState | None,
    before: ConsensusState | None,
    after: ConsensusState | None,
) -> bool:
    """Whether a verified header shows that a chain has two: another is known at its height, or its
    time is not between those of the nearest known heights. It freezes the client.
    """
    if known is not None:
        return known != new
    too_early = before is not None and before.time_ns >= new.time_ns
    return too_early or (after is not None and new.time_ns >= after.time_ns)


def verify_misbehaviour(
    client: ClientState,
    first: tuple[ConsensusState, SignedUpdate],
    second: tuple[ConsensusState, SignedUpdate],
    now_ns: int,
) -> None:
    """Returns if two headers, each with the consensus state that it is trusted by, show that a
    chain has misbehaved: two blocks of one height, or a later one that is not later in time. The
    first is not below the second. Raises ClientError.
    """
    higher, lower = (update.signed_header for _, update in (first, second))
    _require(higher.header.height >= lower.header.height, "the first header is not below")
    if higher.header.height == lower.header.height:
        shown = higher.commit.block_id.hash != lower.commit.block_id.hash
    else:
        times = (light.get_time_ns(one.header.time) for one in (higher, lower))
        shown = next(times) <= next(times)
    _require(shown, "the headers do not contradict each other")
    for trusted, update in (first, second):
        _verify_signed(client, trusted, update, now_ns)


def _verify_signed(
    client: ClientState, trusted: ConsensusState, update: SignedUpdate, now_ns: int
) -> None:
    """That a header was signed by validators that a client knows, whatever it says."""
    _require_trusted(client, trusted, update)
    expired = trusted.time_ns + client.trusting_period_ns <= now_ns
    _require(not expired, "the trusted header is older than the trusting period")
    signed, validators = update.signed_header, update.validators

    def verify() -> None:
        light.require_consistent(client.chain_id, signed, validators)
        light.verify_trust(client.chain_id, update.trusted_validators, signed.commit, client.trust)
        light.verify_commit(client.chain_id, signed.commit, validators)

    _run(verify)


def _require_trusted(client: ClientState, trusted: ConsensusState, update: SignedUpdate) -> Header:
    """The part of a trusted header that was kept, if an update begins with it."""
    same = update.trusted_height.revision == update.height.revision == client.latest.revision
    _require(same, "the header is of another revision")
    count = len(update.trusted_validators)
    _require(0 < count <= light.VALIDATORS_MAX, f"1 to {light.VALIDATORS_MAX} validators")
    found = light.compute_validators_hash(update.trusted_validators)
    _require(found == trusted.next_validators_hash, "these are not the trusted validators")
    seconds, nanos = divmod(trusted.time_ns, light.NS_PER_S)
    return Header(
        chain_id=client.chain_id,
        height=update.trusted_height.height,
        time=Timestamp(seconds=seconds, nanos=nanos),
        next_validators_hash=trusted.next_validators_hash,
    )


def _run(verify: Callable[[], None]) -> None:
    try:
        verify()
    except (light.InvalidHeaderError, light.NotEnoughTrustError, light.ExpiredError) as error:
        raise ClientError(f"the header is not good: {error}") from None


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise ClientError(problem)
