// The state of a slot, by word and sign.
import type { ChainResponse, ShownSlot } from "../api";
import { type Key, t } from "../text";

export type State = "trading" | "closed" | "delivery" | "waiting" | "settled" | "estimated";

const TEXTS: Record<State, Key> = {
  trading: "state.trading",
  closed: "state.closed",
  delivery: "state.delivery",
  waiting: "state.waiting",
  settled: "state.settled",
  estimated: "state.estimated",
};

/** The text of a state. */
export function stateKey(state: State): Key {
  return TEXTS[state];
}

export function stateOf(shown: ShownSlot, chain: ChainResponse): State {
  if (shown.result) return Number(shown.result.estimated_parties) > 0 ? "estimated" : "settled";
  if (shown.book?.info?.status === "SLOT_STATUS_SETTLED") return "settled";
  if (BigInt(shown.slot) < BigInt(chain.slot)) return "waiting";
  if (shown.slot === chain.slot) return "delivery";
  return shown.book?.takes_orders ? "trading" : "closed";
}

export function StateMark(props: { state: State }) {
  return (
    <span class="state">
      <span class={`sign sign-${props.state}`} aria-hidden="true" />
      {t(TEXTS[props.state])}
    </span>
  );
}
