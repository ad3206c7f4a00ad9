// Writes protobuf by the tables that pages_fields.py makes of the definitions, with the names of those.
import { type Field, TX_ENUMS, TX_FIELDS } from "../gen/fields";

export type Content = bigint | boolean | string | Uint8Array | Fields | Content[] | undefined;
export type Fields = { [name: string]: Content };

const text = new TextEncoder();

/** The bytes of a message: fields in their order, those with their defaults left out. Enums are named. */
export function encode(type: string, message: Fields): Uint8Array {
  const fields = TX_FIELDS[type];
  const unknown = Object.keys(message).find((name) => !fields?.some((field) => field[1] === name));
  if (!fields || unknown !== undefined) throw new Error(`${type} ${unknown ?? ""}`);
  const bytes: number[] = [];
  for (const field of fields) {
    const value = message[field[1]];
    if (value === undefined) continue;
    if (field[2].endsWith("*")) for (const item of value as Content[]) write(bytes, field, item);
    else if (!isDefault(field, value)) write(bytes, field, value);
  }
  return Uint8Array.from(bytes);
}

function isDefault([, , kind, of]: Field, value: Content): boolean {
  if (kind === "m") return false;
  return kind === "e" ? findValue(of, value) === 0n : value === 0n || value === false || (value as string).length === 0;
}

function findValue(type: string | undefined, name: Content): bigint {
  const found = Object.entries(TX_ENUMS[type ?? ""] ?? {}).find(([, one]) => one === name);
  if (!found) throw new Error(`${type} ${String(name)}`);
  return BigInt(found[0]);
}

function write(bytes: number[], [number, , kind, of]: Field, value: Content): void {
  const isNumber = "nbe".includes(kind[0] ?? "");
  writeVarint(bytes, BigInt(number * 8 + (isNumber ? 0 : 2)));
  if (isNumber) {
    writeVarint(bytes, kind[0] === "e" ? findValue(of, value) : BigInt.asUintN(64, BigInt(value as bigint | boolean)));
    return;
  }
  const content =
    kind[0] === "m" ? encode(of ?? "", value as Fields) : kind[0] === "s" ? text.encode(value as string) : (value as Uint8Array);
  writeVarint(bytes, BigInt(content.length));
  for (const byte of content) bytes.push(byte);
}

function writeVarint(bytes: number[], value: bigint): void {
  let left = value;
  for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) | 128);
  bytes.push(Number(left));
}
