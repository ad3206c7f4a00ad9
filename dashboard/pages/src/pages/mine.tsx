// One's own account: a day slot by slot, its sums, meters, who has looked; or the way to sign in.
import { useSignal } from "@preact/signals";
import { call, makeAddress, type MineResponse, type MySlot, type MySlotsResponse, type settlement_Line } from "../api";
import { chain, mineChanged } from "../live";
import { Ask, Card, ErrorText, Facts, Foreign, Heading, Table } from "../parts/common";
import { account, isSignedIn, session, signIn } from "../session";
import { type Key, t } from "../text";
import { formatEnergy, formatMoment, formatMoney, formatMoneyExact, formatSpan, isoDay } from "../units";
import { findWallets, type Wallet } from "../wallet";

export function Mine() {
  if (!session.value || !chain.value) return <Heading>{t("page.mine")}</Heading>;
  return isSignedIn.value ? <Account /> : <SignIn />;
}

function SignIn() {
  const failure = useSignal<unknown>(null);
  const waits = useSignal("");
  const wallets = findWallets();
  const run = async ([name, wallet]: [string, Wallet]) => {
    failure.value = null;
    waits.value = name;
    try {
      await signIn(wallet, chain.value?.chain_id ?? "");
    } catch (error) {
      failure.value = error;
    }
    waits.value = "";
  };
  return (
    <>
      <Heading>{t("sign_in.title")}</Heading>
      <p>{t("sign_in.why")}</p>
      <Card title={t("sign_in.wallet")}>
        {wallets.length === 0 && <p>{t("sign_in.no_wallet")}</p>}
        {wallets.map((one) => (
          <button key={one[0]} type="button" class="main" disabled={waits.value !== ""} onClick={() => void run(one)}>
            {waits.value === one[0] ? t("sign_in.waits", { wallet: one[0] }) : t("sign_in.with", { wallet: one[0] })}
          </button>
        ))}
        {failure.value !== null && <ErrorText error={failure.value} />}
      </Card>
      <Card title={t("sign_in.command")}>
        <p>{t("sign_in.command_text")}</p>
        <pre>
          <code>{`blockenergy dashboard sign-in --from NAME --site ${location.origin}`}</code>
        </pre>
      </Card>
    </>
  );
}

function Account() {
  const shownDay = useSignal(isoDay(chain.value?.shown_start_s ?? 0));
  return (
    <>
      <Heading>{t("page.mine")}</Heading>
      <p class="address">
        {t("mine.account")} <code>{account.value}</code>
      </p>
      <label class="field">
        {t("mine.day")}
        <input
          type="date"
          value={shownDay.value}
          max={isoDay(chain.value?.shown_start_s ?? 0)}
          required
          onChange={(event) => event.currentTarget.value && (shownDay.value = event.currentTarget.value)}
        />
      </label>
      <Ask ask={() => (void mineChanged.value, call("MySlots", { day: shownDay.value }))}>
        {(found) => <Day found={found} day={shownDay.value} />}
      </Ask>
      <div class="cards">
        <Ask ask={() => (void mineChanged.value, call("Mine"))}>{(mine) => <Meters mine={mine} />}</Ask>
        <Card title={t("mine.views")}>
          <Ask ask={() => (void mineChanged.value, call("Views"))}>
            {({ views }) =>
              views.length === 0 ? (
                <p class="quiet">{t("mine.no_views")}</p>
              ) : (
                <Table
                  caption={t("mine.views")}
                  rows={views}
                  name={(one) => `${one.at_s} ${one.viewer} ${one.call}`}
                  columns={[
                    { head: "head.when", cell: (one) => formatMoment(one.at_s) },
                    { head: "head.who", cell: (one) => <Foreign text={one.viewer} /> },
                    { head: "head.right", cell: (one) => one.right },
                    { head: "head.purpose", cell: (one) => <Foreign text={one.purpose} /> },
                  ]}
                />
              )
            }
          </Ask>
        </Card>
      </div>
    </>
  );
}

