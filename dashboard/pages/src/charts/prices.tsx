// Prices of slots as steps: what the pool asks and bids. The sentence and the table say the same.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { ChainResponse, ShownSlot } from "../api";
import { language, t } from "../text";
import { formatPrice, formatSpan, formatTime, priceUnit } from "../units";

const HEIGHT_PX = 220;
const SPANS = [8, 24, 0];

export function Prices(props: { slots: ShownSlot[]; chain: ChainResponse }) {
  const span = useSignal(0);
  const chosen = useSignal(-1);
  const all = props.slots.filter((one) => one.book);
  const shown = span.value ? all.slice(0, span.value) : all;
  if (shown.length === 0) return <p class="quiet">{t("prices.none")}</p>;
  const at = Math.min(chosen.value, shown.length - 1);
  const step = (by: number) => (chosen.value = Math.max(0, Math.min(shown.length - 1, at + by)));
  const press = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    step(by);
  };
  return (
    <figure>
      <figcaption>{describe(shown)}</figcaption>
      <Plot slots={shown} chain={props.chain} chosen={at} onKeyDown={press} />
      <div class="row">
        <ul class="legend">
          <li class="mark mark-ask">{t("prices.ask")}</li>
          <li class="mark mark-bid">{t("prices.bid")}</li>
        </ul>
        <div class="row" role="group" aria-label={t("prices.span")}>
          <button type="button" onClick={() => step(-1)} aria-label={t("prices.before")}>
            ◀
          </button>
          <button type="button" onClick={() => step(1)} aria-label={t("prices.after")}>
            ▶
          </button>
          {SPANS.map((count) => (
            <button key={count} type="button" aria-pressed={span.value === count} onClick={() => (span.value = count)}>
              {count ? t("prices.slots", { count }) : t("prices.all")}
            </button>
          ))}
        </div>
      </div>
      <p class="chosen" aria-live="polite">
        {shown[at] && at >= 0 ? describeSlot(shown[at]) : t("prices.choose")}
      </p>
    </figure>
  );
}

function describe(slots: ShownSlot[]): string {
  const asks = slots.map((one) => BigInt(one.book?.ask_per_kwh ?? 0));
  const low = asks.reduce((a, b) => (b < a ? b : a));
  const high = asks.reduce((a, b) => (b > a ? b : a));
  const when = (price: bigint) => formatTime(slots[asks.indexOf(price)]?.shown_start_s ?? 0);
  const values = { unit: priceUnit(), low: formatPrice(low), high: formatPrice(high), now: formatPrice(asks[0] ?? 0n) };
  if (low === high) return t("prices.same", values);
  return t("prices.sentence", { ...values, low_at: when(low), high_at: when(high) });
}

function describeSlot(slot: ShownSlot): string {
  return t("prices.slot", {
    span: formatSpan(slot.shown_start_s, slot.shown_end_s),
    ask: formatPrice(slot.book?.ask_per_kwh ?? 0n),
    bid: formatPrice(slot.book?.bid_per_kwh ?? 0n),
    unit: priceUnit(),
  });
}

function Plot(props: {
  slots: ShownSlot[];
  chain: ChainResponse;
  chosen: number;
  onKeyDown: (event: KeyboardEvent) => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const data = makeData(props.slots, props.chain);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(makeOptions(element, props.chain), data, element);
    };
    make();
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    observer.observe(element);
    const mode = matchMedia("(prefers-color-scheme: dark)");
    mode.addEventListener("change", make);
    return () => {
      observer.disconnect();
      mode.removeEventListener("change", make);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [props.chain.zone, language.value]);
  useEffect(() => {
    plot.current?.setData(data);
    const x = data[0][props.chosen];
    if (plot.current && x !== undefined) {
      const left = plot.current.valToPos(x, "x");
      plot.current.setCursor({ left: left + 1, top: HEIGHT_PX / 2 }, false);
    }
  });
  return (
    <div
      class="plot"
      ref={place}
      tabIndex={0}
      role="img"
      aria-label={t("prices.chart")}
      onKeyDown={props.onKeyDown}
    />
  );
}

type Data = [number[], (number | null)[], (number | null)[]];

/** What is drawn, in whole currency units: marks only, never figures. */
function makeData(slots: ShownSlot[], chain: ChainResponse): Data {
  const scale = 10 ** (Number(chain.decimals) - 2);
  const last = slots[slots.length - 1];
  const draw = (value: string | undefined) => (value === undefined ? null : Number(value) / scale);
  const asks = slots.map((one) => draw(one.book?.ask_per_kwh));
  const bids = slots.map((one) => draw(one.book?.bid_per_kwh));
  // A step needs its end.
  return [
    [...slots.map((one) => Number(one.shown_start_s)), Number(last?.shown_end_s ?? 0)],
    [...asks, asks[asks.length - 1] ?? null],
    [...bids, bids[bids.length - 1] ?? null],
  ];
}

function makeOptions(element: HTMLElement, chain: ChainResponse): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const axis = { stroke: color("--text"), grid: { stroke: color("--line"), width: 1 }, font: "12px sans-serif" };
  const series = { width: 2, points: { show: false }, ...(stepped ? { paths: stepped } : {}) };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { size: 8 } },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), chain.zone),
    scales: { x: { time: true } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map((tick) => formatTime(tick)) },
      { ...axis, size: 46, values: (_, ticks) => ticks.map((tick) => tick.toLocaleString(language.value)) },
    ],
    series: [
      {},
      { ...series, stroke: color("--price") },
      { ...series, stroke: color("--sold"), dash: [6, 4] },
    ],
  };
}
