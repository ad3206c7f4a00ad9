// The form of an order. What it would cost is asked for while somebody types.
import { type Signal, useSignal } from "@preact/signals";
import type { BookResponse, MineResponse, ShownOffer } from "../api";
import { slots } from "../live";
import { account } from "../session";
import { type Key, t } from "../text";
import { type Draft, Sign } from "../tx/sign";
import { describeSlot, type Life } from "../tx/life";
import { formatEnergy, formatMoney, formatPrice, parseEnergy, parsePrice, priceUnit, shortenAddress, writePrice } from "../units";
import { describeOrder, type Kind, makeOrder, type Order, type Side } from "./order";

const KINDS: [Kind, Key, Key][] = [
  ["now", "form.now", "form.now_text"],
  ["auction", "form.auction", "form.auction_text"],
  ["offer", "form.offer", "form.offer_buy_text"],
  ["standing", "form.standing", "form.standing_text"],
];
const SIDES: [Side, Key][] = [
  ["SIDE_BUY", "form.buy"],
  ["SIDE_SELL", "form.sell"],
];
const NOTES: Record<Kind | "own_offer", Key> = {
  now: "note.now",
  auction: "note.auction",
  standing: "note.standing",
  offer: "note.offer",
  own_offer: "note.own_offer",
};
const BUYERS = ["ROLE_CONSUMER", "ROLE_PROSUMER"];
const SELLERS = ["ROLE_PRODUCER", "ROLE_PROSUMER"];
// A limit that nobody has typed is so much worse than the pool's price, as far as the slot allows.
const TOLERANCE_PERCENT = 10n;

/** The sides on which an account may trade. */
function listSides(mine: MineResponse): Side[] {
  const roles = (mine.participant?.participant?.roles ?? []) as string[];
  const may = { SIDE_BUY: BUYERS, SIDE_SELL: SELLERS };
  return SIDES.map(([side]) => side).filter((side) => may[side].some((role) => roles.includes(role)));
}

/** slot: the one that is chosen; until its book is there, nothing is asked or signed. */
export function OrderForm(props: { mine: MineResponse; slot: string; book: BookResponse; life: Signal<Life | null> }) {
  const sides = listSides(props.mine);
  const kind = useSignal<Kind>("now");
  const side = useSignal<Side>(sides[0] ?? "SIDE_BUY");
  const quantity = useSignal(t("form.first_quantity"));
  const most = useSignal("");
  const limit = useSignal("");
  const last = useSignal("");
  const seller = useSignal("");
  const { book, offers } = props.book;
  if (!book) return null;
  if (sides.length === 0) return <p class="warning">{t("form.no_role")}</p>;
  const isFromOffer = kind.value === "offer" && side.value === "SIDE_BUY";
  const offer = isFromOffer ? (offers.find((one) => one.seller === seller.value) ?? offers[0]) : undefined;
  const shownLimit = limit.value || writePrice(proposeLimit(side.value, props.book));
  const quantity_wh = parseEnergy(quantity.value);
  const slot_max_wh = most.value ? parseEnergy(most.value) : quantity_wh;
  const price = offer ? BigInt(offer.price_per_kwh) : parsePrice(shownLimit);
  const isStanding = kind.value === "standing";
  const isThere = book.slot === props.slot;
  const isComplete = isThere && quantity_wh && price !== null && (!isStanding || slot_max_wh) && (!isFromOffer || offer);
  const order: Order | null = isComplete
    ? {
        kind: kind.value,
        side: side.value,
        slot: BigInt(book.slot),
        quantity_wh,
        limit: price,
        last_slot: isAfter(last.value, book.slot) ? BigInt(last.value) : BigInt(book.slot),
        slot_max_wh: slot_max_wh ?? 0n,
        seller: offer?.seller ?? "",
      }
    : null;
  return (
    <form onSubmit={(event) => event.preventDefault()}>
      <Choice legend={t("form.side")} name="side" chosen={side} options={SIDES.filter(([one]) => sides.includes(one))} />
      <Choice legend={t("form.kind")} name="kind" chosen={kind} options={KINDS.map(([one, text]) => [one, text])} />
      <p class="quiet">{t(describeKind(kind.value, side.value))}</p>
      {isFromOffer && offers.length === 0 && <p>{t("offers.none")}</p>}
      <div class="fields">
        {offer && <OfferChoice offers={offers} chosen={offer} into={seller} />}
        <Field label={t("form.quantity")} value={quantity.value} into={quantity} bad={!quantity_wh && t("form.bad_quantity")} />
        {!isFromOffer && (
          <Field
            label={t(nameLimit(kind.value, side.value), { unit: priceUnit() })}
            value={shownLimit}
            into={limit}
            bad={price === null && t("form.bad_price")}
          />
        )}
        {isStanding && <Deadline first={props.slot} last={last} />}
        {isStanding && (
          <Field
            label={t("form.slot_max")}
            value={most.value || quantity.value}
            into={most}
            bad={!slot_max_wh && t("form.bad_quantity")}
          />
        )}
      </div>
      {!isThere && <p class="quiet">{t("wait")}</p>}
      {order && <Sign draft={makeDraft(order, props.book)} life={props.life} />}
    </form>
  );
}