function Day(props: { found: MySlotsResponse; day: string }) {
  const { slots, sum, complete } = props.found;
  const rows = slots.filter((one) => one.line || one.position);
  const month = props.day.slice(0, 7);
  return (
    <Card title={t("mine.slots")} class="wide">
      {!complete && <p class="warning">{t("mine.incomplete")}</p>}
      {sum && <Sum line={sum} />}
      {rows.length === 0 ? (
        <p class="quiet">{t("mine.nothing")}</p>
      ) : (
        <Table
          caption={t("mine.slots")}
          rows={rows}
          name={(one) => one.slot}
          columns={[
            { head: "head.slot", cell: (one) => formatSpan(one.shown_start_s, one.shown_end_s) },
            { head: "head.agreed", figure: true, cell: agreed },
            { head: "head.metered", figure: true, cell: metered },
            { head: "head.energy", figure: true, cell: (one) => money(one, energyNet) },
            { head: "head.imbalance", figure: true, cell: (one) => money(one, imbalanceNet) },
            { head: "head.net", figure: true, cell: (one) => money(one, net) },
            { head: "head.state", cell: (one) => <LineState slot={one} /> },
          ]}
        />
      )}
      <p class="row actions">
        <a href={makeAddress("Statement", { month, account: account.value })} download>
          {t("mine.csv", { month })}
        </a>
        <button type="button" onClick={() => window.print()}>
          {t("mine.print")}
        </button>
      </p>
    </Card>
  );
}

const energyNet = (line: settlement_Line) => BigInt(line.revenue) - BigInt(line.cost);
const imbalanceNet = (line: settlement_Line) =>
  BigInt(line.imbalance_credit) - BigInt(line.imbalance_charge) - BigInt(line.carbon_charge);
const net = (line: settlement_Line) => BigInt(line.credited) - BigInt(line.charged);

function Sum(props: { line: settlement_Line }) {
  const { line } = props;
  return (
    <Facts
      rows={[
        [t("sum.used"), formatEnergy(line.import_wh)],
        [t("sum.delivered"), formatEnergy(line.export_wh)],
        [t("sum.energy"), formatMoney(energyNet(line), true)],
        [t("sum.imbalance"), formatMoney(imbalanceNet(line), true)],
        [t("sum.net"), <strong title={formatMoneyExact(net(line))}>{formatMoney(net(line), true)}</strong>],
      ]}
    />
  );
}

function agreed(one: MySlot) {
  return directions(one.line ?? one.position, "bought_wh", "sold_wh", ["dir.buy", "dir.sell"]);
}

function metered(one: MySlot) {
  return one.line ? directions(one.line, "import_wh", "export_wh", ["dir.in", "dir.out"]) : t("mine.no_reading");
}

function directions(of: object | undefined, inwards: string, outwards: string, names: [Key, Key]) {
  const values = of as Record<string, string> | undefined;
  const parts = [inwards, outwards].flatMap((field, i) => {
    const wh = values?.[field] ?? "0";
    return wh === "0" ? [] : [<span key={field}>{t(names[i] as Key, { energy: formatEnergy(wh) })}</span>];
  });
  return parts.length ? <span class="pair">{parts}</span> : t("none");
}

function money(one: MySlot, of: (line: settlement_Line) => bigint) {
  if (one.line) return <span title={formatMoneyExact(of(one.line))}>{formatMoney(of(one.line), true, 3)}</span>;
  if (of !== energyNet || !one.position) return t("none");
  const planned = BigInt(one.position.revenue) - BigInt(one.position.cost);
  return <span class="planned">{formatMoney(planned, true, 3)}</span>;
}

function LineState(props: { slot: MySlot }) {
  const { line, slot } = props.slot;
  if (!line) return <>{t("mine.open")}</>;
  const isMeasured = line.quality === "QUALITY_MEASURED" || line.quality === "QUALITY_CORRECTED";
  return (
    <span class="pair">
      <span class="state">
        <span class={`sign sign-${isMeasured ? "settled" : "estimated"}`} aria-hidden="true" />
        {isMeasured ? t("state.settled") : t("mine.estimated")}
      </span>
      <a href={`/proof/${slot}`}>{t("mine.proof")}</a>
    </span>
  );
}

function Meters(props: { mine: MineResponse }) {
  return (
    <Card title={t("mine.meters")}>
      {props.mine.meters.length === 0 ? (
        <p class="quiet">{t("mine.no_meters")}</p>
      ) : (
        props.mine.meters.map((one) => (
          <Facts
            key={one.meter_id}
            rows={[
              [t("meter.name"), <Foreign text={one.meter_id} />],
              [t("meter.feeder"), <Foreign text={one.meter?.feeder ?? ""} />],
              [t("meter.status"), one.meter?.status === "STATUS_ACTIVE" ? t("meter.active") : t("meter.inactive")],
            ]}
          />
        ))
      )}
    </Card>
  );
}
