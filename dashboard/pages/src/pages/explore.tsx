// What is on the chain: blocks, transactions, slots, found by one search.
import { useSignal } from "@preact/signals";
import { ApiError, call, type Found, type TxResponse } from "../api";
import { chain } from "../live";
import { Ask, Card, ErrorText, Facts, Foreign, Heading, Table } from "../parts/common";
import { StateMark, stateOf } from "../parts/state";
import { go, part } from "../router";
import { t } from "../text";
import { clean, formatEnergy, formatMoment, formatMoneyExact, formatPrice, formatSpan, isoDay, priceUnit } from "../units";

export function Explore() {
  if (!chain.value) return <Heading>{t("page.explore")}</Heading>;
  const shown = part(1);
  return (
    <>
      <Heading>{t("page.explore")}</Heading>
      <Search />
      {/^[0-9A-Fa-f]{64}$/.test(shown) ? (
        <Ask key={shown} ask={() => call("Tx", { hash: shown })}>
          {(tx) => <Transaction tx={tx} />}
        </Ask>
      ) : /^\d{1,19}$/.test(shown) ? (
        <Slot key={shown} slot={shown} />
      ) : (
        <Latest />
      )}
    </>
  );
}

function Search() {
  const text = useSignal("");
  const found = useSignal<Found[] | null>(null);
  const failure = useSignal<unknown>(null);
  const run = async (event: Event) => {
    event.preventDefault();
    failure.value = null;
    try {
      found.value = (await call("Search", { q: text.value.trim() })).found;
    } catch (error) {
      found.value = error instanceof ApiError && !error.isLost ? [] : null;
      failure.value = error;
    }
  };
  return (
    <search>
      <form onSubmit={(event) => void run(event)} class="row">
        <label class="field grow">
          {t("explore.search")}
          <input
            type="search"
            maxLength={100}
            required
            value={text.value}
            onInput={(event) => (text.value = event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="main">
          {t("explore.find")}
        </button>
      </form>
      {failure.value !== null && <ErrorText error={failure.value} />}
      <div role="status">
        {found.value?.length === 0 && failure.value === null && <p>{t("explore.nothing")}</p>}
        {found.value && found.value.length > 0 && (
          <ul>
            {found.value.map((one) => (
              <li key={`${one.kind} ${one.name}`}>
                <Hit hit={one} />
              </li>
            ))}
          </ul>
        )}
      </div>
    </search>
  );
}

function Hit(props: { hit: Found }) {
  const { kind, name } = props.hit;
  const label = t(
    ({ block: "kind.block", tx: "kind.tx", slot: "kind.slot", feeder: "kind.feeder", account: "kind.account" } as const)[
      kind
    ] ?? "kind.meter",
    { name: clean(name) },
  );
  return kind === "slot" || kind === "tx" ? <a href={`/explore/${name}`}>{label}</a> : <bdi>{label}</bdi>;
}

function Latest() {
  const today = isoDay(chain.value?.shown_start_s ?? 0);
  return (
    <div class="cards">
      <Card title={t("explore.blocks")} class="wide">
        <Ask ask={() => (void chain.value?.height, call("Blocks", { limit: 10 }))}>
          {({ blocks }) => (
            <Table
              caption={t("explore.blocks")}
              rows={blocks}
              name={(one) => one.height}
              columns={[
                { head: "head.height", cell: (one) => one.height },
                { head: "head.when", cell: (one) => formatMoment(one.time_s) },
                { head: "head.txs", figure: true, cell: (one) => one.txs },
                { head: "head.failed", figure: true, cell: (one) => one.failed_txs },
                { head: "head.hash", cell: (one) => <code>{one.hash.slice(0, 16)}…</code> },
              ]}
            />
          )}
        </Ask>
      </Card>
      <Card title={t("explore.validators")}>
        <Ask ask={() => call("Validators")}>
          {({ validators }) => (
            <Table
              caption={t("explore.validators")}
              rows={validators}
              name={(one) => one.address}
              columns={[
                { head: "head.who", cell: (one) => <Foreign text={one.validator?.label || one.address} /> },
                { head: "head.power", figure: true, cell: (one) => one.validator?.power ?? t("none") },
              ]}
            />
          )}
        </Ask>
      </Card>
      <Card title={t("explore.data")}>
        <p>{t("explore.data_text")}</p>
        <ul>
          <li>
            <a href={`/api/v1/data/${today}/slots.csv`} download>
              {t("explore.slots_csv", { day: today })}
            </a>
          </li>
        </ul>
      </Card>
    </div>
  );
}

function Slot(props: { slot: string }) {
  return (
    <Ask ask={() => (void chain.value?.slot, call("Slots", { first_slot: props.slot, last_slot: props.slot }))}>
      {({ slots: [one] }) => {
        const known = chain.value;
        if (!one || !known || !(one.book ?? one.result)) return <p>{t("explore.nothing")}</p>;
        const { book, result } = one;
        return (
          <Card title={`${t("kind.slot", { name: one.slot })}: ${formatSpan(one.shown_start_s, one.shown_end_s)}`}>
            <Facts
              rows={[
                [t("head.state"), <StateMark state={stateOf(one, known)} />],
                [t("head.ask"), book ? `${formatPrice(book.ask_per_kwh)} ${priceUnit()}` : t("none")],
                [t("head.bid"), book ? `${formatPrice(book.bid_per_kwh)} ${priceUnit()}` : t("none")],
                [t("head.bought"), book?.info ? formatEnergy(book.info.bought_wh) : t("none")],
                [t("head.sold"), book?.info ? formatEnergy(book.info.sold_wh) : t("none")],
                [t("head.used"), result ? formatEnergy(result.import_wh) : t("none")],
                [t("head.delivered"), result ? formatEnergy(result.export_wh) : t("none")],
                [t("explore.fees"), result ? formatMoneyExact(result.grid_fees) : t("none")],
                [t("explore.parties"), result ? result.parties : t("none")],
                [t("explore.estimated"), result ? result.estimated_parties : t("none")],
              ]}
            />
            {result && (
              <a href={`/api/v1/data/${isoDay(one.shown_start_s)}/feeders.csv?slot=${one.slot}`} download>
                {t("explore.feeders_csv")}
              </a>
            )}
          </Card>
        );
      }}
    </Ask>
  );
}

function Transaction(props: { tx: TxResponse }) {
  const { tx } = props;
  const isDone = tx.code === "0";
  return (
    <Card title={t("explore.tx")}>
      <Facts
        rows={[
          [t("explore.outcome"), isDone ? t("explore.executed") : `${tx.codespace} ${tx.code}: ${clean(tx.text)}`],
          [t("head.height"), tx.block_height],
          [t("head.when"), formatMoment(tx.block_time_s)],
          [t("explore.types"), tx.types.join(", ")],
          ...(tx.signer ? ([[t("explore.signer"), <code>{tx.signer}</code>]] as [string, preact.JSX.Element][]) : []),
          ...(tx.memo ? ([[t("explore.memo"), <Foreign text={tx.memo} />]] as [string, preact.JSX.Element][]) : []),
        ]}
      />
      {tx.messages.map((message, i) => (
        <pre key={i}>
          <code>{showJson(message)}</code>
        </pre>
      ))}
      <button type="button" onClick={() => go("/explore")}>
        {t("explore.back")}
      </button>
    </Card>
  );
}

/** Fields of a message; every text in it is somebody's. */
function showJson(message: unknown): string {
  return JSON.stringify(message, (_, value: unknown) => (typeof value === "string" ? clean(value) : value), 2);
}

