// All feeders of an operator as a tree: flows against capacity, headroom, prices, imbalance.
import type { ShownFeeder } from "../api";
import { Table } from "../parts/common";
import { t } from "../text";
import { clean, formatDecimal, formatEnergy, formatPrice, priceUnit } from "../units";
import { computeCapacity, computeNet, computeOff, computePercent, describeNet, HIGH_PERCENT } from "./flow";

const DEPTH_SHOWN_MAX = 4;

interface Placed {
  shown: ShownFeeder;
  depth: number;
}

export function Feeders(props: { feeders: ShownFeeder[]; chosen: string; choose: (name: string) => void }) {
  const rows = placeInTree(props.feeders);
  if (rows.length === 0) return <p class="quiet">{t("grid.no_feeders")}</p>;
  const full = rows.filter(({ shown }) => getPercent(shown) >= HIGH_PERCENT);
  return (
    <>
      <p>
        {full.length === 0
          ? t("grid.none_full", { percent: String(HIGH_PERCENT) })
          : t("grid.some_full", { names: full.map(({ shown }) => clean(shown.feeder)).join(", "), percent: String(HIGH_PERCENT) })}
      </p>
      <Table
        caption={t("grid.table")}
        rows={rows}
        name={(one) => one.shown.feeder}
        columns={[
          {
            head: "head.feeder",
            cell: ({ shown, depth }) => (
              <button
                type="button"
                class={`depth-${Math.min(depth, DEPTH_SHOWN_MAX)}`}
                aria-pressed={shown.feeder === props.chosen}
                onClick={() => props.choose(shown.feeder)}
              >
                <bdi>{clean(shown.feeder)}</bdi>
              </button>
            ),
          },
          { head: "head.line", figure: true, cell: ({ shown }) => describeLine(shown.info?.capacity_w ?? "0") },
          { head: "head.flow", figure: true, cell: ({ shown }) => (shown.agreed ? describeNet(computeNet(shown.agreed)) : t("none")) },
          { head: "head.used_line", figure: true, cell: ({ shown }) => <Load shown={shown} /> },
          { head: "head.headroom", figure: true, cell: ({ shown }) => describeHeadroom(shown) },
          { head: "head.price_here", figure: true, cell: ({ shown }) => describePrice(shown) },
          { head: "head.imbalance", figure: true, cell: ({ shown }) => (shown.settled ? formatEnergy(computeOff(shown.settled), true) : t("none")) },
          { head: "head.estimated", figure: true, cell: ({ shown }) => shown.settled?.estimated_accounts ?? t("none") },
          { head: "mine.meters", figure: true, cell: ({ shown }) => shown.meters },
        ]}
      />
    </>
  );
}

/** Parents before their children, each with its distance from the topmost one that is shown. */
function placeInTree(feeders: ShownFeeder[]): Placed[] {
  const names = new Set(feeders.map((one) => one.feeder));
  const below = new Map<string, ShownFeeder[]>();
  for (const one of feeders) {
    const parent = one.info?.parent ?? "";
    const key = names.has(parent) ? parent : "";
    below.set(key, [...(below.get(key) ?? []), one]);
  }
  const place = (name: string, depth: number): Placed[] =>
    (below.get(name) ?? []).flatMap((shown) => [{ shown, depth }, ...place(shown.feeder, depth + 1)]);
  return place("", 0);
}

function getPercent(shown: ShownFeeder): bigint {
  return shown.agreed ? computePercent(computeNet(shown.agreed), computeCapacity(shown.info?.capacity_w ?? "0")) : 0n;
}

function Load(props: { shown: ShownFeeder }) {
  const { shown } = props;
  if (!shown.agreed) return <>{t("none")}</>;
  const percent = getPercent(shown);
  return (
    <span class="load">
      <meter
        min={0}
        max={100}
        high={Number(HIGH_PERCENT)}
        value={Number(percent)}
        aria-label={t("grid.load", { name: clean(shown.feeder) })}
      />
      {percent >= 100n ? t("grid.full") : `${percent}\u00a0%`}
    </span>
  );
}

export function describeLine(capacity_w: string): string {
  return capacity_w === "0" ? t("grid.closed") : `${formatDecimal(BigInt(capacity_w), 3, 1)}\u00a0kW`;
}

/** What may still be agreed into the feeder, over its own line. */
function describeHeadroom({ agreed, info }: ShownFeeder): string {
  if (!agreed) return t("none");
  const left = computeCapacity(info?.capacity_w ?? "0") - computeNet(agreed);
  return formatEnergy(left < 0n ? 0n : left);
}

function describePrice({ cleared }: ShownFeeder): string {
  return cleared?.has_price ? `${formatPrice(cleared.price_per_kwh)} ${priceUnit()}` : t("none");
}
