// From sending a transaction to what the chain has made of it.
import type { Signal } from "@preact/signals";
import { ApiError, call, type ShownEvent, type TxResponse } from "../api";
import { chain, mineChanged, slots } from "../live";
import { describeError } from "../parts/common";
import { account } from "../session";
import { type Key, t } from "../text";
import { formatEnergy, formatMoney, formatPrice, formatSpan, priceUnit } from "../units";
import type { Sent } from "./transaction";

export interface Life {
  words: string;
  state: "waiting" | "done" | "refused" | "void";
  hash: string;
  /** The block in which it is; empty: in none yet. */
  height: string;
  last_height: string;
  sentences: string[];
}

/** How a life begins: the node has taken the transaction, or said why not. */
export function tellLife(words: string, { response, last_height }: Sent): Life {
  const { hash, code, codespace, text } = response;
  const life = { words, hash, height: "", last_height: String(last_height) };
  if (code === "0") return { ...life, state: "waiting", sentences: [] };
  const error = new ApiError(codespace, Number(code), text);
  return { ...life, hash: "", state: "refused", sentences: [describeError(error)] };
}

/** Looks once whether a transaction that waits is in a block, and tells what happened there. */
export async function look(life: Signal<Life | null>): Promise<void> {
  const at = life.peek();
  if (at?.state !== "waiting") return;
  const found = await find(at);
  if (life.peek() !== at || !found) return;
  life.value = found;
  // What the account has is another now; the stream may say so only with the next block.
  mineChanged.value += 1;
}

async function find(at: Life): Promise<Life | null> {
  const isOver = BigInt(chain.value?.tables_height ?? 0) > BigInt(at.last_height);
  let tx: TxResponse;
  try {
    // A transaction that is not there yet is no error for a search.
    const { found } = await call("Search", { q: at.hash });
    if (found.length === 0) return isOver ? { ...at, state: "void" } : null;
    tx = await call("Tx", { hash: at.hash });
  } catch {
    // The next block asks again; meanwhile the frame says how old the page is.
    return null;
  }
  const height = tx.block_height;
  if (tx.code !== "0") {
    const error = new ApiError(tx.codespace, Number(tx.code), tx.text);
    return { ...at, height, state: "refused", sentences: [describeError(error)] };
  }
  const { events } = await call("MyEvents", { account: account.value, types: "market" });
  const own = events.filter((one) => one.height === height).reverse();
  const cancelling = own.flatMap(({ content }) => (content?.cancels === true ? [String(content.order_id)] : []));
  return { ...at, height, state: "done", sentences: own.flatMap((one) => describeEvent(one, cancelling)) };
}

type Values = Record<string, string>;

const LAPSES: Record<string, Key> = {
  LAPSE_REASON_LIMIT: "lapse.limit",
  LAPSE_REASON_WHOLE: "lapse.whole",
  LAPSE_REASON_LINK: "lapse.link",
  LAPSE_REASON_FEEDER_FULL: "lapse.feeder_full",
  LAPSE_REASON_POSITION_CHANGED: "lapse.position_changed",
};

/** What an event of the market means for whom it concerns; nothing for those that say no more than others. */
function describeEvent(event: ShownEvent, cancelling: string[]): string[] {
  const { "@type": type, ...rest } = event.content ?? { "@type": "" };
  const values = rest as Values;
  const span = describeSlot(values.slot ?? "0");
  const energy = formatEnergy(values.quantity_wh ?? "0");
  const amount = formatMoney(values.amount ?? "0", false, 4);
  const isBuy = values.side === "SIDE_BUY";
  switch (type.split(".").pop()) {
    case "EventOrderExecuted":
      if (cancelling.includes(values.order_id ?? "")) return [t("outcome.closed", { span, energy })];
      return [t(isBuy ? "outcome.bought" : "outcome.sold", { span, energy, amount })];
    case "EventOrderLapsed":
      return [t("outcome.lapsed", { span, reason: t(LAPSES[values.reason ?? ""] ?? "lapse.limit") })];
    case "EventLimitOrderPlaced":
      return [t(String(values.amended) === "true" ? "outcome.amended" : "outcome.resting", { span, energy, id: values.order_id ?? "" })];
    case "EventLimitOrderCancelled":
      return [t(String(values.evicted) === "true" ? "outcome.evicted" : "outcome.cancelled", { span, id: values.order_id ?? "" })];
    case "EventOfferSet":
      if ((values.available_wh ?? "0") === "0") return [t("outcome.offer_ended", { span })];
      return [t("outcome.offer", { span, energy: formatEnergy(values.available_wh ?? "0"), price: `${formatPrice(values.price_per_kwh ?? "0")} ${priceUnit()}` })];
    case "EventOfferBought":
      return [t(values.buyer === account.value ? "outcome.bought" : "outcome.offer_sold", { span, energy, amount })];
    case "EventOfferPurchaseLapsed":
      return [t("outcome.offer_lapsed", { span })];
    case "EventStandingOrderPlaced":
      return [t("outcome.standing", { energy, id: values.standing_order_id ?? "", span: describeSlot(values.last_slot ?? "0") })];
    case "EventStandingOrderEnded":
      return [t("outcome.standing_ended", { id: values.standing_order_id ?? "", energy: formatEnergy(values.filled_wh ?? "0") })];
    default:
      return [];
  }
}

/** When a slot is, on the clock that is shown. */
export function describeSlot(slot: string): string {
  const shown = slots.value.get(slot);
  if (shown) return formatSpan(shown.shown_start_s, shown.shown_end_s);
  const known = chain.value;
  if (!known) return slot;
  const length_s = BigInt(known.slot_stands_for_s);
  const start_s = BigInt(known.shown_start_s) + (BigInt(slot) - BigInt(known.slot)) * length_s;
  return formatSpan(String(start_s), String(start_s + length_s));
}
