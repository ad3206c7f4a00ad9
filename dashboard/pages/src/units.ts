// Whole numbers of the chain as people read them. No amount ever becomes a floating-point number.
import { chain } from "./live";
import { language } from "./text";

const MINUS = "\u2212";
const NARROW = "\u202f";
const NO_BREAK = "\u00a0";

/** A whole number of 10^-decimals, written with `shown` digits of fraction, rounded half away from zero. */
export function formatDecimal(value: bigint, decimals: number, shown: number, sign = false): string {
  let digits = value < 0n ? -value : value;
  if (decimals > shown) {
    const unit = 10n ** BigInt(decimals - shown);
    digits = (digits + unit / 2n) / unit;
  } else {
    digits *= 10n ** BigInt(shown - decimals);
  }
  const text = digits.toString().padStart(shown + 1, "0");
  const whole = text.slice(0, text.length - shown);
  const point = language.value === "de" ? "," : ".";
  const fraction = shown ? point + text.slice(text.length - shown) : "";
  const isZero = digits === 0n;
  const mark = value < 0n && !isZero ? MINUS : sign && !isZero ? "+" : "";
  return mark + whole.replace(/\B(?=(\d{3})+$)/g, NARROW) + fraction;
}

/** The exact text of a whole number of 10^-decimals. */
export function formatExact(value: bigint, decimals: number): string {
  return formatDecimal(value, decimals, decimals);
}

/** A number that somebody has typed, as a whole number of 10^-decimals; null if it is none, or finer. */
export function parseDecimal(text: string, decimals: number): bigint | null {
  const found = /^\s*(\d{1,12})(?:[.,](\d*))?\s*$/.exec(text);
  const fraction = found?.[2] ?? "";
  if (!found || fraction.length > decimals) return null;
  return BigInt(`${found[1]}${fraction.padEnd(decimals, "0")}`);
}

/** Energy: Wh, and kWh from 1,000 Wh on. */
export function formatEnergy(wh: bigint | string, sign = false): string {
  const value = BigInt(wh);
  const isLarge = value >= 1000n || value <= -1000n;
  return isLarge
    ? `${formatDecimal(value, 3, 2, sign)}${NO_BREAK}kWh`
    : `${formatDecimal(value, 0, 0, sign)}${NO_BREAK}Wh`;
}

/** Money, two digits of fraction and the symbol. */
export function formatMoney(amount: bigint | string, sign = false, shown = 2): string {
  const { decimals, symbol } = denom();
  return `${formatDecimal(BigInt(amount), decimals, shown, sign)}${NO_BREAK}${symbol}`;
}

/** Money to the last digit. */
export function formatMoneyExact(amount: bigint | string): string {
  const { decimals, symbol } = denom();
  return `${formatExact(BigInt(amount), decimals)}${NO_BREAK}${symbol}`;
}

/** A price in hundredths of the currency: 21.4. */
export function formatPrice(perKwh: bigint | string): string {
  return formatDecimal(BigInt(perKwh), Math.max(0, denom().decimals - 2), 2);
}

/** What somebody has typed as a price, in the unit of prices; null if it is none, or finer than the chain's. */
export function parsePrice(text: string): bigint | null {
  return parseDecimal(text, Math.max(0, denom().decimals - 2));
}

/** A price as it is typed, to the last digit. */
export function writePrice(perKwh: bigint): string {
  return writeDecimal(perKwh, Math.max(0, denom().decimals - 2), 2);
}

const KWH_DECIMALS = 3;

/** What somebody has typed as kWh, in Wh; null if it is none, or finer. */
export function parseEnergy(text: string): bigint | null {
  return parseDecimal(text, KWH_DECIMALS);
}

/** Energy as it is typed, in kWh. */
export function writeEnergy(wh: bigint): string {
  return writeDecimal(wh, KWH_DECIMALS, 0);
}

function writeDecimal(value: bigint, decimals: number, least: number): string {
  let shown = Math.min(least, decimals);
  while (value % 10n ** BigInt(decimals - shown) !== 0n) shown += 1;
  return formatDecimal(value, decimals, shown).replaceAll(NARROW, "");
}

/** The unit of prices. */
export function priceUnit(): string {
  return denom().symbol === "EUR" ? "ct/kWh" : `${denom().symbol}/100${NO_BREAK}kWh`;
}

function denom(): { decimals: number; symbol: string } {
  const known = chain.value;
  return { decimals: Number(known?.decimals ?? 0), symbol: known?.symbol ?? "" };
}

/** A time of day in the zone of the chain. */
export function formatTime(seconds: number | string): string {
  return format(seconds, { hour: "2-digit", minute: "2-digit", hour12: false });
}

/** A day in the zone of the chain: Sat 28 Nov. */
export function formatDay(seconds: number | string): string {
  return format(seconds, { weekday: "short", day: "numeric", month: "short" });
}

/** Day and time in the zone of the chain. */
export function formatMoment(seconds: number | string): string {
  return format(seconds, { dateStyle: "medium", timeStyle: "medium" });
}

/** The date as the web API takes it, in the zone of the chain: 2026-11-28. */
export function isoDay(seconds: number | string): string {
  const zone = chain.value?.zone ?? "UTC";
  return new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short" }).format(Number(seconds) * 1000);
}

/** A span of time, without its end's day. */
export function formatSpan(start: string, end: string): string {
  return `${formatTime(start)}\u2013${formatTime(end)}`;
}

function format(seconds: number | string, options: Intl.DateTimeFormatOptions): string {
  const locale = language.value === "de" ? "de-DE" : "en-GB";
  const zone = chain.value?.zone ?? "UTC";
  return new Intl.DateTimeFormat(locale, { timeZone: zone, ...options }).format(Number(seconds) * 1000);
}

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;
const SHOWN_MAX = 64;

/** A text that others have written: what cannot be seen is written out, and what is long is cut. */
export function clean(text: string): string {
  const points = [...text];
  const shown = points.length > SHOWN_MAX ? [...points.slice(0, SHOWN_MAX), "\u2026"] : points;
  return shown
    .join("")
    .replace(UNSEEN, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`);
}

/** An address as far as one compares it; whole in its title. */
export function shortenAddress(address: string): string {
  return `${address.slice(0, 11)}…${address.slice(-4)}`;
}
