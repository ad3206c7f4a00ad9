// One feeder: its slots against the capacity of its line, and its meters.
import { useSignal } from "@preact/signals";
import { call, type FeederAgreed, type FeederRow, type FeederSlotsResponse, type ShownFeeder } from "../api";
import { chain } from "../live";
import { Ask, Card, Facts, Foreign, Table } from "../parts/common";
import { t } from "../text";
import { describeSlot } from "../tx/life";
import { clean, formatDay, formatEnergy, formatPrice, priceUnit } from "../units";
import { computeCapacity, computeNet, computeOff, computePercent, describeNet } from "./flow";
import { describeLine } from "./feeders";

const PAST_SLOTS = 12n;
const COMING_SLOTS = 24n;

export function Feeder(props: { shown: ShownFeeder; present: bigint }) {
  const { feeder, info } = props.shown;
  const ask = () => {
    const present = BigInt(chain.value?.slot ?? 0);
    return call("FeederSlots", { feeder, first_slot: String(present - PAST_SLOTS), last_slot: String(present + COMING_SLOTS) });
  };
  const capacity_wh = computeCapacity(info?.capacity_w ?? "0");
  return (
    <Card title={t("grid.feeder", { name: clean(feeder) })} class="wide">
      <Facts
        rows={[
          [t("grid.parent"), info?.parent ? <Foreign text={info.parent} /> : t("grid.supply_point")],
          [t("grid.line"), describeLine(info?.capacity_w ?? "0")],
          [t("grid.capacity"), formatEnergy(capacity_wh)],
          [t("grid.fee"), `${formatPrice(info?.grid_fee_per_kwh ?? "0")} ${priceUnit()}`],
          [t("grid.check_meter"), info?.check_meter ? <Foreign text={info.check_meter} /> : t("none")],
        ]}
      />
      <Ask ask={ask}>{(found) => <Slots found={found} capacity_wh={capacity_wh} name={clean(feeder)} />}</Ask>
      <Meters feeder={feeder} />
    </Card>
  );
}

interface Row {
  slot: string;
  start_s: string;
  agreed?: FeederAgreed;
  settled?: FeederRow;
}

function Slots(props: { found: FeederSlotsResponse; capacity_wh: bigint; name: string }) {
  const rows = new Map<string, Row>();
  for (const one of props.found.slots) rows.set(one.slot, { slot: one.slot, start_s: one.shown_start_s, settled: one });
  for (const one of props.found.agreed) rows.set(one.slot, { ...rows.get(one.slot), slot: one.slot, start_s: one.shown_start_s, agreed: one });
  const listed = [...rows.values()].sort((a, b) => (BigInt(a.slot) < BigInt(b.slot) ? -1 : 1));
  if (listed.length === 0) return <p class="quiet">{t("grid.no_slots")}</p>;
  return (
    <>
      <Bars rows={listed} capacity_wh={props.capacity_wh} name={props.name} />
      <Table
        caption={t("grid.slots", { name: props.name })}
        rows={listed}
        name={(one) => one.slot}
        columns={[
          { head: "head.slot", cell: (one) => `${formatDay(one.start_s)} ${describeSlot(one.slot)}` },
          { head: "head.flow", figure: true, cell: (one) => describeNet(getAgreed(one)) },
          { head: "head.used_line", figure: true, cell: (one) => `${computePercent(getAgreed(one), props.capacity_wh)}\u00a0%` },
          { head: "head.room_in", figure: true, cell: (one) => (one.agreed ? formatEnergy(one.agreed.line?.import_headroom_wh ?? "0") : t("none")) },
          { head: "head.room_out", figure: true, cell: (one) => (one.agreed ? formatEnergy(one.agreed.line?.export_headroom_wh ?? "0") : t("none")) },
          { head: "head.metered", figure: true, cell: (one) => (one.settled?.sum ? describeNet(getMetered(one.settled)) : t("none")) },
          { head: "head.imbalance", figure: true, cell: (one) => (one.settled?.sum ? formatEnergy(computeOff(one.settled.sum), true) : t("none")) },
        ]}
      />
    </>
  );
}

