// Protobuf by the tables that pages_fields.py makes of the definitions. Names are those of the
// definitions; numbers are bigint, enums their names, absent messages undefined.
import { type Field, PROOF_ENUMS as ENUMS, PROOF_FIELDS as FIELDS } from "../gen/fields";
import { require } from "./bytes";

export type Value = bigint | boolean | string | Uint8Array | Message | Value[] | undefined;
export type Message = { [field: string]: Value };

const DEPTH_MAX = 32;
const UINT64_BITS = 64n;

/** A message of bytes; ProofError if they are none. Unknown fields are passed over. */
export function decode(type: string, data: Uint8Array, depth = 0): Message {
  require(depth < DEPTH_MAX, "form");
  const fields = new Map(listFields(type).map((field) => [field[0], field]));
  const message = makeEmpty(type);
  const reader = new Reader(data);
  while (!reader.isAtEnd) {
    const head = reader.varint();
    const [wire, found] = [Number(head & 7n), Number(head >> 3n)];
    require(found > 0 && found < 1 << 29, "form");
    const field = fields.get(found);
    if (field && wire === wireOf(field)) read(message, field, reader, depth);
    else reader.skip(wire);
  }
  return message;
}

function listFields(type: string): Field[] {
  const fields = FIELDS[type];
  require(fields !== undefined, "form", type);
  return fields;
}

function makeEmpty(type: string): Message {
  const defaults: Record<string, Value> = { n: 0n, b: false, s: "", x: new Uint8Array(), m: undefined };
  return Object.fromEntries(
    listFields(type).map(([, name, kind, of]) => [
      name,
      kind.endsWith("*") ? [] : kind === "e" ? nameValue(of, 0n) : defaults[kind],
    ]),
  );
}

function nameValue(type: string | undefined, value: bigint): string {
  return ENUMS[type ?? ""]?.[Number(value)] ?? value.toString();
}

function wireOf([, , kind]: Field): number {
  return "nbe".includes(kind[0] ?? "") ? 0 : 2;
}

function read(message: Message, [, name, kind, of]: Field, reader: Reader, depth: number): void {
  let value: Value;
  if (kind[0] === "n") value = reader.varint();
  else if (kind[0] === "b") value = reader.varint() !== 0n;
  else if (kind[0] === "e") value = nameValue(of, reader.varint());
  else {
    const bytes = reader.bytes();
    if (kind[0] === "s") value = toText(bytes);
    else if (kind[0] === "x") value = bytes;
    // A message that is given twice would have to be merged: nobody who is honest writes one so.
    else {
      require(kind.endsWith("*") || message[name] === undefined, "form");
      value = decode(of ?? "", bytes, depth + 1);
    }
  }
  if (kind.endsWith("*")) (message[name] as Value[]).push(value);
  else message[name] = value;
}

function toText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    require(false, "form");
  }
}

class Reader {
  private at = 0;
  constructor(private readonly data: Uint8Array) {}

  get isAtEnd(): boolean {
    return this.at === this.data.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.data[this.at++];
      require(byte !== undefined, "form");
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(Number(UINT64_BITS), value);
    }
    require(false, "form");
  }

  bytes(): Uint8Array {
    return this.take(this.varint());
  }

  skip(wire: number): void {
    if (wire === 0) this.varint();
    else if (wire === 1) this.take(8n);
    else if (wire === 2) this.bytes();
    else if (wire === 5) this.take(4n);
    else require(false, "form");
  }

  private take(size: bigint): Uint8Array {
    require(size <= BigInt(this.data.length - this.at), "form");
    const start = this.at;
    this.at += Number(size);
    return this.data.subarray(start, this.at);
  }
}
