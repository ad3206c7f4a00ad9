// What a transaction costs and does, before it is signed; and what became of it afterwards.
import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { ApiError, type PreviewTxResponse } from "../api";
import { chain } from "../live";
import { describeError, Facts } from "../parts/common";
import { session } from "../session";
import { type Key, t } from "../text";
import { clean, formatMoney, formatMoneyExact } from "../units";
import { findWallets } from "../wallet";
import type { Content } from "./encode";
import { type Life, tellLife } from "./life";
import { type Message, NoWalletError, preview, signAndSend } from "./transaction";

/** Something that may be signed. */
export interface Draft {
  message: Message;
  /** What it does, in one sentence. */
  words: string;
  /** What may come of it, sentence by sentence. */
  notes?: string[];
  /** Another one, and the costs are asked for anew. */
  version?: string;
  /** Figures that only the answer of the chain has. */
  describe?: (found: PreviewTxResponse) => [string, ComponentChildren][];
}

const TYPING_MS = 300;

/** The last answer, and to what. */
type State = { key: string; found?: PreviewTxResponse; error?: unknown };

/** A draft with its costs, and the button that calls the wallet; `life` is told what becomes of it. */
export function Sign(props: { draft: Draft; life: Signal<Life | null> }) {
  const { draft } = props;
  const state = useSignal<State>({ key: "" });
  const failure = useSignal<unknown>(null);
  const waits = useSignal(false);
  const key = JSON.stringify(draft.message, (_, value) => (typeof value === "bigint" ? `${value}` : value));
  useAsking(draft, key, state);
  const { found, error } = state.value.key === key ? state.value : {};
  const sign = async () => {
    if (!found) return;
    failure.value = null;
    waits.value = true;
    try {
      const sent = await signAndSend(draft.message, found);
      props.life.value = tellLife(draft.words, sent);
    } catch (problem) {
      failure.value = problem;
    }
    waits.value = false;
  };
  const wallets = findWallets().map(([name]) => name);
  return (
    <div class="draft">
      <p>
        <strong>{draft.words}</strong>
      </p>
      <div aria-live="polite">
        {found && <Costs found={found} more={draft.describe?.(found) ?? []} />}
        {error !== undefined && <p class="error">{describeError(error)}</p>}
        {!found && error === undefined && <p class="quiet">{t("sign.asks")}</p>}
      </div>
      {draft.notes && (
        <ul class="notes">
          {draft.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <Written message={draft.message} />
      {session.value?.by_pass ? (
        <p class="warning">{t("sign.by_pass")}</p>
      ) : wallets.length === 0 ? (
        <p class="warning">{t("sign.no_wallet")}</p>
      ) : (
        <button type="button" class="main" disabled={!found || waits.value} onClick={() => void sign()}>
          {waits.value ? t("sign.waits") : t("sign.button", { wallet: wallets.join(", ") })}
        </button>
      )}
      {failure.value !== null && (
        <p class="error" role="alert">
          {describeFailure(failure.value)}
        </p>
      )}
    </div>
  );
}

/** Asks for the costs once the reader has stopped typing, and anew when the chain has gone on. */
function useAsking(draft: Draft, key: string, state: Signal<State>): void {
  const version = `${draft.version ?? ""} ${chain.value?.slot ?? ""}`;
  useEffect(() => {
    let isWanted = true;
    const set = (answer: State) => isWanted && (state.value = answer);
    const ask = () =>
      preview(draft.message).then(
        (found) => set({ key, found }),
        (error: unknown) => set({ key, error }),
      );
    const timer = window.setTimeout(() => void ask(), state.peek().key ? TYPING_MS : 0);
    return () => {
      isWanted = false;
      window.clearTimeout(timer);
    };
  }, [key, version]);
}

function Costs(props: { found: PreviewTxResponse; more: [string, ComponentChildren][] }) {
  const { reserve, deposit, fee } = props.found;
  const rows: [string, ComponentChildren][] = [...props.more];
  if (reserve !== "0") rows.push([t("sign.reserve"), <span title={formatMoneyExact(reserve)}>{formatMoney(reserve, false, 4)}</span>]);
  if (deposit !== "0") rows.push([t("sign.deposit"), formatFee(deposit)]);
  rows.push([t("sign.fee"), formatFee(fee)]);
  return <Facts rows={rows} />;
}

/** An amount of the denomination of fees. */
export function formatFee(amount: string): string {
  const known = chain.value;
  return known?.fee_denom === known?.denom ? formatMoneyExact(amount) : `${amount} ${known?.fee_denom ?? ""}`;
}

/** The message to the last field, as the wallet will show it. */
function Written(props: { message: Message }) {
  const { type, fields } = props.message;
  return (
    <details>
      <summary>{t("sign.written")}</summary>
      <p>
        <code>{type}</code>
      </p>
      <Facts
        long
        rows={Object.entries(fields)
          .filter(([, value]) => value !== undefined && value !== 0n && value !== "" && value !== false)
          .map(([name, value]) => [name, <code>{clean(write(value))}</code>])}
      />
    </details>
  );
}

function write(value: Content): string {
  return typeof value === "object" ? "" : String(value);
}

/** Why nothing was sent. Wallets say in their own words that their owner has refused. */
function describeFailure(error: unknown): string {
  if (error instanceof NoWalletError) return t("sign.other_wallet");
  if (error instanceof ApiError) return describeError(error);
  const text = error instanceof Error ? error.message : String(error);
  return /reject|denied|cancel/i.test(text) ? t("sign.refused") : t("sign.wallet_error", { text: clean(text) });
}

const STATES: Record<Life["state"], Key> = {
  waiting: "life.waiting",
  done: "life.done",
  refused: "life.refused",
  void: "life.void",
};

/** What became of the last transaction. */
export function LifeText(props: { life: Life }) {
  const { life } = props;
  const isBad = life.state === "refused" || life.state === "void";
  return (
    <div class={isBad ? "verdict bad" : "verdict"} role="status">
      <p>
        <strong>{life.words}</strong>
        <br />
        {t(STATES[life.state], { height: life.height || life.last_height })}
      </p>
      {life.sentences.map((one) => (
        <p key={one} class={isBad ? "error" : ""}>
          {one}
        </p>
      ))}
      {life.hash && (
        <p>
          <a href={`/explore/${life.hash}`}>{t("life.tx")}</a>
        </p>
      )}
    </div>
  );
}
