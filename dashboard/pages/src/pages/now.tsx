// The next hours: what energy costs in the coming slots, and what one's own place has agreed.
import { useComputed } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call, type ChainResponse, type MineResponse, type ShownSlot } from "../api";
import { Prices } from "../charts/prices";
import { addSlots, chain, mineChanged, slots } from "../live";
import { Ask, Card, describeLeft, Facts, Heading, Table } from "../parts/common";
import { StateMark, stateOf } from "../parts/state";
import { isSignedIn } from "../session";
import { t } from "../text";
import { formatDay, formatEnergy, formatMoney, formatPrice, formatSpan, priceUnit } from "../units";

const PAST_SLOTS = 6;
const COMING_SHOWN = 8;

export function Now() {
  const present = useComputed(() => chain.value?.slot ?? "");
  // What was settled meanwhile does not come by itself.
  useEffect(() => {
    if (present.value) void refreshPast(BigInt(present.value));
  }, [present.value]);
  const known = chain.value;
  if (!known) return <Heading>{t("page.now")}</Heading>;
  const all = [...slots.value.values()];
  const coming = all.filter((one) => BigInt(one.slot) >= BigInt(known.slot));
  const past = all.filter((one) => BigInt(one.slot) < BigInt(known.slot)).slice(-PAST_SLOTS);
  const current = coming.find((one) => one.slot === known.slot);
  return (
    <>
      <Heading>{t("page.now")}</Heading>
      {current && <Clock slot={current} chain={known} />}
      <div class="cards">
        {isSignedIn.value && (
          <Ask ask={() => (void mineChanged.value, call("Mine"))}>{(mine) => <Place mine={mine} />}</Ask>
        )}
        <Card title={t("now.prices", { unit: priceUnit() })} class="wide">
          <Prices slots={coming} chain={known} />
        </Card>
        <Card title={t("now.slots")} class="wide">
          <Slots slots={[...past, ...coming.slice(0, COMING_SHOWN)]} chain={known} />
        </Card>
      </div>
    </>
  );
}

async function refreshPast(slot: bigint): Promise<void> {
  try {
    const first = String(slot - BigInt(PAST_SLOTS));
    addSlots((await call("Slots", { first_slot: first, last_slot: String(slot - 1n) })).slots);
  } catch {
    // The next slot asks again; meanwhile the frame says how old the page is.
  }
}

/** The slot in delivery, and when the next gate closes, in time of the chain. */
function Clock(props: { slot: ShownSlot; chain: ChainResponse }) {
  const next = [...slots.value.values()].find((one) => one.book?.takes_orders);
  const closes_s = next?.book ? Number(next.book.gate_closure_at_s) - Number(props.chain.time_s) : null;
  return (
    <p class="clock">
      <strong>
        {formatDay(props.slot.shown_start_s)} {formatSpan(props.slot.shown_start_s, props.slot.shown_end_s)}
      </strong>{" "}
      {next && closes_s !== null && closes_s >= 0 && (
        <span>{t("now.gate", { span: formatSpan(next.shown_start_s, next.shown_end_s), left: describeLeft(closes_s) })}</span>
      )}
    </p>
  );
}

function Slots(props: { slots: ShownSlot[]; chain: ChainResponse }) {
  return (
    <Table
      caption={t("now.slots")}
      rows={props.slots}
      name={(one) => one.slot}
      columns={[
        { head: "head.slot", cell: (one) => <a href={`/explore/${one.slot}`}>{formatSpan(one.shown_start_s, one.shown_end_s)}</a> },
        { head: "head.state", cell: (one) => <StateMark state={stateOf(one, props.chain)} /> },
        { head: "head.ask", figure: true, cell: (one) => price(one.book?.ask_per_kwh) },
        { head: "head.bid", figure: true, cell: (one) => price(one.book?.bid_per_kwh) },
        { head: "head.bought", figure: true, cell: (one) => energy(one.book?.info?.bought_wh) },
        { head: "head.sold", figure: true, cell: (one) => energy(one.book?.info?.sold_wh) },
        { head: "head.used", figure: true, cell: (one) => energy(one.result?.import_wh) },
        { head: "head.delivered", figure: true, cell: (one) => energy(one.result?.export_wh) },
      ]}
    />
  );
}

function price(value: string | undefined) {
  return value === undefined ? t("none") : `${formatPrice(value)} ${priceUnit()}`;
}

function energy(value: string | undefined) {
  return value === undefined ? t("none") : formatEnergy(value);
}

function Place(props: { mine: MineResponse }) {
  const { balances, positions, battery } = props.mine;
  const amount = (coins: { denom: string; amount: string }[] | undefined) =>
    coins?.find((one) => one.denom === chain.value?.denom)?.amount ?? "0";
  return (
    <>
      <Card title={t("now.money")}>
        <Facts
          rows={[
            [t("money.free"), formatMoney(amount(balances?.free))],
            [t("money.held"), formatMoney(amount(balances?.held))],
          ]}
        />
      </Card>
      <Card title={t("now.agreed")}>
        {positions.length === 0 ? <p class="quiet">{t("now.nothing_agreed")}</p> : <Agreed positions={positions} />}
      </Card>
      {battery?.battery && (
        <Card title={t("now.battery")}>
          <Facts
            rows={[
              [t("battery.charge"), formatEnergy(battery.battery.state_of_charge_wh)],
              [t("battery.capacity"), formatEnergy(battery.battery.capacity_wh)],
            ]}
          />
        </Card>
      )}
    </>
  );
}

function Agreed(props: { positions: MineResponse["positions"] }) {
  const rows = props.positions.filter((one) => one.position).slice(0, COMING_SHOWN);
  return (
    <ul class="agreed">
      {rows.map(({ slot, position }) => {
        const shown = slots.value.get(slot);
        const when = shown ? formatSpan(shown.shown_start_s, shown.shown_end_s) : slot;
        const bought = BigInt(position?.bought_wh ?? 0);
        const sold = BigInt(position?.sold_wh ?? 0);
        return (
          <li key={slot}>
            <span>{when}</span>
            {bought > 0n && <span>{t("now.buy", { energy: formatEnergy(bought) })}</span>}
            {sold > 0n && <span>{t("now.sell", { energy: formatEnergy(sold) })}</span>}
          </li>
        );
      })}
    </ul>
  );
}
