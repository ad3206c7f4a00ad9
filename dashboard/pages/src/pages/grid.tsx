// The grid for who operates it: lines and what flows over them, headroom, imbalance, curtailments.
import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call, type ShownSlot } from "../api";
import { Curtail } from "../grid/curtail";
import { Feeder } from "../grid/feeder";
import { Feeders } from "../grid/feeders";
import { addSlots, chain, slots } from "../live";
import { Ask, Card, Foreign, Heading, Table } from "../parts/common";
import { stateKey, stateOf } from "../parts/state";
import { seesGrid, session } from "../session";
import { t } from "../text";
import { describeSlot, type Life, look } from "../tx/life";
import { formatDay, formatEnergy, formatMoment, formatMoney } from "../units";

const PAST_SLOTS = 12;
const COMING_SLOTS = 24;

export function Grid() {
  if (!session.value || !chain.value) return <Heading>{t("page.grid")}</Heading>;
  if (seesGrid()) return <Area />;
  return (
    <>
      <Heading>{t("page.grid")}</Heading>
      <p>{t("grid.not_yours")}</p>
    </>
  );
}

function Area() {
  const slot = useSignal("");
  const feeder = useSignal("");
  const life = useSignal<Life | null>(null);
  const present = chain.value?.slot ?? "0";
  useEffect(() => void addPast(BigInt(present)), [present]);
  useSignalEffect(() => {
    void chain.value?.tables_height;
    if (life.value?.state === "waiting") void look(life);
  });
  const shown = slot.value || present;
  const ask = () => {
    void chain.value?.height;
    return call("Grid", { slot: slot.value || undefined });
  };
  return (
    <>
      <Heading>{t("page.grid")}</Heading>
      <label class="field">
        {t("grid.slot")}
        <select value={slot.value} onChange={(event) => (slot.value = event.currentTarget.value)}>
          <option value="">{t("grid.present")}</option>
          {listSlots(BigInt(present)).map((one) => (
            <option key={one.slot} value={one.slot}>
              {describeOption(one)}
            </option>
          ))}
        </select>
      </label>
      <Ask ask={ask}>
        {(found) => {
          const chosen = found.feeders.find((one) => one.feeder === feeder.value) ?? found.feeders[0];
          return (
            <>
              <Card title={t("grid.feeders", { span: describeSlot(found.slot) })} class="wide">
                <Feeders feeders={found.feeders} chosen={chosen?.feeder ?? ""} choose={(name) => (feeder.value = name)} />
              </Card>
              {chosen && <Feeder key={chosen.feeder} shown={chosen} present={BigInt(present)} />}
              {chosen && <Curtail key={`curtail ${chosen.feeder}`} feeder={chosen} slot={shown} life={life} />}
            </>
          );
        }}
      </Ask>
      <Curtailments />
    </>
  );
}

/** Slots that have been settled meanwhile do not come by themselves. */
async function addPast(present: bigint): Promise<void> {
  try {
    addSlots((await call("Slots", { first_slot: String(present - BigInt(PAST_SLOTS)), last_slot: String(present - 1n) })).slots);
  } catch {
    // The next slot asks again; meanwhile the frame says how old the page is.
  }
}

function listSlots(present: bigint): ShownSlot[] {
  return [...slots.value.values()].filter((one) => {
    const ahead = BigInt(one.slot) - present;
    return ahead >= -BigInt(PAST_SLOTS) && ahead <= BigInt(COMING_SLOTS);
  });
}

function describeOption(one: ShownSlot): string {
  const known = chain.value;
  return `${formatDay(one.shown_start_s)} ${describeSlot(one.slot)}${known ? `, ${t(stateKey(stateOf(one, known)))}` : ""}`;
}

function Curtailments() {
  const ask = () => {
    void chain.value?.height;
    return call("Curtailments");
  };
  return (
    <Card title={t("grid.curtailments")} class="wide">
      <Ask ask={ask}>
        {({ curtailments }) =>
          curtailments.length === 0 ? (
            <p class="quiet">{t("grid.no_curtailments")}</p>
          ) : (
            <Table
              caption={t("grid.curtailments")}
              rows={curtailments}
              name={(one) => one.curtailed?.curtailment_id ?? ""}
              columns={[
                { head: "head.when", cell: (one) => formatMoment(one.at_s) },
                { head: "head.slot", cell: (one) => `${formatDay(one.shown_start_s)} ${describeSlot(one.curtailed?.slot ?? "0")}` },
                { head: "head.feeder", cell: (one) => <Foreign text={one.curtailed?.feeder ?? ""} /> },
                { head: "head.side", cell: (one) => t(one.curtailed?.side === "SIDE_SELL" ? "grid.production" : "grid.consumption") },
                { head: "head.quantity", figure: true, cell: (one) => formatEnergy(one.curtailed?.quantity_wh ?? "0") },
                { head: "head.compensation", figure: true, cell: (one) => formatMoney(one.curtailed?.compensation ?? "0") },
                { head: "head.reason", cell: (one) => <Foreign text={one.curtailed?.reason ?? ""} /> },
              ]}
            />
          )
        }
      </Ask>
    </Card>
  );
}
