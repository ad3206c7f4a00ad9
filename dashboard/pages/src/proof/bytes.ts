// Bytes, and the few forms of protobuf that hashes and proofs are made of.
import { sha256 } from "@noble/hashes/sha2.js";

export { sha256 };

/** What does not hold in a proof. The key names the sentence; value is what was found. */
export class ProofError extends Error {
  constructor(
    readonly reason: Reason,
    readonly found = "",
  ) {
    super(found ? `${reason}: ${found}` : reason);
  }
}

export type Reason =
  | "form"
  | "other_chain"
  | "other_validators"
  | "order"
  | "header"
  | "power"
  | "path"
  | "value"
  | "key"
  | "sum";

/** Throws ProofError where something does not hold. */
export function require(holds: boolean, reason: Reason, found = ""): asserts holds {
  if (!holds) throw new ProofError(reason, found);
}

const encoder = new TextEncoder();

export function fromText(text: string): Uint8Array {
  return encoder.encode(text);
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

export function startsWith(all: Uint8Array, start: Uint8Array): boolean {
  return all.length >= start.length && isSame(all.subarray(0, start.length), start);
}

export function toHex(data: Uint8Array): string {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("").toUpperCase();
}

export function fromHex(text: string): Uint8Array {
  require(/^([0-9a-fA-F]{2})*$/.test(text), "form");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function toBase64(data: Uint8Array): string {
  return btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(""));
}

/** Bytes of base64, which has spare bits: only the one text that the bytes have is taken. */
export function fromBase64(text: unknown): Uint8Array {
  require(typeof text === "string", "form");
  let data: Uint8Array;
  try {
    data = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  } catch {
    throw new ProofError("form");
  }
  require(toBase64(data) === text, "form");
  return data;
}

const UINT64 = (1n << 64n) - 1n;

/** A number in as few bytes as it needs; negative ones as 64 bits in two's complement. */
export function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value & UINT64;
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

export function withLength(data: Uint8Array): Uint8Array {
  return concat(varint(BigInt(data.length)), data);
}

function tag(field: number, kind: number): Uint8Array {
  return varint(BigInt((field << 3) | kind));
}

const EMPTY = new Uint8Array();

/** A number; nothing for zero. */
export function number(field: number, value: bigint): Uint8Array {
  return value === 0n ? EMPTY : concat(tag(field, 0), varint(value));
}

/** A number of 64 bits; nothing for zero. */
export function fixed64(field: number, value: bigint): Uint8Array {
  if (value === 0n) return EMPTY;
  const written = new Uint8Array(8);
  new DataView(written.buffer).setBigUint64(0, value & UINT64, true);
  return concat(tag(field, 1), written);
}

/** Bytes; nothing for none. */
export function content(field: number, value: Uint8Array): Uint8Array {
  return value.length === 0 ? EMPTY : always(field, value);
}

/** Bytes, written even if there are none. */
export function always(field: number, value: Uint8Array): Uint8Array {
  return concat(tag(field, 2), withLength(value));
}
