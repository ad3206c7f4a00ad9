// A saved proof: from its JSON, which anybody may have written, to exact numbers and bytes.
import { fromBase64, ProofError, require } from "./bytes";

export interface Time {
  seconds: bigint;
  nanos: bigint;
}

export interface BlockId {
  hash: Uint8Array;
  total: bigint;
  parts_hash: Uint8Array;
}

export interface Header {
  version: { block: bigint; app: bigint };
  chain_id: string;
  height: bigint;
  time: Time;
  last_block_id: BlockId;
  last_commit_hash: Uint8Array;
  data_hash: Uint8Array;
  validators_hash: Uint8Array;
  next_validators_hash: Uint8Array;
  consensus_hash: Uint8Array;
  app_hash: Uint8Array;
  last_results_hash: Uint8Array;
  evidence_hash: Uint8Array;
  proposer_address: Uint8Array;
}

export interface Vote {
  isForBlock: boolean;
  validator_address: Uint8Array;
  timestamp: Time;
  signature: Uint8Array;
}

export interface Commit {
  height: bigint;
  round: bigint;
  block_id: BlockId;
  signatures: Vote[];
}

export interface Validator {
  ed25519: Uint8Array;
  voting_power: bigint;
}

export interface VotedBlock {
  header: Header;
  commit: Commit;
  validators: Validator[];
  next_validators: Validator[];
}

export interface Saved {
  chain_id: string;
  module: string;
  key: Uint8Array;
  value: Uint8Array;
  proof_ops: { type: string; key: Uint8Array; data: Uint8Array }[];
  block: VotedBlock;
  changes: VotedBlock[];
}

type Json = { [field: string]: unknown };

const LISTED_MAX = 1000;

/** A saved proof of parsed JSON; ProofError if it has another form. */
export function readSaved(json: unknown): Saved {
  const all = object(json);
  return {
    chain_id: text(all.chain_id),
    module: text(all.module),
    key: bytes(all.key),
    value: bytes(all.value),
    proof_ops: list(all.proof_ops).map((one) => {
      const op = object(one);
      return { type: text(op.type), key: bytes(op.key), data: bytes(op.data) };
    }),
    block: readBlock(all.block),
    changes: list(all.changes ?? []).map(readBlock),
  };
}

function readBlock(json: unknown): VotedBlock {
  const block = object(json);
  const signed = object(block.signed_header);
  return {
    header: readHeader(object(signed.header)),
    commit: readCommit(object(signed.commit)),
    validators: list(block.validators).map(readValidator),
    next_validators: list(block.next_validators ?? []).map(readValidator),
  };
}

function readHeader(json: Json): Header {
  const version = object(json.version ?? {});
  return {
    version: { block: integer(version.block), app: integer(version.app) },
    chain_id: text(json.chain_id),
    height: integer(json.height),
    time: time(json.time),
    last_block_id: readBlockId(json.last_block_id),
    last_commit_hash: bytes(json.last_commit_hash),
    data_hash: bytes(json.data_hash),
    validators_hash: bytes(json.validators_hash),
    next_validators_hash: bytes(json.next_validators_hash),
    consensus_hash: bytes(json.consensus_hash),
    app_hash: bytes(json.app_hash),
    last_results_hash: bytes(json.last_results_hash),
    evidence_hash: bytes(json.evidence_hash),
    proposer_address: bytes(json.proposer_address),
  };
}

function readCommit(json: Json): Commit {
  return {
    height: integer(json.height),
    round: integer(json.round),
    block_id: readBlockId(json.block_id),
    signatures: list(json.signatures ?? []).map((one) => {
      const vote = object(one);
      return {
        isForBlock: vote.block_id_flag === "BLOCK_ID_FLAG_COMMIT",
        validator_address: bytes(vote.validator_address),
        timestamp: time(vote.timestamp),
        signature: bytes(vote.signature),
      };
    }),
  };
}

function readBlockId(json: unknown): BlockId {
  const id = object(json ?? {});
  const parts = object(id.part_set_header ?? {});
  return { hash: bytes(id.hash), total: integer(parts.total), parts_hash: bytes(parts.hash) };
}

/** Validators of this chain have keys of one kind: one of another kind is in no hash, and signs nothing. */
function readValidator(json: unknown): Validator {
  const one = object(json);
  const key = object(one.pub_key ?? {});
  const others = Object.keys(key).filter((kind) => kind !== "ed25519").map((kind) => bytes(key[kind]));
  return { ed25519: others.length ? new Uint8Array() : bytes(key.ed25519), voting_power: integer(one.voting_power) };
}

function object(value: unknown): Json {
  require(typeof value === "object" && value !== null && !Array.isArray(value), "form");
  return value as Json;
}

function list(value: unknown): unknown[] {
  require(Array.isArray(value) && value.length <= LISTED_MAX, "form");
  return value;
}

function text(value: unknown): string {
  require(typeof value === "string", "form");
  return value;
}

function bytes(value: unknown): Uint8Array {
  return fromBase64(value ?? "");
}

function integer(value: unknown): bigint {
  const written = typeof value === "number" ? String(value) : (value ?? "0");
  require(typeof written === "string" && /^(0|-?[1-9]\d{0,19})$/.test(written), "form");
  return BigInt(written);
}

const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/;

/** RFC 3339 with up to nine digits of fraction. Absent: the time that protobuf has for nothing. */
function time(value: unknown): Time {
  if (value === undefined) return { seconds: 0n, nanos: 0n };
  const found = TIME.exec(text(value));
  const at_ms = found ? Date.parse(`${found[1]}Z`) : Number.NaN;
  // A day that its month does not have would be moved into the next one.
  if (Number.isNaN(at_ms) || new Date(at_ms).toISOString().slice(0, 19) !== found?.[1]) {
    throw new ProofError("form");
  }
  return { seconds: BigInt(at_ms / 1000), nanos: BigInt((found[2] ?? "").padEnd(9, "0")) };
}
