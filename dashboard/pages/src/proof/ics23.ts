// From a value to the root of its tree, and from there to the app hash: the two steps of ICS-23
// that the chain proves with (`smtSpec`, `tendermintSpec`), and nothing else.
import { concat, fromText, isSame, ProofError, require, sha256, startsWith, withLength } from "./bytes";
import { decode, type Message } from "./codec";
import type { Saved } from "./saved";

const HASH_BYTES = 32;
const STEPS_MAX = 256;
const BYTES_MAX = 1 << 20;
const KEY_BYTES_MAX = 127;
const LEAF = Uint8Array.of(0);
const INNER = Uint8Array.of(1);

interface Exist {
  key: Uint8Array;
  value: Uint8Array;
  leaf: Message | undefined;
  path: Message[];
}

interface Op {
  type: string;
  key: Uint8Array;
  data: Uint8Array;
}

/** What the state with this app hash has, or had below the root over the lines of its slot, under the key of a
 * saved proof. */
export function verifyValue(appHash: Uint8Array, saved: Saved, rootKey: Uint8Array): Uint8Array {
  const { module, key, proof_ops: ops } = saved;
  const [first, ...others] = ops;
  if (!isByRoot(saved) || !first) return verifyInTree(appHash, module, key, ops);
  return verifyEntry(verifyInTree(appHash, module, rootKey, others), key, first);
}

/** Whether a proof goes by the root over the lines of a slot. */
export function isByRoot(saved: Saved): boolean {
  return saved.proof_ops.length === 3;
}

function verifyInTree(appHash: Uint8Array, module: string, key: Uint8Array, ops: Op[]): Uint8Array {
  const hold = (holds: boolean) => require(holds, "path");
  const [op, storeOp] = ops;
  if (!op || !storeOp || ops.length !== 2) throw new ProofError("path");
  hold(appHash.length === HASH_BYTES);
  const root = verifyEntry(appHash, fromText(module), storeOp);
  hold(root.length === HASH_BYTES && op.type === "ics23:smt");
  hold(key.length > 0 && isSame(op.key, key));
  const proof = readExist(op.data);
  hold(isLeaf(proof.leaf, "SHA256", "NO_PREFIX") && isSame(proof.key, key));
  hold(proof.value.length > 0);
  const leaf = sha256(concat(LEAF, sha256(proof.key), sha256(proof.value)));
  hold(isSame(climb(leaf, proof.path), root));
  return proof.value;
}

/** What a simple map with this root has under a key. */
function verifyEntry(root: Uint8Array, key: Uint8Array, op: Op): Uint8Array {
  const hold = (holds: boolean) => require(holds, "path");
  hold(op.type === "ics23:simple" && isSame(op.key, key));
  const proof = readExist(op.data);
  hold(isLeaf(proof.leaf, "NO_HASH", "VAR_PROTO") && isSame(proof.key, key));
  hold(key.length > 0 && key.length <= KEY_BYTES_MAX && proof.value.length > 0);
  const leaf = sha256(concat(LEAF, withLength(key), withLength(sha256(proof.value))));
  hold(isSame(climb(leaf, proof.path), root));
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
