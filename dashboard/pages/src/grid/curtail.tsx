// Curtailing a feeder: whom it meets and what it costs is shown before it is signed.
import { type Signal, useSignal } from "@preact/signals";
import type { PreviewTxResponse, ShownFeeder } from "../api";
import { chain, slots } from "../live";
import { Card } from "../parts/common";
import { account } from "../session";
import { t } from "../text";
import { describeSlot, type Life } from "../tx/life";
import { type Draft, LifeText, Sign } from "../tx/sign";
import { clean, formatEnergy, formatMoney, parseDecimal } from "../units";

const SIDES = ["SIDE_BUY", "SIDE_SELL"] as const;

/** For the operator of the feeder alone: an auditor looks, and no more. */
export function Curtail(props: { feeder: ShownFeeder; slot: string; life: Signal<Life | null> }) {
  const side = useSignal<string>("SIDE_BUY");
  const share = useSignal("100");
  const reason = useSignal("");
  const chosen = useSignal("");
  const { feeder, info } = props.feeder;
  if (info?.operator !== account.value) return null;
  const closed = [...slots.value.values()].filter((one) => one.book && !one.book.takes_orders && BigInt(one.slot) >= BigInt(chain.value?.slot ?? 0));
  const slot = closed.find((one) => one.slot === chosen.value)?.slot ?? closed[0]?.slot;
  const permille = parseDecimal(share.value, 1);
  const isShare = permille !== null && permille > 0n && permille <= 1000n;
  return (
    <Card title={t("curtail.title", { name: clean(feeder) })} class="wide">
      {props.life.value && <LifeText life={props.life.value} />}
      {slot === undefined ? (
        <p class="quiet">{t("curtail.no_slot")}</p>
      ) : (
        <form onSubmit={(event) => event.preventDefault()}>
          <div class="fields">
            <label class="field">
              {t("grid.slot")}
              <select value={slot} onChange={(event) => (chosen.value = event.currentTarget.value)}>
                {closed.map((one) => (
                  <option key={one.slot} value={one.slot}>
                    {describeSlot(one.slot)}
                  </option>
                ))}
              </select>
            </label>
            <label class="field">
              {t("curtail.side")}
              <select value={side.value} onChange={(event) => (side.value = event.currentTarget.value)}>
                {SIDES.map((one) => (
                  <option key={one} value={one}>
                    {t(one === "SIDE_BUY" ? "grid.consumption" : "grid.production")}
                  </option>
                ))}
              </select>
            </label>
            <label class="field">
              {t("curtail.share")}
              <input type="text" inputMode="decimal" value={share.value} onInput={(event) => (share.value = event.currentTarget.value)} />
              {!isShare && <span class="error">{t("curtail.bad_share")}</span>}
            </label>
            <label class="field">
              {t("curtail.reason")}
              <input type="text" maxLength={200} value={reason.value} onInput={(event) => (reason.value = event.currentTarget.value)} />
            </label>
          </div>
          {isShare && reason.value === "" && <p class="quiet">{t("curtail.needs_reason")}</p>}
          {isShare && reason.value !== "" && <Sign draft={makeDraft(feeder, slot, side.value, permille, reason.value)} life={props.life} />}
        </form>
      )}
    </Card>
  );
}

function makeDraft(feeder: string, slot: string, side: string, share_permille: bigint, reason: string): Draft {
  const fields = { distributor: account.value, slot: BigInt(slot), feeder, side, share_permille, reason };
  return {
    message: { type: "blockenergy.market.v1.MsgCurtail", fields },
    words: t(side === "SIDE_BUY" ? "curtail.words_consumption" : "curtail.words_production", {
      name: clean(feeder),
      span: describeSlot(slot),
    }),
    notes: [t("curtail.note")],
    describe,
  };
}

function describe({ responses }: PreviewTxResponse): [string, string][] {
  const { quantity_wh, compensation } = (responses[0] ?? {}) as Record<string, unknown>;
  return [
    [t("curtail.quantity"), formatEnergy(String(quantity_wh ?? 0))],
    [t("curtail.compensation"), formatMoney(String(compensation ?? 0), false, 4)],
  ];
}
