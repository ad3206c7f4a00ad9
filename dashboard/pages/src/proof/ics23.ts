// From a value to the root of its tree, and from there to the app hash: the two steps of ICS-23
// that the chain proves with (`smtSpec`, `tendermintSpec`), and nothing else.
import { concat, fromText, isSame, ProofError, require, sha256, startsWith, withLength } from "./bytes";
import { decode, type Message } from "./codec";
import type { Saved } from "./saved";

const HASH_BYTES = 32;
const STEPS_MAX = 256;
const BYTES_MAX = 1 << 20;
const LEAF = Uint8Array.of(0);
const INNER = Uint8Array.of(1);

interface Exist {
  key: Uint8Array;
  value: Uint8Array;
  leaf: Message | undefined;
  path: Message[];
}

/** What the state with this app hash has under the key of a saved proof. */
export function verifyValue(appHash: Uint8Array, saved: Saved): Uint8Array {
  const hold = (holds: boolean) => require(holds, "path");
  hold(appHash.length === HASH_BYTES && saved.proof_ops.length === 2);
  const [op, storeOp] = saved.proof_ops;
  if (!op || !storeOp) throw new ProofError("path");
  const name = fromText(saved.module);
  hold(op.type === "ics23:smt" && storeOp.type === "ics23:simple");
  hold(saved.key.length > 0 && isSame(op.key, saved.key) && isSame(storeOp.key, name));
  const store = readExist(storeOp.data);
  hold(isLeaf(store.leaf, "NO_HASH", "VAR_PROTO") && isSame(store.key, name) && name.length > 0);
  hold(store.value.length === HASH_BYTES);
  const storeLeaf = sha256(concat(LEAF, withLength(name), withLength(sha256(store.value))));
  hold(isSame(climb(storeLeaf, store.path), appHash));
  const proof = readExist(op.data);
  hold(isLeaf(proof.leaf, "SHA256", "NO_PREFIX") && isSame(proof.key, saved.key));
  hold(proof.value.length > 0);
  const leaf = sha256(concat(LEAF, sha256(proof.key), sha256(proof.value)));
  hold(isSame(climb(leaf, proof.path), store.value));
  return proof.value;
}

function readExist(data: Uint8Array): Exist {
  require(data.length <= BYTES_MAX, "path");
  const proof = decode("cosmos.ics23.v1.CommitmentProof", data);
  require(proof.exist !== undefined && proof.nonexist === undefined, "path");
  return proof.exist as unknown as Exist;
}

function isLeaf(leaf: Message | undefined, prehashKey: string, length: string): boolean {
  return (
    leaf !== undefined &&
    leaf.hash === "SHA256" &&
    leaf.prehash_key === prehashKey &&
    leaf.prehash_value === "SHA256" &&
    leaf.length === length &&
    isSame(leaf.prefix as Uint8Array, LEAF)
  );
}

/** Every step is a hash on the right of the node, or on its left, and has no room for more. */
function climb(from: Uint8Array, path: Message[]): Uint8Array {
  require(path.length <= STEPS_MAX, "path");
  return path.reduce((node, step) => {
    const prefix = step.prefix as Uint8Array;
    const suffix = step.suffix as Uint8Array;
    const isLeft = prefix.length === 1 && suffix.length === HASH_BYTES;
    const isRight = prefix.length === 1 + HASH_BYTES && suffix.length === 0;
    require((isLeft || isRight) && startsWith(prefix, INNER) && step.hash === "SHA256", "path");
    return sha256(concat(prefix, node, suffix));
  }, from);
}
