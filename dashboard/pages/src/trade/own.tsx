// What an account has: orders, positions, money on hold, each with the way to take it back.
import type { ComponentChildren } from "preact";
import type { bank_OwnedHold, MineResponse, MyOrdersResponse } from "../api";
import { chain, slots } from "../live";
import { Card, Facts, Table } from "../parts/common";
import { type Key, t } from "../text";
import { type Draft, formatFee } from "../tx/sign";
import { describeSlot } from "../tx/life";
import { formatEnergy, formatMoney, formatMoneyExact, formatPrice, priceUnit } from "../units";
import type { Amendment, Wish } from "./change";
import { amendLimitOrder, cancelLimitOrder, cancelPosition, cancelStandingOrder, setOffer, type Side } from "./order";

interface Own {
  mine: MineResponse;
  orders: MyOrdersResponse;
  owner: string;
  ask: (wish: Wish) => void;
}

const price = (value: string | bigint) => `${formatPrice(value)} ${priceUnit()}`;
const sideText = (side: string): Key => (side === "SIDE_BUY" ? "form.buy" : "form.sell");
const takesOrders = (slot: string) => slots.value.get(slot)?.book?.takes_orders === true;

function Listed<T>(props: { title: Key; empty: Key; rows: T[]; children: (rows: T[]) => ComponentChildren }) {
  return (
    <Card title={t(props.title)} class="wide">
      {props.rows.length === 0 ? <p class="quiet">{t(props.empty)}</p> : props.children(props.rows)}
    </Card>
  );
}

/** A button whose name says of what, for those who hear one after the other. */
function CancelButton(props: { of: string; run: () => void }) {
  return (
    <button type="button" onClick={props.run} aria-label={t("own.cancel_of", { of: props.of })}>
      {t("own.cancel")}
    </button>
  );
}

/** The two buttons of what may be changed as well. */
function Buttons(props: { amendment: Amendment; draft: Draft; ask: (wish: Wish) => void }) {
  return (
    <span class="row actions">
      <button type="button" onClick={() => props.ask({ amendment: props.amendment })} aria-label={props.amendment.name}>
        {t("own.amend")}
      </button>
      <CancelButton of={props.draft.words} run={() => props.ask({ draft: props.draft })} />
    </span>
  );
}

export function LimitOrders({ orders, owner, ask }: Own) {
  return (
    <Listed title="own.orders" empty="own.no_orders" rows={orders.limit_orders}>
      {(rows) => (
        <Table
          caption={t("own.orders")}
          rows={rows}
          name={(one) => `${one.slot} ${one.order_id}`}
          columns={[
            { head: "head.slot", cell: (one) => describeSlot(one.slot) },
            { head: "head.side", cell: (one) => t(sideText(one.order?.side ?? "")) },
            { head: "head.quantity", figure: true, cell: (one) => formatEnergy(one.order?.quantity_wh ?? "0") },
            { head: "head.limit", figure: true, cell: (one) => price(one.order?.price_limit_per_kwh ?? "0") },
            { head: "head.state", cell: (one) => describeFill(one.order?.hold_id ?? "0", one.order?.filled_wh ?? "0") },
            {
              head: "head.action",
              cell: (one) => {
                const { order, slot, order_id: id } = one;
                if (!order || order.hold_id === "0" || !takesOrders(slot)) return t("none");
                const span = describeSlot(slot);
                const words = t("own.cancel_order", { span, energy: formatEnergy(order.quantity_wh) });
                const make = (quantity_wh: bigint, limit: bigint): Draft => ({
                  words: t("own.amend_order", { id, span, energy: formatEnergy(quantity_wh), price: price(limit) }),
                  message: amendLimitOrder(owner, one, quantity_wh, limit),
                });
                const amendment: Amendment = {
                  name: t("own.amend_of", { id, span }),
                  side: order.side as Side,
                  quantity_wh: order.quantity_wh,
                  price: order.price_limit_per_kwh,
                  label: order.side === "SIDE_BUY" ? "form.most_price" : "form.least_price",
                  make,
                };
                const draft = { words, message: cancelLimitOrder(owner, slot, id) };
                return <Buttons amendment={amendment} draft={draft} ask={ask} />;
              },
            },
          ]}
        />
      )}
    </Listed>
  );
}

