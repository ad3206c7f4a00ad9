// Whether a settlement line is what the validators have signed: checked here, not by the server.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call, type ProofResponse } from "../api";
import { chain } from "../live";
import { Ask, Card, Facts, Heading } from "../parts/common";
import { ProofError, type Reason } from "../proof/bytes";
import { type Line, nameValidators, type Verified, verifySaved } from "../proof/verify";
import { reasonOf, writeAddress } from "../proof/words";
import { part } from "../router";
import { account, isSignedIn } from "../session";
import { type Key, t } from "../text";
import { formatEnergy, formatMoneyExact } from "../units";

const REASONS: Record<Reason, Key> = {
  form: "reason.form",
  other_chain: "reason.other_chain",
  other_validators: "reason.other_validators",
  order: "reason.order",
  header: "reason.header",
  power: "reason.power",
  path: "reason.path",
  value: "reason.value",
  key: "reason.key",
  sum: "reason.sum",
};

export function Proof() {
  const slot = part(1);
  if (!chain.value) return <Heading>{t("page.proof")}</Heading>;
  if (!isSignedIn.value || !/^\d{1,19}$/.test(slot)) {
    return (
      <>
        <Heading>{t("page.proof")}</Heading>
        <p>
          {t("proof.sign_in")} <a href="/mine">{t("page.mine")}</a>
        </p>
      </>
    );
  }
  return (
    <>
      <Heading>{t("proof.title")}</Heading>
      <Ask key={slot} ask={() => askProof(slot)}>
        {([found, kept]) => <Checked found={found} kept={kept} slot={slot} />}
      </Ask>
    </>
  );
}

/** The proof, with the changes of validators since the last visit. */
async function askProof(slot: string): Promise<[ProofResponse, Trusted | null]> {
  const kept = readKept(chain.value?.chain_id ?? "");
  return [await call("Proof", { slot, account: account.value, trusted_height: kept?.height }), kept];
}

interface Trusted {
  hash: string;
  /** The last block that was accepted; nothing goes back behind it. */
  height: string;
}

function placeOf(chainId: string): string {
  return `validators ${chainId}`;
}

/** What was accepted on the last visit; null on the first. */
function readKept(chainId: string): Trusted | null {
  const [, hash, height] = /^([0-9A-F]{64}) (\d{1,19})$/.exec(localStorage.getItem(placeOf(chainId)) ?? "") ?? [];
  return hash && height ? { hash, height } : null;
}

interface Outcome {
  verified?: Verified;
  reason?: Reason;
  found?: string;
}

function check(proof: unknown, chainId: string, { hash, height }: Trusted, slot: string): Outcome {
  try {
    const verified = verifySaved(proof, chainId, hash);
    const isAsked = verified.slot === BigInt(slot) && writeAddress(verified.owner) === account.value;
    if (!isAsked) throw new ProofError("key");
    if (verified.height + 1n < BigInt(height)) throw new ProofError("order");
    return { verified };
  } catch (error) {
    return { reason: reasonOf(error), found: error instanceof ProofError ? error.found : "" };
  }
}

