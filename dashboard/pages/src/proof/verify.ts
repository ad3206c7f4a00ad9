// Whether a saved proof of a settlement line follows from a hash of validators.
import * as b from "./bytes";
import { decode } from "./codec";
import { computeValidatorsHash, type Signed, verifyBlock } from "./header";
import { isByRoot, verifyValue } from "./ics23";
import { readSaved, type Saved } from "./saved";

const MODULE = "settlement";
// The collection of lines in the tree of its module; then the slot, and the owner.
const LINES = 3;
// The roots over the lines of slots; then the slot.
const LINE_ROOTS = 8;
const KEY_BYTES = 1 + 8 + 20;

export interface Line {
  [field: string]: bigint | boolean | string;
}

export interface Verified {
  slot: bigint;
  /** The 20 bytes of the owner's address. */
  owner: Uint8Array;
  line: Line;
  /** The line is in the state after this block, and the next one is signed. */
  height: bigint;
  /** Not the line itself is there, but the root over the lines of its slot. */
  isByRoot: boolean;
  signed: Signed;
  /** Hash of the validators that are trusted from now on. */
  validators_hash: string;
}

/** What a saved proof proves. Throws ProofError if it does not follow from what is trusted. */
export function verifySaved(json: unknown, chainId: string, validatorsHash: string): Verified {
  const saved = readSaved(json);
  b.require(saved.chain_id === chainId, "other_chain", saved.chain_id);
  let trusted = b.fromHex(validatorsHash);
  let height = 0n;
  for (const change of saved.changes) {
    verifyBlock(change, chainId, trusted, height);
    const next = change.header.next_validators_hash;
    b.require(b.isSame(computeValidatorsHash(change.next_validators), next), "header");
    [trusted, height] = [next, change.header.height];
  }
  const signed = verifyBlock(saved.block, chainId, trusted, height);
  const { slot, owner } = readKey(saved);
  const rootKey = b.concat(Uint8Array.of(LINE_ROOTS), saved.key.subarray(1, 9));
  const value = verifyValue(saved.block.header.app_hash, saved, rootKey);
  b.require(b.isSame(value, saved.value), "value");
  const line = decode("blockenergy.settlement.v1.Line", value) as unknown as Line;
  requireSum(line);
  return {
    slot,
    owner,
    line,
    height: saved.block.header.height - 1n,
    isByRoot: isByRoot(saved),
    signed,
    validators_hash: b.toHex(trusted),
  };
}

function readKey(saved: Saved): { slot: bigint; owner: Uint8Array } {
  const { key } = saved;
  b.require(saved.module === MODULE && key.length === KEY_BYTES && key[0] === LINES, "key");
  const slot = new DataView(key.buffer, key.byteOffset).getBigUint64(1);
  return { slot, owner: key.subarray(9) };
}

/** What is paid is the sum of its parts. */
function requireSum(line: Line): void {
  const of = (field: string) => line[field] as bigint;
  const parts = of("revenue") + of("imbalance_credit") - of("cost") - of("imbalance_charge") - of("carbon_charge");
  b.require(parts === of("credited") - of("charged"), "sum");
}

/** The hash of the validators in a saved proof, which has to be compared with one from elsewhere. */
export function nameValidators(json: unknown): { chain_id: string; hash: string } {
  const saved = readSaved(json);
  const first = saved.changes[0] ?? saved.block;
  return { chain_id: saved.chain_id, hash: b.toHex(first.header.validators_hash) };
}
