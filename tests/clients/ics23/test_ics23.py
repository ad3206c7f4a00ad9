"""Proofs as the public ICS-23 libraries see them: they accept ours and reject altered ones."""

import base64
import functools
import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest
from cosmos.ics23.v1.proofs_pb2 import CommitmentProof, ExistenceProof, NonExistenceProof

from chain.runtime.trees.multistore import Multistore
from chain.runtime.trees.proofs import build_proof_ops

SOURCE = Path(__file__).parent
PROGRAM = SOURCE.parents[2] / ".cache" / "ics23" / "verify"
DOWNLOAD_DEADLINE_S = 300
BUILD_DEADLINE_S = 300
VERIFY_DEADLINE_S = 60
STORES = ["auth", "bank", "ibc", "market", "metering", "registry"]


class Case(NamedTuple):
    """What a light client knows and what it is shown; a value of None claims absence."""

    app_hash: bytes
    store: bytes
    key: bytes
    value: bytes | None
    key_proof: bytes
    store_proof: bytes


class State(NamedTuple):
    multistore: Multistore
    contents: dict[str, dict[bytes, bytes]]


@pytest.fixture(scope="session")
def verify() -> Callable[[list[Case]], list[str]]:
    go = shutil.which("go")
    if go is None:
        pytest.skip("no go command on PATH to build the ICS-23 verifier with")
    run = functools.partial(subprocess.run, cwd=SOURCE, capture_output=True, text=True)
    download = run([go, "mod", "download"], timeout=DOWNLOAD_DEADLINE_S)
    if download.returncode:
        pytest.skip(f"the Go modules of the verifier cannot be had: {download.stderr[-300:]}")
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    fresh = PROGRAM.with_name(f"verify.{os.getpid()}")
    build = run([go, "build", "-buildvcs=false", "-o", fresh, "."], timeout=BUILD_DEADLINE_S)
    assert build.returncode == 0, build.stderr
    fresh.replace(PROGRAM)
    return verify_cases


def verify_cases(cases: list[Case], *command: str | Path) -> list[str]:
    encoded = [
        {
            name: None if part is None else base64.b64encode(part).decode()
            for name, part in case._asdict().items()
        }
        for case in cases
    ]
    process = subprocess.run(
        command or [PROGRAM],
        check=False,
        input=json.dumps(encoded).encode(),
        capture_output=True,
        timeout=VERIFY_DEADLINE_S,
    )
    assert process.returncode == 0, process.stderr
    verdicts = json.loads(process.stdout)
    assert len(verdicts) == len(cases)
    return verdicts


def build_state(rng: random.Random, leaves: int) -> State:
    """A state with some history: more keys than stay, and values that were replaced."""
    multistore = Multistore(STORES)
    contents: dict[str, dict[bytes, bytes]] = {name: {} for name in STORES}
    for name in STORES[:-1]:
        keys = [rng.randbytes(rng.randrange(1, 40)) for _ in range(2 * leaves)]
        multistore.update({name: dict.fromkeys(keys, b"old")})
        contents[name] = {key: rng.randbytes(rng.randrange(1, 80)) for key in keys[:leaves]}
        multistore.update({name: dict.fromkeys(keys) | contents[name]})
    return State(multistore, contents)


def build_case(state: State, store: str, key: bytes) -> Case:
    content = state.contents[store]
    key_op, store_op = build_proof_ops(state.multistore, store, key, content.get)
    return Case(
        state.multistore.app_hash,
        store_op.key,
        key_op.key,
        content.get(key),
        key_op.data,
        store_op.data,
    )


def build_random_cases(rng: random.Random) -> list[Case]:
    """Present and absent keys of stores with 1 to 3,000 leaves."""
    cases = []
    for leaves in (1, 2, 3, 10, 300, 3_000):
        state = build_state(rng, leaves)
        for _ in range(30):
            store = rng.choice(STORES[:-1])
            cases.append(build_case(state, store, rng.choice(list(state.contents[store]))))
            cases.append(build_case(state, store, rng.randbytes(20)))
    return cases


def alter(rng: random.Random, data: bytes) -> bytes:
    """The bytes with one bit changed."""
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def alter_step(rng: random.Random, proof: ExistenceProof) -> None:
    """Change one bit of a sibling, or of the prefix where it stands."""
    step = rng.choice(proof.path)
    if step.suffix:
        step.suffix = alter(rng, step.suffix)
    else:
        step.prefix = alter(rng, step.prefix)


def alter_path(rng: random.Random, data: bytes) -> bytes | None:
    """The proof with a changed step, or None where it has no steps."""
    proof = CommitmentProof.FromString(data)
    shown = [proof.exist, proof.nonexist.left, proof.nonexist.right]
    proofs = [one for one in shown if one.path]
    if not proofs:
        return None
    alter_step(rng, rng.choice(proofs))
    return proof.SerializeToString()