function Checked(props: { found: ProofResponse; kept: Trusted | null; slot: string }) {
  const proof = props.found.proof as unknown;
  const chainId = chain.peek()?.chain_id ?? "";
  const entered = useSignal("");
  const trusted = props.kept ?? { hash: readNamed(proof), height: "0" };
  const hash = entered.value.trim().toUpperCase() || trusted.hash;
  const { verified, reason, found } = check(proof, chainId, { ...trusted, hash }, props.slot);
  useEffect(() => {
    if (verified) localStorage.setItem(placeOf(chainId), `${verified.validators_hash} ${verified.height + 1n}`);
  }, [verified?.validators_hash, verified?.height]);
  return (
    <>
      {verified ? <Good verified={verified} /> : <Bad reason={reason ?? "form"} found={found ?? ""} />}
      <div class="cards">
        <Card title={t("proof.trusted")} class="wide">
          <Facts
            long
            rows={[
              [t("proof.chain"), <code>{chainId}</code>],
              [t("proof.validators"), <code class="hash">{hash}</code>],
            ]}
          />
          <p>{props.kept || entered.value ? t("proof.kept") : t("proof.first")}</p>
          <label class="field">
            {t("proof.enter")}
            <input
              type="text"
              spellcheck={false}
              autocomplete="off"
              value={entered.value}
              onInput={(event) => (entered.value = event.currentTarget.value)}
            />
          </label>
        </Card>
        <Card title={t("proof.keep")}>
          <p>{t("proof.keep_text")}</p>
          <p class="row actions">
            <button type="button" onClick={() => save(proof, props.slot)}>
              {t("proof.save")}
            </button>
            <a href="/verify.html" download="verify.html">
              {t("proof.verifier")}
            </a>
          </p>
        </Card>
        <Card title={t("proof.limits")}>
          <p>{t("proof.limits_text")}</p>
        </Card>
      </div>
    </>
  );
}

/** The validators that a proof names; nothing if it is no proof, which its verification will say. */
function readNamed(proof: unknown): string {
  try {
    return nameValidators(proof).hash;
  } catch {
    return "";
  }
}

function save(proof: unknown, slot: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(proof, null, 1)], { type: "application/json" }));
  link.download = `proof-${slot}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}

function Bad(props: { reason: Reason; found: string }) {
  return (
    <section class="card verdict bad" role="alert">
      <h2>{t("proof.bad")}</h2>
      <p>{t(REASONS[props.reason])}</p>
      {props.found && <code class="hash">{props.found}</code>}
    </section>
  );
}

function Good(props: { verified: Verified }) {
  const { verified } = props;
  const { signed, line } = verified;
  const share = (100n * signed.power) / signed.total;
  return (
    <section class="card verdict good">
      <h2>{describeResult(line)}</h2>
      <ol class="checks">
        <li>
          {t("proof.signed", {
            votes: signed.votes,
            validators: signed.validators,
            height: String(verified.height + 1n),
            share: String(share),
          })}
        </li>
        <li>{t(verified.isByRoot ? "proof.root" : "proof.state", { height: String(verified.height) })}</li>
        <li>
          {t("proof.sum")} <span class="sum">{describeSum(line)}</span>
        </li>
      </ol>
      <Facts rows={listEnergy(line)} />
    </section>
  );
}

function of(line: Line, field: string): bigint {
  return line[field] as bigint;
}

function describeResult(line: Line): string {
  const net = of(line, "credited") - of(line, "charged");
  return net < 0n
    ? t("proof.pays", { amount: formatMoneyExact(-net) })
    : t("proof.gets", { amount: formatMoneyExact(net) });
}

const TERMS: [string, Key, 1n | -1n][] = [
  ["revenue", "term.revenue", 1n],
  ["imbalance_credit", "term.imbalance_credit", 1n],
  ["cost", "term.cost", -1n],
  ["imbalance_charge", "term.imbalance_charge", -1n],
  ["carbon_charge", "term.carbon_charge", -1n],
];

function describeSum(line: Line): string {
  const terms = TERMS.filter(([field]) => of(line, field) !== 0n).map(
    ([field, name, sign]) => `${sign < 0n ? "\u2212 " : "+ "}${formatMoneyExact(of(line, field))} ${t(name)}`,
  );
  return `${terms.join(" ") || "0"} = ${formatMoneyExact(of(line, "credited") - of(line, "charged"))}`;
}

function listEnergy(line: Line): [string, string][] {
  const fields: [string, Key][] = [
    ["bought_wh", "head.bought"],
    ["sold_wh", "head.sold"],
    ["import_wh", "head.used"],
    ["export_wh", "head.delivered"],
  ];
  return fields.map(([field, name]) => [t(name), formatEnergy(of(line, field))]);
}