function describeKind(kind: Kind, side: Side): Key {
  if (kind === "offer" && side === "SIDE_SELL") return "form.offer_sell_text";
  return KINDS.find(([one]) => one === kind)?.[2] ?? "form.now_text";
}

function nameLimit(kind: Kind, side: Side): Key {
  if (kind === "offer") return "form.offer_price";
  return side === "SIDE_BUY" ? "form.most_price" : "form.least_price";
}

function isAfter(slot: string, first: string): boolean {
  return slot !== "" && BigInt(slot) > BigInt(first);
}

function proposeLimit(side: Side, { book }: BookResponse): bigint {
  const price = (text: string | undefined) => BigInt(text ?? 0);
  const ask = price(book?.ask_per_kwh);
  const bid = price(book?.bid_per_kwh);
  const step = 100n;
  const [low, high] = [price(book?.info?.price_low_per_kwh), price(book?.info?.price_high_per_kwh)];
  const wanted = side === "SIDE_BUY" ? ask + (ask * TOLERANCE_PERCENT) / 100n : bid - (bid * TOLERANCE_PERCENT) / 100n;
  const bounded = wanted > high ? high : wanted < low ? low : wanted;
  return (bounded / step) * step >= low ? (bounded / step) * step : bounded;
}

function makeDraft(order: Order, found: BookResponse): Draft {
  const isBuy = order.side === "SIDE_BUY";
  const isForPool = order.kind === "now" || order.kind === "auction";
  const info = found.book?.info;
  const room_wh = BigInt(isBuy ? found.buy_room_wh : found.sell_room_wh);
  const total = (order.quantity_wh * order.limit + (isBuy ? 999n : 0n)) / 1000n;
  const low = `${formatPrice(info?.price_low_per_kwh ?? 0n)} ${priceUnit()}`;
  const high = `${formatPrice(info?.price_high_per_kwh ?? 0n)} ${priceUnit()}`;
  return {
    message: makeOrder(order, account.value),
    version: JSON.stringify([found.book?.ask_per_kwh, found.book?.bid_per_kwh, found.buy_room_wh, found.sell_room_wh, found.offers]),
    words: describeOrder(order),
    describe: ({ quote }) => {
      const worst: [string, string] = [t(isBuy ? "order.most" : "order.least"), formatMoney(total, false, 4)];
      if (!quote) return [worst];
      const now = `${formatMoney(quote.amount, false, 4)} (${formatPrice(quote.price_per_kwh)} ${priceUnit()})`;
      return [[t(isBuy ? "quote.buy" : "quote.sell"), now], worst];
    },
    notes: [
      t(NOTES[order.kind === "offer" && !isBuy ? "own_offer" : order.kind]),
      isBuy ? t("note.buy", { low, high }) : t("note.sell", { low, high }),
      ...(isForPool && order.quantity_wh > room_wh ? [t("note.room", { energy: formatEnergy(room_wh) })] : []),
    ],
  };
}

function Choice<T extends string>(props: { legend: string; name: string; chosen: Signal<T>; options: [T, Key][] }) {
  return (
    <fieldset>
      <legend>{props.legend}</legend>
      {props.options.map(([value, text]) => (
        <label key={value} class="option">
          <input
            type="radio"
            name={props.name}
            value={value}
            checked={props.chosen.value === value}
            onChange={() => (props.chosen.value = value)}
          />
          {t(text)}
        </label>
      ))}
    </fieldset>
  );
}

export function Field(props: { label: string; value: string; into: Signal<string>; bad: string | false }) {
  return (
    <label class="field">
      {props.label}
      <input
        type="text"
        inputMode="decimal"
        autocomplete="off"
        value={props.value}
        aria-invalid={props.bad ? "true" : undefined}
        onInput={(event) => (props.into.value = event.currentTarget.value)}
      />
      {props.bad && <span class="error">{props.bad}</span>}
    </label>
  );
}

/** The offer to buy from. */
function OfferChoice(props: { offers: ShownOffer[]; chosen: ShownOffer; into: Signal<string> }) {
  return (
    <label class="field">
      {t("form.which_offer")}
      <select value={props.chosen.seller} onChange={(event) => (props.into.value = event.currentTarget.value)}>
        {props.offers.map((one) => (
          <option key={one.seller} value={one.seller}>
            {t("form.one_offer", {
              price: `${formatPrice(one.price_per_kwh)} ${priceUnit()}`,
              energy: formatEnergy(one.available_wh),
              seller: shortenAddress(one.seller),
            })}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The last slot of a standing order, among those that are open. */
function Deadline(props: { first: string; last: Signal<string> }) {
  const later = [...slots.value.values()].filter((one) => BigInt(one.slot) >= BigInt(props.first));
  return (
    <label class="field">
      {t("form.deadline")}
      <select value={isAfter(props.last.value, props.first) ? props.last.value : props.first} onChange={(event) => (props.last.value = event.currentTarget.value)}>
        {later.map((one) => (
          <option key={one.slot} value={one.slot}>
            {describeSlot(one.slot)}
          </option>
        ))}
      </select>
    </label>
  );
}
