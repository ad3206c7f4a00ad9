// Bech32 addresses, and the sentence of a problem.
import { ProofError, type Reason } from "./bytes";

const LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const PREFIX = "energy";

/** The address of 20 bytes. */
export function writeAddress(data: Uint8Array): string {
  const five: number[] = [];
  let [rest, bits] = [0, 0];
  for (const byte of data) {
    rest = (rest << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      five.push((rest >> bits) & 31);
    }
    rest &= (1 << bits) - 1;
  }
  if (bits) five.push((rest << (5 - bits)) & 31);
  const codes = [...PREFIX].map((one) => one.charCodeAt(0));
  const head = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
  const sum = checksum([...head, ...five, 0, 0, 0, 0, 0, 0]) ^ 1;
  const last = [0, 1, 2, 3, 4, 5].map((i) => (sum >> (5 * (5 - i))) & 31);
  return `${PREFIX}1${[...five, ...last].map((value) => LETTERS[value]).join("")}`;
}

function checksum(values: number[]): number {
  return values.reduce((before, value) => {
    const top = before >> 25;
    const next = ((before & 0x1ffffff) << 5) ^ value;
    return GENERATOR.reduce((all, one, i) => ((top >> i) & 1 ? all ^ one : all), next);
  }, 1);
}

/** Which sentence a failed verification deserves. */
export function reasonOf(error: unknown): Reason {
  return error instanceof ProofError ? error.reason : "form";
}
