// Taking an order back, or changing its quantity and price, in place of the form of a new one.
import { type Signal, useSignal } from "@preact/signals";
import { type Key, t } from "../text";
import type { Life } from "../tx/life";
import { type Draft, Sign } from "../tx/sign";
import { formatMoney, parseEnergy, parsePrice, priceUnit, writeEnergy, writePrice } from "../units";
import { Field } from "./form";
import type { Side } from "./order";

/** What somebody wants of an order: to take it back, or to have it otherwise. */
export type Wish = { draft: Draft } | { amendment: Amendment };

export interface Amendment {
  /** Of which order. */
  name: string;
  side: Side;
  /** What it is now. */
  quantity_wh: string;
  price: string;
  /** What the price is called. */
  label: Key;
  make: (quantity_wh: bigint, price: bigint) => Draft;
}

export function Change(props: { wish: Signal<Wish | null>; life: Signal<Life | null> }) {
  const wish = props.wish.value;
  if (!wish) return null;
  return (
    <>
      {"draft" in wish ? (
        <Sign draft={wish.draft} life={props.life} />
      ) : (
        <Amend key={wish.amendment.name} amendment={wish.amendment} life={props.life} />
      )}
      <button type="button" onClick={() => (props.wish.value = null)}>
        {t("trade.keep")}
      </button>
    </>
  );
}

function Amend(props: { amendment: Amendment; life: Signal<Life | null> }) {
  const { amendment } = props;
  const quantity = useSignal(writeEnergy(BigInt(amendment.quantity_wh)));
  const limit = useSignal(writePrice(BigInt(amendment.price)));
  const quantity_wh = parseEnergy(quantity.value);
  const price = parsePrice(limit.value);
  const isBuy = amendment.side === "SIDE_BUY";
  const total = ((quantity_wh ?? 0n) * (price ?? 0n) + (isBuy ? 999n : 0n)) / 1000n;
  return (
    <form onSubmit={(event) => event.preventDefault()}>
      <div class="fields">
        <Field label={t("form.quantity")} value={quantity.value} into={quantity} bad={!quantity_wh && t("form.bad_quantity")} />
        <Field
          label={t(amendment.label, { unit: priceUnit() })}
          value={limit.value}
          into={limit}
          bad={price === null && t("form.bad_price")}
        />
      </div>
      {quantity_wh && price !== null && (
        <Sign
          draft={{
            ...amendment.make(quantity_wh, price),
            describe: () => [[t(isBuy ? "order.most" : "order.least"), formatMoney(total, false, 4)]],
          }}
          life={props.life}
        />
      )}
    </form>
  );
}