def drop_step(rng: random.Random, data: bytes) -> bytes | None:
    """The proof with a step left out, or None where it has no steps."""
    proof = CommitmentProof.FromString(data)
    shown = [proof.exist, proof.nonexist.left, proof.nonexist.right]
    proofs = [one for one in shown if one.path]
    if not proofs:
        return None
    path = rng.choice(proofs).path
    del path[rng.randrange(len(path))]
    return proof.SerializeToString()


def alter_case(rng: random.Random, case: Case) -> list[Case]:
    """The case with each of its parts altered in turn, as far as there is such a part."""
    other_value = b"" if case.value is None else alter(rng, case.value)
    altered = [
        case._replace(app_hash=alter(rng, case.app_hash)),
        case._replace(store=alter(rng, case.store)),
        case._replace(value=other_value or b"claimed"),
    ]
    if case.value is not None:
        altered += [case._replace(value=None), case._replace(key=alter(rng, case.key))]
    for change in (alter_path, drop_step):
        for part in ("key_proof", "store_proof"):
            proof = change(rng, getattr(case, part))
            if proof is not None:
                altered.append(case._replace(**{part: proof}))
    return altered


def test_proofs_are_accepted(verify: Callable[[list[Case]], list[str]]) -> None:
    cases = build_random_cases(random.Random(1))
    assert len(cases) == 360
    assert sum(case.value is None for case in cases) == 180
    assert set(verify(cases)) == {"accept"}


def test_altered_proofs_are_rejected(verify: Callable[[list[Case]], list[str]]) -> None:
    rng = random.Random(2)
    cases = [altered for case in build_random_cases(rng) for altered in alter_case(rng, case)]
    assert len(cases) > 2_000
    accepted = [
        case for case, verdict in zip(cases, verify(cases), strict=True) if verdict == "accept"
    ]
    assert accepted == []


@pytest.mark.parametrize("store", ["bank", "ibc"])
def test_present_key_cannot_be_shown_absent(
    verify: Callable[[list[Case]], list[str]], store: str
) -> None:
    """The neighbours of a present key, or of more than one, are no proof of its absence."""
    state = build_state(random.Random(3), 40)
    content = state.contents[store]
    order = sorted(content, key=lambda key: key if store == "ibc" else sha256(key).digest())
    cases = []
    for at in range(1, len(order) - 1):
        for left, right in ((at - 1, at + 1), (None, at + 1), (at - 1, None), (at - 1, at)):
            proof = NonExistenceProof(key=order[at])
            if left is not None:
                proof.left.CopyFrom(get_existence_proof(state, store, order[left]))
            if right is not None:
                proof.right.CopyFrom(get_existence_proof(state, store, order[right]))
            data = CommitmentProof(nonexist=proof).SerializeToString()
            true_case = build_case(state, store, order[at])
            cases.append(true_case._replace(value=None, key_proof=data))
    assert all(verdict.startswith("reject: ") for verdict in verify(cases))


def get_existence_proof(state: State, store: str, key: bytes) -> ExistenceProof:
    return CommitmentProof.FromString(build_case(state, store, key).key_proof).exist


def test_proof_of_another_state_is_rejected(verify: Callable[[list[Case]], list[str]]) -> None:
    state = build_state(random.Random(4), 50)
    content = state.contents["bank"]
    key = next(iter(content))
    before = build_case(state, "bank", key)
    app_hash = state.multistore.update({"auth": {b"unrelated": b"change"}})
    after = build_case(state, "bank", key)
    stale = before._replace(app_hash=app_hash)
    verdicts = verify([before, stale, after])
    assert [verdict[:6] for verdict in verdicts] == ["accept", "reject", "accept"]


@pytest.fixture(scope="session")
def run_npm() -> Path:
    """The program that verifies with the library for npm, beside the packages of its lock file."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no node and npm on PATH to run the ICS-23 library for npm with")
    folder = PROGRAM.parent / "npm"
    shutil.copytree(SOURCE / "npm", folder, dirs_exist_ok=True)
    lock, done = (folder / "package-lock.json").read_bytes(), folder / "installed-lock.json"
    if done.exists() and done.read_bytes() == lock:
        return folder / "verify.cjs"
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
    install = subprocess.run(
        command, check=False, cwd=folder, capture_output=True, text=True, timeout=BUILD_DEADLINE_S
    )
    if install.returncode:
        pytest.skip(f"the ICS-23 library for npm cannot be had: {install.stderr[-300:]}")
    done.write_bytes(lock)
    return folder / "verify.cjs"


def test_the_library_for_npm_reads_the_ordered_store(run_npm: Path) -> None:
    """It does not hash keys before it compares them, so that of the others it knows no absence."""
    rng = random.Random(5)
    cases = []
    for leaves in (1, 2, 300):
        state = build_state(rng, leaves)
        for _ in range(20):
            there = rng.choice(list(state.contents["ibc"]))
            cases += [build_case(state, "ibc", key) for key in (there, rng.randbytes(20))]
    altered = [one for case in cases for one in alter_case(rng, case)]
    verdicts = verify_cases([*cases, *altered], "node", run_npm)
    assert set(verdicts[: len(cases)]) == {"accept"}
    assert "accept" not in verdicts[len(cases) :]
