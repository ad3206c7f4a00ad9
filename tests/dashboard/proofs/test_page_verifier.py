"""The verifier of the pages says what the one of the command line says, of whatever was altered."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from blockenergy.dashboard.v1.account_pb2 import SavedProof
from built import NODE_MODULES, PAGES, needs_node
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from saved_proofs import ALTERED, CHAIN, PROOF, ROOTED, TRUSTED, trust

from chain.runtime.encoding import bech32
from client.light.client import LightError
from client.light.saved import verify_saved

# Reads one proof a line; writes slot, owner and amounts, or why it is not proven.
RUNNER = """
import { createInterface } from "node:readline";
import { verifySaved } from "./verify.mjs";
const [chain, hash] = process.argv.slice(2);
for await (const line of createInterface({ input: process.stdin })) {
  let said;
  try {
    const { slot, owner, line: found, height } = verifySaved(JSON.parse(line), chain, hash);
    const amounts = Object.entries(found).filter(([, value]) => typeof value === "bigint" && value);
    said = { slot: `${slot}`, owner: Buffer.from(owner).toString("hex"), height: `${height}` };
    said.amounts = Object.fromEntries(amounts.map(([name, value]) => [name, `${value}`]));
  } catch (error) {
    said = { reason: error.reason ?? `${error}` };
  }
  console.log(JSON.stringify(said));
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    folder: Path = tmp_path_factory.mktemp("verifier")
    source = PAGES / "src" / "proof" / "verify.ts"
    (folder / "run.mjs").write_text(RUNNER)
    command = [str(NODE_MODULES / ".bin" / "esbuild"), str(source), "--bundle", "--format=esm"]
    subprocess.run(
        [*command, f"--outfile={folder / 'verify.mjs'}", "--log-level=error"], check=True
    )
    return folder


def ask(folder: Path, proofs: list[Any], chain: str = CHAIN, trusted: bytes = TRUSTED) -> list[Any]:
    """What the verifier of the pages says of each proof, in JSON."""
    done = subprocess.run(
        ["node", str(folder / "run.mjs"), chain, trusted.hex()],
        input="\n".join(map(json.dumps, proofs)),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def to_json(proof: SavedProof) -> Any:
    return json_format.MessageToDict(proof, preserving_proto_field_name=True)


def expect(proof: SavedProof, chain: str = CHAIN, trusted: bytes = TRUSTED) -> Any:
    """What the command line says, in the same form; None if it is not proven."""
    try:
        found, height = verify_saved(proof, chain, trusted)
    except LightError:
        return None
    amounts = {
        field.name: str(value)
        for field, value in found.line.ListFields()
        if isinstance(value, int) and not isinstance(value, bool) and field.enum_type is None
    }
    owner = bech32.decode(found.owner).hex()
    return {"slot": str(found.slot), "owner": owner, "height": str(height), "amounts": amounts}


@needs_node
def test_both_say_what_was_charged(folder: Path) -> None:
    assert ask(folder, [to_json(PROOF)]) == [expect(PROOF)]
    assert ask(folder, [to_json(PROOF)], chain="energy-1") == [{"reason": "other_chain"}]
    assert ask(folder, [to_json(PROOF)], trusted=bytes(32)) == [{"reason": "other_validators"}]


@needs_node
def test_both_prove_a_removed_line_by_the_root(folder: Path) -> None:
    context = ROOTED.chain_id, trust(ROOTED)
    [said] = ask(folder, [to_json(ROOTED)], *context)
    assert said == expect(ROOTED, *context) and said["amounts"]["charged"] == "2"


def alter(whole: SavedProof, rng: random.Random) -> Iterator[SavedProof]:
    """The proof with one bit changed, over and over, wherever it is still a message."""
    content = whole.SerializeToString()
    while True:
        changed = bytearray(content)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        try:
            proof = SavedProof.FromString(bytes(changed))
            to_json(proof)
        except (DecodeError, json_format.Error):
            # It is no message, or has a time or a text that JSON cannot have.
            continue
        yield proof


@needs_node
@pytest.mark.parametrize("whole", [PROOF, ROOTED], ids=["line", "root"])
def test_both_judge_altered_proofs_alike(folder: Path, whole: SavedProof) -> None:
    """Neither proves anything else than what the whole proof says."""
    context = whole.chain_id, trust(whole)
    proven, refuted = expect(whole, *context), 0
    for batch in batched(islice(alter(whole, random.Random(2)), ALTERED)):
        said = ask(folder, [to_json(proof) for proof in batch], *context)
        for proof, one in zip(batch, said, strict=True):
            expected = expect(proof, *context)
            if expected is None:
                refuted += 1
                assert "reason" in one, (to_json(proof), one)
            else:
                assert one == expected == proven, (to_json(proof), one)
    assert ALTERED // 2 < refuted < ALTERED


def batched(proofs: Iterator[SavedProof]) -> Iterator[list[SavedProof]]:
    """A thousand at a time: a hundred thousand in JSON would be gigabytes."""
    while batch := list(islice(proofs, 1_000)):
        yield batch


def find_leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [leaf for key, one in items for leaf in find_leaves(one, (*path, key))]
    return [path]


@needs_node
def test_no_other_text_is_taken_for_a_proof(folder: Path) -> None:
    """Each value, replaced by one of another type or left out, is judged and breaks nothing."""
    strange: list[Any] = [None, True, 1.5, -1, "\u202e", "AA=", [], {}, "9" * 30]
    proofs = []
    for path in find_leaves(to_json(PROOF)):
        for other in strange:
            shown = to_json(PROOF)
            place = shown
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = other
            proofs.append(shown)
    known = {"form", "header", "path", "power", "order", "value", "key", "sum"}
    reasons = known | {"other_chain", "other_validators"}
    whole = expect(PROOF)
    for shown, said in zip(proofs, ask(folder, proofs), strict=True):
        assert said.get("reason") in reasons or said == whole, (shown, said)
    assert ask(folder, [None, 17, [], {}, "proof"]) == [{"reason": "form"}] * 5
