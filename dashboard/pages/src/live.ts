// What the server tells by itself: the chain, the slots, and how old both are.
import { computed, signal } from "@preact/signals";
import { call, type ChainResponse, openEvents, type ShownSlot, type SlotsResponse } from "./api";

export const chain = signal<ChainResponse | null>(null);
export const slots = signal<ReadonlyMap<string, ShownSlot>>(new Map());
/** Grows whenever something has happened to an account of the session. */
export const mineChanged = signal(0);
export const isConnected = signal(false);
/** Seconds since the block that is shown, to a tenth. */
export const age_s = signal(0);

/** Older than this, and the page is grey. */
export const STALE_S = 10;
export const isStale = computed(() => chain.value !== null && age_s.value > STALE_S);

const TICK_MS = 200;
const KEPT_SLOTS = 400;
const RETRY_MS = 3000;

let stream: EventSource | null = null;
let topics = ["chain", "slots"];
let arrived_ms = 0;
// The least that the reader's clock was ahead of a block that had just arrived.
let ahead_s = Number.POSITIVE_INFINITY;

/** Begins to follow the chain, and stops while nobody looks. */
export function follow(): void {
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.setInterval(tick, TICK_MS);
  open();
}

/** Follows one's own account as well, or no longer. */
export function followMine(isSignedIn: boolean): void {
  topics = isSignedIn ? ["chain", "slots", "mine"] : ["chain", "slots"];
  if (stream) {
    close();
    open();
  }
}

/** Adds slots that were asked for; what is known already is replaced. */
export function addSlots(found: ShownSlot[]): void {
  const all = new Map(slots.value);
  for (const one of found) all.set(one.slot, one);
  const names = [...all.keys()].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
  for (const name of names.slice(0, Math.max(0, names.length - KEPT_SLOTS))) all.delete(name);
  slots.value = all;
}

function open(): void {
  close();
  const opened = openEvents(topics);
  stream = opened;
  opened.addEventListener("chain", (event) => seeChain(JSON.parse(event.data) as ChainResponse));
  opened.addEventListener("slots", (event) => addSlots((JSON.parse(event.data) as SlotsResponse).slots));
  opened.addEventListener("mine", () => (mineChanged.value += 1));
  opened.addEventListener("open", () => (isConnected.value = true));
  opened.addEventListener("error", () => {
    isConnected.value = false;
    // The browser comes back by itself, unless the server has refused the stream.
    if (opened.readyState === EventSource.CLOSED) window.setTimeout(() => stream === opened && open(), RETRY_MS);
  });
}

function close(): void {
  stream?.close();
  stream = null;
}

function seeChain(seen: ChainResponse): void {
  const isNew = chain.value !== null && seen.height !== chain.value.height;
  if (seen.height !== chain.value?.height) arrived_ms = performance.now();
  if (isNew) ahead_s = Math.min(ahead_s, Date.now() / 1000 - Number(seen.time_s));
  chain.value = seen;
  tick();
}

/** The reader's clock may be wrong: it counts only beside that of blocks which have just arrived. */
function tick(): void {
  if (!chain.value) return;
  const since_s = (performance.now() - arrived_ms) / 1000;
  const ahead = Number.isFinite(ahead_s) ? ahead_s : 0;
  const shown_s = Date.now() / 1000 - Number(chain.value.time_s) - ahead;
  age_s.value = Math.round(Math.max(since_s, shown_s) * 10) / 10;
}

let asked_ms = 0;

/** Whether the server answers at all, asked once in a while; a silent stream says nothing. */
export async function probe(): Promise<void> {
  if (performance.now() - asked_ms < RETRY_MS) return;
  asked_ms = performance.now();
  try {
    seeChain(await call("Chain"));
    isConnected.value = true;
  } catch {
    isConnected.value = false;
  }
}
