// Trading: the open slots, an order with its quote, and what one has ordered, traded and on hold.
import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { call, type ShownSlot } from "../api";
import { chain, mineChanged, slots } from "../live";
import { Ask, Card, describeLeft, Heading, Table } from "../parts/common";
import { account, isSignedIn, session } from "../session";
import { type Key, t } from "../text";
import { Book } from "../trade/book";
import { Change, type Wish } from "../trade/change";
import { OrderForm } from "../trade/form";
import { Holds, LimitOrders, OwnOffers, Positions, StandingOrders } from "../trade/own";
import { type Life, look } from "../tx/life";
import { LifeText } from "../tx/sign";
import { formatEnergy, formatPrice, formatSpan, priceUnit } from "../units";

const SHOWN_FIRST = 8;

export function Trade() {
  if (!session.value || !chain.value) return <Heading>{t("page.trade")}</Heading>;
  if (isSignedIn.value) return <Floor />;
  return (
    <>
      <Heading>{t("page.trade")}</Heading>
      <p>
        {t("trade.sign_in")} <a href="/mine">{t("frame.sign_in")}</a>
      </p>
    </>
  );
}

function Floor() {
  const chosen = useSignal("");
  const wish = useSignal<Wish | null>(null);
  const life = useSignal<Life | null>(null);
  const place = useRef<HTMLElement>(null);
  const open = useComputed(() => [...slots.value.values()].filter((one) => one.book?.takes_orders));
  const slot = useComputed(() => {
    const isOpen = open.value.some((one) => one.slot === chosen.value);
    return isOpen ? chosen.value : (open.value[0]?.slot ?? "");
  });
  useSignalEffect(() => {
    void chain.value?.tables_height;
    if (life.value?.state === "waiting") void look(life);
    if (life.value) wish.value = null;
  });
  const ask = (wanted: Wish) => {
    life.value = null;
    wish.value = wanted;
    place.current?.focus();
  };
  const askBook = () => {
    // Offers and orders of others come and go without a word.
    void chain.value?.height;
    void mineChanged.value;
    return slot.value ? call("Book", { slot: slot.value }) : null;
  };
  const askOwn = () => {
    void mineChanged.value;
    return Promise.all([call("Mine"), call("MyOrders")]);
  };
  return (
    <>
      <Heading>{t("page.trade")}</Heading>
      <Card title={t("trade.slots")} class="wide">
        <OpenSlots slots={open.value} chosen={slot.value} choose={(one) => (chosen.value = one)} />
      </Card>
      <Ask ask={askOwn}>
        {([mine, orders]) => {
          const own = { mine, orders, owner: account.value, ask };
          return (
            <>
              <Ask ask={askBook}>
                {(found) => (
                  <div class="cards">
                    <section class="card" ref={place} tabIndex={-1} aria-labelledby="order">
                      <h2 id="order">{t(nameWish(wish.value))}</h2>
                      {life.value && <LifeText life={life.value} />}
                      {wish.value ? (
                        <Change wish={wish} life={life} />
                      ) : (
                        <OrderForm mine={mine} slot={slot.value} book={found} life={life} />
                      )}
                    </section>
                    <Book found={found} />
                  </div>
                )}
              </Ask>
              <LimitOrders {...own} />
              <OwnOffers {...own} />
              <StandingOrders {...own} />
              <Positions {...own} />
              <Holds {...own} />
            </>
          );
        }}
      </Ask>
    </>
  );
}

function nameWish(wish: Wish | null): Key {
  if (!wish) return "trade.order";
  return "draft" in wish ? "trade.cancel" : "trade.amend";
}

function OpenSlots(props: { slots: ShownSlot[]; chosen: string; choose: (slot: string) => void }) {
  const isAll = useSignal(false);
  if (props.slots.length === 0) return <p class="quiet">{t("prices.none")}</p>;
  const rows = props.slots.filter((one, i) => isAll.value || i < SHOWN_FIRST || one.slot === props.chosen);
  return (
    <>
      <Table
        caption={t("trade.slots")}
        rows={rows}
        name={(one) => one.slot}
        columns={[
          {
            head: "head.slot",
            cell: (one) => (
              <button type="button" aria-pressed={one.slot === props.chosen} onClick={() => props.choose(one.slot)}>
                {formatSpan(one.shown_start_s, one.shown_end_s)}
              </button>
            ),
          },
          { head: "head.ask", figure: true, cell: (one) => `${formatPrice(one.book?.ask_per_kwh ?? 0n)} ${priceUnit()}` },
          { head: "head.bid", figure: true, cell: (one) => `${formatPrice(one.book?.bid_per_kwh ?? 0n)} ${priceUnit()}` },
          { head: "head.bought", figure: true, cell: (one) => formatEnergy(one.book?.info?.bought_wh ?? "0") },
          { head: "head.sold", figure: true, cell: (one) => formatEnergy(one.book?.info?.sold_wh ?? "0") },
          { head: "head.orders", figure: true, cell: (one) => one.book?.info?.resting_orders ?? "0" },
          { head: "head.gate", figure: true, cell: (one) => describeGate(one) },
        ]}
      />
      {props.slots.length > SHOWN_FIRST && (
        <button type="button" aria-expanded={isAll.value} onClick={() => (isAll.value = !isAll.value)}>
          {isAll.value ? t("trade.fewer") : t("trade.all", { count: props.slots.length })}
        </button>
      )}
    </>
  );
}

/** How long the gate is still open, in time of the chain. */
function describeGate(slot: ShownSlot): string {
  const left_s = Number(slot.book?.gate_closure_at_s ?? 0) - Number(chain.value?.time_s ?? 0);
  return describeLeft(Math.max(0, left_s));
}
