"""Lists that wallets ask for and that are empty here: nobody stakes, there is no governance.

A wallet shows them beside the balance. What is no list, such as the rate of inflation, has no
answer that is true, so it stays "Not Implemented".
"""

from __future__ import annotations

import json
from functools import cache

from cosmos.base.query.v1beta1.pagination_pb2 import PageResponse

from chain.runtime.encoding import bech32
from gateway import json_form
from gateway.errors import GatewayError, Status

_ADDRESS = "{address}"
# Addresses of REST, with the lists in the answer; those with a page have one in the Cosmos SDK too.
_PAGED = {
    "/cosmos/staking/v1beta1/validators": "validators",
    f"/cosmos/staking/v1beta1/delegations/{_ADDRESS}": "delegation_responses",
    f"/cosmos/staking/v1beta1/delegators/{_ADDRESS}/unbonding_delegations": "unbonding_responses",
    f"/cosmos/staking/v1beta1/delegators/{_ADDRESS}/redelegations": "redelegation_responses",
    "/cosmos/gov/v1/proposals": "proposals",
    "/cosmos/gov/v1beta1/proposals": "proposals",
}
_REWARDS = f"/cosmos/distribution/v1beta1/delegators/{_ADDRESS}/rewards"


def find(verb: str, path: str) -> bytes | None:
    """The answer if it is an empty list; None for any other address.

    Raises GatewayError if the path names no account.
    """
    if verb != "GET":
        return None
    answers = get_answers()
    if path in answers:
        return answers[path]
    # One part of the path is the account.
    parts = path.split("/")
    for at, part in enumerate(parts):
        answer = answers.get("/".join([*parts[:at], _ADDRESS, *parts[at + 1 :]]))
        if answer is not None:
            _require_account(part)
            return answer
    return None


@cache
def get_answers() -> dict[str, bytes]:
    """All addresses with their answers."""
    page = json.loads(json_form.write(PageResponse()))
    answers: dict[str, object] = {
        address: {name: [], "pagination": page} for address, name in _PAGED.items()
    }
    answers[_REWARDS] = {"rewards": [], "total": []}
    return {
        address: json.dumps(answer, separators=(",", ":")).encode()
        for address, answer in answers.items()
    }


def _require_account(text: str) -> None:
    try:
        bech32.decode(text)
    except bech32.AddressError as error:
        raise GatewayError(Status.INVALID_ARGUMENT, f"{text[:100]!r}: {error}") from error
