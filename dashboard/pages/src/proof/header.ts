// Headers, validators and votes: their hashes, and the bytes that validators sign.
import { verify as verifyEd25519, hashes } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import * as b from "./bytes";
import type { Commit, Header, Validator, Vote, VotedBlock } from "./saved";

hashes.sha512 = sha512;

const LEAF = Uint8Array.of(0);
const INNER = Uint8Array.of(1);
const PRECOMMIT = 2n;
const HASH_BYTES = 32;
const ADDRESS_BYTES = 20;
const VALIDATORS_MAX = 200;
const POWER_MAX = (1n << 63n) / 8n;
const SECONDS_MAX = 1n << 40n;

/** The RFC-6962 root over items; of none the hash of nothing. */
export function computeRoot(items: Uint8Array[]): Uint8Array {
  if (items.length === 0) return b.sha256(new Uint8Array());
  const climb = (leaves: Uint8Array[]): Uint8Array => {
    const [only] = leaves;
    if (leaves.length === 1 && only) return only;
    let middle = 1;
    while (middle * 2 < leaves.length) middle *= 2;
    return b.sha256(b.concat(INNER, climb(leaves.slice(0, middle)), climb(leaves.slice(middle))));
  };
  return climb(items.map((item) => b.sha256(b.concat(LEAF, item))));
}

export function computeHeaderHash(header: Header): Uint8Array {
  return computeRoot([
    b.concat(b.number(1, header.version.block), b.number(2, header.version.app)),
    b.content(1, b.fromText(header.chain_id)),
    b.number(1, header.height),
    writeTime(header.time),
    writeBlockId(header.last_block_id),
    b.content(1, header.last_commit_hash),
    b.content(1, header.data_hash),
    b.content(1, header.validators_hash),
    b.content(1, header.next_validators_hash),
    b.content(1, header.consensus_hash),
    b.content(1, header.app_hash),
    b.content(1, header.last_results_hash),
    b.content(1, header.evidence_hash),
    b.content(1, header.proposer_address),
  ]);
}

export function computeValidatorsHash(validators: Validator[]): Uint8Array {
  return computeRoot(
    validators.map((one) =>
      b.concat(b.always(1, b.always(1, one.ed25519)), b.number(2, one.voting_power)),
    ),
  );
}

function computeAddress(validator: Validator): Uint8Array {
  return b.sha256(validator.ed25519).subarray(0, ADDRESS_BYTES);
}

function writeTime(time: { seconds: bigint; nanos: bigint }): Uint8Array {
  return b.concat(b.number(1, time.seconds), b.number(2, time.nanos));
}

function writeBlockId(id: Header["last_block_id"]): Uint8Array {
  const parts = b.concat(b.number(1, id.total), b.content(2, id.parts_hash));
  return b.concat(b.content(1, id.hash), b.always(2, parts));
}

function writeVote(chainId: string, commit: Commit, vote: Vote): Uint8Array {
  return b.withLength(
    b.concat(
      b.number(1, PRECOMMIT),
      b.fixed64(2, commit.height),
      b.fixed64(3, commit.round),
      b.content(4, writeBlockId(commit.block_id)),
      b.always(5, writeTime(vote.timestamp)),
      b.content(6, b.fromText(chainId)),
    ),
  );
}

/** How much of the power has signed a block, in how many votes. */
export interface Signed {
  votes: number;
  validators: number;
  power: bigint;
  total: bigint;
}

/** Who has signed a block whose validators are the trusted ones. ProofError if it is not enough. */
export function verifyBlock(block: VotedBlock, chainId: string, trusted: Uint8Array, after: bigint): Signed {
  const { header, commit } = block;
  const named = b.toHex(header.validators_hash);
  b.require(b.isSame(header.validators_hash, trusted), "other_validators", named);
  b.require(header.height > after, "order");
  requireConsistent(block, chainId);
  const total = block.validators.reduce((sum, one) => sum + one.voting_power, 0n);
  let power = 0n;
  let votes = 0;
  block.validators.forEach((validator, i) => {
    const vote = commit.signatures[i] as Vote;
    if (!b.isSame(vote.validator_address, computeAddress(validator))) return;
    if (!vote.isForBlock || !isSigned(vote, validator, writeVote(chainId, commit, vote))) return;
    power += validator.voting_power;
    votes += 1;
  });
  b.require(3n * power > 2n * total, "power", `${power}/${total}`);
  return { votes, validators: block.validators.length, power, total };
}

function isSigned(vote: Vote, validator: Validator, signed: Uint8Array): boolean {
  try {
    return verifyEd25519(vote.signature, signed, validator.ed25519, { zip215: false });
  } catch {
    return false;
  }
}

function requireConsistent({ header, commit, validators }: VotedBlock, chainId: string): void {
  const hold = (holds: boolean) => b.require(holds, "header");
  b.require(header.chain_id === chainId, "other_chain", header.chain_id);
  hold(header.time.seconds < SECONDS_MAX && header.time.seconds > -SECONDS_MAX);
  hold(commit.height === header.height && header.height > 0n && commit.round >= 0n);
  hold(validators.length > 0 && validators.length <= VALIDATORS_MAX);
  hold(commit.signatures.length === validators.length);
  hold(validators.every((one) => one.voting_power > 0n && one.voting_power <= POWER_MAX));
  hold(validators.reduce((sum, one) => sum + one.voting_power, 0n) <= POWER_MAX);
  hold(header.validators_hash.length === HASH_BYTES);
  hold(b.isSame(computeValidatorsHash(validators), header.validators_hash));
  hold(b.isSame(computeHeaderHash(header), commit.block_id.hash));
}
