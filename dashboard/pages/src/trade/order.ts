// Orders as messages of the chain, and as sentences.
import type { market_QueryLimitOrderResponse } from "../api";
import { describeSlot } from "../tx/life";
import type { Message } from "../tx/transaction";
import { t } from "../text";
import { formatEnergy, formatPrice, priceUnit } from "../units";

export type Side = "SIDE_BUY" | "SIDE_SELL";
/** At once with the pool; in the call auction at the gate; by a deadline, in the auctions until then; directly between two. */
export type Kind = "now" | "auction" | "standing" | "offer";

export interface Order {
  kind: Kind;
  side: Side;
  slot: bigint;
  quantity_wh: bigint;
  limit: bigint;
  /** Of a standing order. */
  last_slot: bigint;
  slot_max_wh: bigint;
  /** Of a purchase from an offer. */
  seller: string;
}

const MARKET = "blockenergy.market.v1";

export function makeOrder(order: Order, owner: string): Message {
  const { kind, side, slot, quantity_wh, limit: price_limit_per_kwh } = order;
  const isBuy = side === "SIDE_BUY";
  if (kind === "standing") {
    const { slot_max_wh, last_slot } = order;
    return {
      type: `${MARKET}.MsgPlaceStandingOrder`,
      fields: { owner, side, quantity_wh, slot_max_wh, price_limit_per_kwh, last_slot, first_slot: slot },
    };
  }
  if (kind === "auction") {
    return { type: `${MARKET}.MsgPlaceLimitOrder`, fields: { owner, slot, side, quantity_wh, price_limit_per_kwh } };
  }
  if (kind === "offer") {
    if (!isBuy) return setOffer(owner, slot, quantity_wh, price_limit_per_kwh);
    const fields = { buyer: owner, seller: order.seller, slot, quantity_wh, price_limit_per_kwh };
    return { type: `${MARKET}.MsgBuyOffer`, fields };
  }
  return {
    type: isBuy ? `${MARKET}.MsgBuy` : `${MARKET}.MsgSell`,
    fields: { [isBuy ? "buyer" : "seller"]: owner, slot, quantity_wh, price_limit_per_kwh },
  };
}

export function describeOrder(order: Order): string {
  const isBuy = order.side === "SIDE_BUY";
  const values = {
    energy: formatEnergy(order.quantity_wh),
    span: describeSlot(String(order.slot)),
    price: `${formatPrice(order.limit)} ${priceUnit()}`,
    last: describeSlot(String(order.last_slot)),
    most: formatEnergy(order.slot_max_wh),
  };
  if (order.kind === "standing") return t(isBuy ? "order.standing_buy" : "order.standing_sell", values);
  if (order.kind === "offer") return t(isBuy ? "order.offer_buy" : "order.offer_sell", values);
  if (order.kind === "auction") return t(isBuy ? "order.auction_buy" : "order.auction_sell", values);
  return t(isBuy ? "order.now_buy" : "order.now_sell", values);
}

/** A new offer, or another in its place; with nothing available it ends. */
export function setOffer(seller: string, slot: bigint, available_wh: bigint, price_per_kwh: bigint): Message {
  return { type: `${MARKET}.MsgSetOffer`, fields: { seller, slot, price_per_kwh, available_wh } };
}

/** What else the order has is as it was. */
export function amendLimitOrder(owner: string, of: market_QueryLimitOrderResponse, quantity_wh: bigint, limit: bigint): Message {
  const { slot, order_id, order } = of;
  const rest = {
    full_price_per_kwh: BigInt(order?.full_price_per_kwh ?? 0),
    minimum_acceptable_wh: BigInt(order?.minimum_acceptable_wh ?? 0),
  };
  const fields = { owner, slot: BigInt(slot), order_id: BigInt(order_id), quantity_wh, price_limit_per_kwh: limit, ...rest };
  return { type: `${MARKET}.MsgAmendLimitOrder`, fields };
}

export function cancelLimitOrder(owner: string, slot: string, order_id: string): Message {
  return { type: `${MARKET}.MsgCancelLimitOrder`, fields: { owner, slot: BigInt(slot), order_id: BigInt(order_id) } };
}

export function cancelStandingOrder(owner: string, standing_order_id: string): Message {
  return { type: `${MARKET}.MsgCancelStandingOrder`, fields: { owner, standing_order_id: BigInt(standing_order_id) } };
}

/** The limit is the worst price: what was bought may be worth as little as the low bound, and so on. */
export function cancelPosition(owner: string, slot: string, side: Side, quantity_wh: bigint, limit: bigint): Message {
  const fields = { owner, slot: BigInt(slot), side, quantity_wh, price_limit_per_kwh: limit };
  return { type: `${MARKET}.MsgCancelPosition`, fields };
}