/** What is agreed over the line; of a settled slot, what the accounts behind it had agreed. */
function getAgreed({ agreed, settled }: Row): bigint {
  if (agreed) return computeNet(agreed.line?.flow);
  return BigInt(settled?.sum?.bought_wh ?? 0) - BigInt(settled?.sum?.sold_wh ?? 0);
}

function getMetered({ sum }: FeederRow): bigint {
  return BigInt(sum?.import_wh ?? 0) - BigInt(sum?.export_wh ?? 0);
}

/** The coming slot in which the line is used most; nothing if nothing is agreed. */
function describeFullest(rows: Row[], capacity_wh: bigint): string {
  const percent = (row: Row) => computePercent(getAgreed(row), capacity_wh);
  const ahead = rows.filter((row) => row.agreed).sort((a, b) => Number(percent(b) - percent(a)));
  const first = ahead[0];
  if (!first || percent(first) === 0n) return "";
  return t("grid.fullest", { span: describeSlot(first.slot), percent: String(percent(first)) });
}

const HEIGHT = 100;
const STEP = 20;

/** Flows as bars: agreed is an outline, metered is solid; the frame is what the line carries. */
function Bars(props: { rows: Row[]; capacity_wh: bigint; name: string }) {
  const size = (wh: bigint) => Math.min(HEIGHT, Number(computePercent(wh, props.capacity_wh)));
  const bar = (wh: bigint) => ({ y: wh < 0n ? HEIGHT : HEIGHT - size(wh), height: size(wh) });
  const width = props.rows.length * STEP;
  return (
    <figure>
      <figcaption>
        {t("grid.bars", { name: props.name })} {describeFullest(props.rows, props.capacity_wh)}
      </figcaption>
      <svg class="bars" role="img" aria-label={t("grid.bars_label")} viewBox={`0 0 ${width} ${2 * HEIGHT}`} preserveAspectRatio="none">
        <rect class="frame" x="0" y="0" width={width} height={2 * HEIGHT} />
        <line class="zero" x1="0" x2={width} y1={HEIGHT} y2={HEIGHT} />
        {props.rows.map((row, i) => (
          <g key={row.slot}>
            {row.settled?.sum && <rect class="metered" x={i * STEP + 5} width={STEP - 10} {...bar(getMetered(row.settled))} />}
            <rect class="agreed-bar" x={i * STEP + 2} width={STEP - 4} {...bar(getAgreed(row))} />
          </g>
        ))}
      </svg>
      <ul class="legend">
        <li class="box box-agreed">{t("grid.legend_agreed")}</li>
        <li class="box box-metered">{t("grid.legend_metered")}</li>
      </ul>
    </figure>
  );
}

function Meters(props: { feeder: string }) {
  const isOpen = useSignal(false);
  return (
    <details onToggle={(event) => (isOpen.value = event.currentTarget.open)}>
      <summary>{t("grid.meters", { name: clean(props.feeder) })}</summary>
      {isOpen.value && (
        <Ask ask={() => call("FeederMeters", { feeder: props.feeder })}>
          {({ meters, more }) => (
            <>
              {meters.length === 0 && <p class="quiet">{t("grid.no_meters")}</p>}
              <Table
                caption={t("grid.meters", { name: clean(props.feeder) })}
                rows={meters}
                name={(one) => one.meter?.meter_id ?? ""}
                columns={[
                  { head: "meter.name", cell: (one) => <Foreign text={one.meter?.meter_id ?? ""} /> },
                  { head: "head.state", cell: (one) => t(one.meter?.meter?.status === "STATUS_ACTIVE" ? "meter.active" : "meter.inactive") },
                  { head: "head.readings", cell: (one) => t(one.baseline ? "grid.silent" : "grid.speaks") },
                ]}
              />
              {more && <p class="quiet">{t("grid.more_meters")}</p>}
            </>
          )}
        </Ask>
      )}
    </details>
  );
}