export function OwnOffers({ orders, owner, ask }: Own) {
  return (
    <Listed title="offers.own" empty="offers.no_own" rows={orders.offers}>
      {(rows) => (
        <Table
          caption={t("offers.own")}
          rows={rows}
          name={(one) => one.slot}
          columns={[
            { head: "head.slot", cell: (one) => describeSlot(one.slot) },
            { head: "head.quantity", figure: true, cell: (one) => formatEnergy(one.offer?.available_wh ?? "0") },
            { head: "head.price", figure: true, cell: (one) => price(one.offer?.price_per_kwh ?? "0") },
            {
              head: "head.action",
              cell: ({ slot, offer }) => {
                if (!offer || !takesOrders(slot)) return t("none");
                const span = describeSlot(slot);
                const amendment: Amendment = {
                  name: t("offers.amend_of", { span }),
                  side: "SIDE_SELL",
                  quantity_wh: offer.available_wh,
                  price: offer.price_per_kwh,
                  label: "form.offer_price",
                  make: (available_wh, wanted) => ({
                    words: t("order.offer_sell", { span, energy: formatEnergy(available_wh), price: price(wanted) }),
                    notes: [t("note.own_offer")],
                    message: setOffer(owner, BigInt(slot), available_wh, wanted),
                  }),
                };
                const words = t("offers.end", { span, energy: formatEnergy(offer.available_wh) });
                const draft = { words, message: setOffer(owner, BigInt(slot), 0n, 0n) };
                return <Buttons amendment={amendment} draft={draft} ask={ask} />;
              },
            },
          ]}
        />
      )}
    </Listed>
  );
}

function describeFill(hold_id: string, filled_wh: string): string {
  if (hold_id !== "0") return t("own.resting");
  return filled_wh === "0" ? t("own.not_filled") : t("own.filled", { energy: formatEnergy(filled_wh) });
}

export function StandingOrders({ mine, owner, ask }: Own) {
  return (
    <Listed title="own.standing" empty="own.no_standing" rows={mine.standing_orders}>
      {(rows) => (
        <Table
          caption={t("own.standing")}
          rows={rows}
          name={(one) => one.standing_order_id}
          columns={[
            { head: "head.number", cell: (one) => one.standing_order_id },
            { head: "head.side", cell: (one) => t(sideText(one.order?.side ?? "")) },
            { head: "head.left", figure: true, cell: (one) => formatEnergy(one.order?.left_wh ?? "0") },
            { head: "head.filled", figure: true, cell: (one) => formatEnergy(one.order?.filled_wh ?? "0") },
            { head: "head.slot_max", figure: true, cell: (one) => formatEnergy(one.order?.slot_max_wh ?? "0") },
            { head: "head.limit", figure: true, cell: (one) => price(one.order?.price_limit_per_kwh ?? "0") },
            { head: "form.deadline", cell: (one) => describeSlot(one.order?.last_slot ?? "0") },
            {
              head: "head.action",
              cell: (one) => {
                const words = t("own.cancel_standing", { id: one.standing_order_id, energy: formatEnergy(one.order?.left_wh ?? "0") });
                return <CancelButton of={words} run={() => ask({ draft: { words, message: cancelStandingOrder(owner, one.standing_order_id) } })} />;
              },
            },
          ]}
        />
      )}
    </Listed>
  );
}

