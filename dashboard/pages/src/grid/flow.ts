// What flows over a line, beside what it carries.
import type { FeederSum, market_FeederFlow } from "../api";
import { chain } from "../live";
import { t } from "../text";
import { formatEnergy } from "../units";

const S_PER_HOUR = 3600n;
const FULL_PERCENT = 100n;
/** From here on a line is said to be nearly full. */
export const HIGH_PERCENT = 80n;

/** What a line carries in one slot, Wh. */
export function computeCapacity(capacity_w: string): bigint {
  return (BigInt(capacity_w) * BigInt(chain.value?.slot_stands_for_s ?? 0)) / S_PER_HOUR;
}

/** The net energy into a feeder, Wh; below zero: out of it. */
export function computeNet(flow: market_FeederFlow | undefined): bigint {
  return BigInt(flow?.import_wh ?? 0) - BigInt(flow?.export_wh ?? 0);
}

/** How much of a line is used, rounded up, so that only an empty one is at zero. */
export function computePercent(net_wh: bigint, capacity_wh: bigint): bigint {
  const size = net_wh < 0n ? -net_wh : net_wh;
  if (capacity_wh === 0n) return size === 0n ? 0n : FULL_PERCENT;
  return (size * FULL_PERCENT + capacity_wh - 1n) / capacity_wh;
}

/** Energy with its direction, as a word. */
export function describeNet(net_wh: bigint): string {
  if (net_wh === 0n) return formatEnergy(0n);
  return net_wh > 0n ? t("dir.in", { energy: formatEnergy(net_wh) }) : t("dir.out", { energy: formatEnergy(-net_wh) });
}

/** What was metered beyond what was agreed, as net energy into a feeder, Wh. */
export function computeOff(sum: FeederSum): bigint {
  const metered = BigInt(sum.import_wh) - BigInt(sum.export_wh);
  return metered - (BigInt(sum.bought_wh) - BigInt(sum.sold_wh));
}
