"""What a light client decides: whether a header follows from one that is trusted, and whether a
value is what the state behind a header has.

Pure: no clock and no socket; the present is an argument. Promises that nothing is accepted that
CometBFT or the ICS-23 libraries would reject, and that no input, however it was made, raises
anything but the errors named here.
"""

from chain.light.forms import ProofError
from chain.light.header import (
    NS_PER_S,
    compute_address,
    compute_header_hash,
    compute_results_root,
    compute_validators_hash,
    get_time_ns,
    order_validators,
    write_vote,
)
from chain.light.ics23 import verify_entry, verify_proof, verify_value
from chain.light.merkle import compute_merkle_root, verify_tx
from chain.light.verify import (
    VALIDATORS_MAX,
    ExpiredError,
    InvalidHeaderError,
    NotEnoughTrustError,
    Options,
    Trusted,
    require_consistent,
    verify,
    verify_backwards,
    verify_commit,
    verify_trust,
)

__all__ = [
    "NS_PER_S",
    "VALIDATORS_MAX",
    "ExpiredError",
    "InvalidHeaderError",
    "NotEnoughTrustError",
    "Options",
    "ProofError",
    "Trusted",
    "compute_address",
    "compute_header_hash",
    "compute_merkle_root",
    "compute_results_root",
    "compute_validators_hash",
    "get_time_ns",
    "order_validators",
    "require_consistent",
    "verify",
    "verify_backwards",
    "verify_commit",
    "verify_entry",
    "verify_proof",
    "verify_trust",
    "verify_tx",
    "verify_value",
    "write_vote",
]