export function Positions({ mine, owner, ask }: Own) {
  const rows = mine.positions.flatMap(({ slot, position }) => {
    if (!position) return [];
    const sides: [Side, string, string][] = [
      ["SIDE_BUY", position.bought_wh, position.cost],
      ["SIDE_SELL", position.sold_wh, position.revenue],
    ];
    return sides.filter(([, wh]) => wh !== "0").map(([side, wh, amount]) => ({ slot, side, wh, amount }));
  });
  return (
    <Listed title="own.positions" empty="own.no_positions" rows={rows}>
      {() => (
        <Table
          caption={t("own.positions")}
          rows={rows}
          name={(one) => `${one.slot} ${one.side}`}
          columns={[
            { head: "head.slot", cell: (one) => describeSlot(one.slot) },
            { head: "head.side", cell: (one) => t(one.side === "SIDE_BUY" ? "own.bought" : "own.sold") },
            { head: "head.quantity", figure: true, cell: (one) => formatEnergy(one.wh) },
            { head: "head.amount", figure: true, cell: (one) => <span title={formatMoneyExact(one.amount)}>{formatMoney(one.amount, false, 4)}</span> },
            {
              head: "head.action",
              cell: (one) => {
                const info = slots.value.get(one.slot)?.book?.info;
                if (!info || !takesOrders(one.slot)) return t("none");
                const isBought = one.side === "SIDE_BUY";
                const words = t(isBought ? "own.cancel_bought" : "own.cancel_sold", { span: describeSlot(one.slot), energy: formatEnergy(one.wh) });
                const worst = BigInt(isBought ? info.price_low_per_kwh : info.price_high_per_kwh);
                const message = cancelPosition(owner, one.slot, one.side, BigInt(one.wh), worst);
                const notes = [t(isBought ? "note.cancel_bought" : "note.cancel_sold"), t("note.cancel")];
                return <CancelButton of={words} run={() => ask({ draft: { words, message, notes } })} />;
              },
            },
          ]}
        />
      )}
    </Listed>
  );
}

/** What is on hold, and for what. */
export function Holds(own: Own) {
  const { mine, orders } = own;
  const purposes = listPurposes(own);
  const amount = (coins: { denom: string; amount: string }[] | undefined) =>
    coins?.find((one) => one.denom === chain.value?.denom)?.amount ?? "0";
  return (
    <Card title={t("own.holds")} class="wide">
      <Facts
        rows={[
          [t("money.free"), formatMoney(amount(mine.balances?.free))],
          [t("money.held"), formatMoney(amount(mine.balances?.held))],
        ]}
      />
      {orders.holds.length > 0 && (
        <Table
          caption={t("own.holds")}
          rows={orders.holds}
          name={(one) => one.hold_id}
          columns={[
            { head: "head.for", cell: (one) => purposes.get(one.hold_id) ?? t("own.other_hold", { id: one.hold_id }) },
            { head: "head.amount", figure: true, cell: (one) => describeAmount(one) },
            { head: "head.deposit", figure: true, cell: (one) => (one.hold && one.hold.deposit !== "0" ? formatFee(one.hold.deposit) : t("none")) },
          ]}
        />
      )}
      {orders.more_holds && <p class="quiet">{t("own.more_holds")}</p>}
    </Card>
  );
}

function describeAmount({ hold }: bank_OwnedHold): string {
  const amount = hold?.amount ?? "0";
  return hold?.denom === chain.value?.denom ? formatMoney(amount, false, 4) : `${amount} ${hold?.denom ?? ""}`;
}

function listPurposes({ mine, orders }: Own): Map<string, string> {
  return new Map([
    ...mine.positions.map(({ slot, position }): [string, string] => [position?.hold_id ?? "", t("own.hold_position", { span: describeSlot(slot) })]),
    ...orders.limit_orders.map(({ slot, order, order_id }): [string, string] => [
      order?.hold_id ?? "",
      t("own.hold_order", { span: describeSlot(slot), id: order_id }),
    ]),
    ...orders.offers.map(({ slot, offer }): [string, string] => [offer?.hold_id ?? "", t("offers.hold", { span: describeSlot(slot) })]),
    ...mine.standing_orders.map(({ standing_order_id: id, order }): [string, string] => [order?.hold_id ?? "", t("own.hold_standing", { id })]),
  ]);
}
