// Messages as SIGN_MODE_LEGACY_AMINO_JSON writes them, for hardware wallets: 64-bit numbers are
// strings, bytes are base64, enums are numbers, and what is empty is left out.
import { fromBase64, toBase64 } from "@cosmjs/encoding";
import type { AminoConverters } from "@cosmjs/stargate";
import { type Field, fields, messages } from "./gen/table.js";

type Values = Record<string, unknown>;

const ANY = "google.protobuf.Any";
const COIN = "cosmos.base.v1beta1.Coin";

function isEmpty(value: unknown): boolean {
  return (
    value === undefined ||
    value === 0 ||
    value === 0n ||
    value === "" ||
    value === false ||
    (value instanceof Uint8Array && value.length === 0)
  );
}

function getFields(type: string): ReadonlyArray<Field> {
  const found = fields[type];
  if (type === ANY || found === undefined) {
    throw new Error(`${type} cannot be signed as amino JSON here; use SIGN_MODE_DIRECT`);
  }
  return found;
}

function write([, , kind, , subtype]: Field, value: unknown): unknown {
  switch (kind) {
    case "long":
      return String(value);
    case "bytes":
      return toBase64(value as Uint8Array);
    case "message":
      return toAmino(subtype, value as Values);
    default:
      return value;
  }
}

function read([, , kind, , subtype]: Field, value: unknown): unknown {
  switch (kind) {
    case "long":
      return BigInt(value as string);
    case "bytes":
      return fromBase64(value as string);
    case "message":
      return fromAmino(subtype, value as Values);
    default:
      return value;
  }
}

function toAmino(type: string, message: Values): Values {
  const written: Values = {};
  for (const field of getFields(type)) {
    const [name, own, , isRepeated, subtype] = field;
    const value = message[own];
    if (isRepeated) {
      const items = (value ?? []) as unknown[];
      // Lists of coins are written even if they are empty.
      if (items.length > 0 || subtype === COIN) {
        written[name] = items.map((item) => write(field, item));
      }
    } else if (!isEmpty(value)) {
      written[name] = write(field, value);
    }
  }
  return written;
}

function fromAmino(type: string, written: Values): Values {
  const message: Values = {};
  for (const field of getFields(type)) {
    const [name, own, , isRepeated] = field;
    const value = written[name];
    if (value !== undefined) {
      message[own] = isRepeated
        ? (value as unknown[]).map((item) => read(field, item))
        : read(field, value);
    }
  }
  return message;
}

/** For `new AminoTypes({ ...createDefaultAminoConverters(), ...aminoConverters })`. */
export const aminoConverters: AminoConverters = Object.fromEntries(
  messages.map(([typeUrl, aminoType, type]) => [
    typeUrl,
    {
      aminoType,
      toAmino: (value: Values) => toAmino(typeUrl.slice(1), value),
      fromAmino: (value: Values) =>
        (type as { fromPartial(partial: unknown): unknown }).fromPartial(
          fromAmino(typeUrl.slice(1), value),
        ),
    },
  ]),
);
