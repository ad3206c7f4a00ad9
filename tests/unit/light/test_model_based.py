"""The model-based vectors of tendermint-light-client, which nobody here wrote: we agree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from chain import light
from client.node.headers import parse_signed_header, parse_time, parse_validator

FOLDER = Path(__file__).parents[2] / "clients" / "light_vectors"
CRATE = "tendermint-light-client-0.41.0"
DEADLINE_S = 300


@pytest.fixture(scope="module")
def vectors() -> list[dict[str, Any]]:
    """Fetched by name and checksum, which the lock file has."""
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("there is no cargo to fetch the vectors with")
    command = [cargo, "fetch", "--locked", "--manifest-path", str(FOLDER / "Cargo.toml")]
    fetch = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    found = sorted(
        home.glob(f"registry/src/*/{CRATE}/tests/support/model_based/single_step/*.json")
    )
    if fetch.returncode or not found:
        pytest.skip(f"the vectors cannot be had: {fetch.stderr[-300:]}")
    return [json.loads(path.read_text()) for path in found]


def read_validators(content: dict[str, Any] | None) -> list[Any]:
    """In the order of a set, which is not the one of the files."""
    found = (content or {}).get("validators") or []
    parsed = [
        parse_validator({"proposer_priority": "0", **one, "voting_power": one["voting_power"]})
        for one in found
    ]
    return light.order_validators(parsed)


def read_header(content: dict[str, Any]) -> Any:
    """A signed header, with the names that the RPC has for its parts."""
    header, commit = content["header"], content["commit"]
    for owner, name in ((header, "last_block_id"), (commit, "block_id")):
        block_id = owner[name] or {"hash": "", "part_set_header": {"total": 0, "hash": ""}}
        owner[name] = {"hash": block_id["hash"], "parts": block_id["part_set_header"]}
    for vote in commit["signatures"] or ():
        vote["validator_address"] = vote["validator_address"] or ""
        vote["timestamp"] = vote["timestamp"] or "0001-01-01T00:00:00Z"
    return parse_signed_header(content)


def judge(
    trusted: light.Trusted, block: Any, validators: list[Any], options: light.Options, now_ns: int
) -> str:
    try:
        light.verify(trusted, block, validators, options, now_ns)
    except light.NotEnoughTrustError:
        return "NOT_ENOUGH_TRUST"
    except (light.InvalidHeaderError, light.ExpiredError):
        return "INVALID"
    return "SUCCESS"


def test_all_verdicts_agree(vectors: list[dict[str, Any]]) -> None:
    counts: Counter[str] = Counter()
    for vector in vectors:
        initial = vector["initial"]
        options = light.Options(
            trusting_period_ns=int(initial["trusting_period"]), clock_drift_ns=0
        )
        first = read_header(initial["signed_header"])
        trusted = light.Trusted(first.header, read_validators(initial["next_validator_set"]))
        for step in vector["input"]:
            block = read_header(step["block"]["signed_header"])
            validators = read_validators(step["block"]["validator_set"])
            now_ns = light.get_time_ns(parse_time(step["now"]))
            verdict = judge(trusted, block, validators, options, now_ns)
            assert verdict == step["verdict"], (vector["description"], block.header.height)
            counts[verdict] += 1
            if verdict == "SUCCESS":
                following = read_validators(step["block"]["next_validator_set"])
                trusted = light.Trusted(block.header, following)
    assert counts == {"SUCCESS": 44, "NOT_ENOUGH_TRUST": 42, "INVALID": 13}
