// Whether it adds up: the result of a slot beside the sums of its lines, and what the tables lack.
import { useSignal } from "@preact/signals";
import { type AuditResponse, call } from "../api";
import { chain } from "../live";
import { Ask, Card, Facts, Heading } from "../parts/common";
import { hasRole, session } from "../session";
import { type Key, t } from "../text";
import { formatEnergy, formatMoneyExact } from "../units";

export function Audit() {
  if (!session.value || !chain.value) return <Heading>{t("page.audit")}</Heading>;
  if (hasRole("ROLE_AUDITOR")) return <Sums />;
  return (
    <>
      <Heading>{t("page.audit")}</Heading>
      <p>{t("audit.not_yours")}</p>
    </>
  );
}

function Sums() {
  const slot = useSignal("");
  return (
    <>
      <Heading>{t("page.audit")}</Heading>
      <label class="field">
        {t("audit.slot")}
        <input
          type="text"
          inputMode="numeric"
          pattern="[0-9]{1,19}"
          placeholder={t("audit.last")}
          onChange={(event) => event.currentTarget.checkValidity() && (slot.value = event.currentTarget.value)}
        />
      </label>
      <Ask ask={() => (void chain.value?.slot, call("Audit", { slot: slot.value || undefined }))}>
        {(found) => <Result found={found} />}
      </Ask>
      <Card title={t("audit.gaps")}>
        <Ask ask={() => (void chain.value?.slot, call("Gaps"))}>
          {({ gaps, incomplete_slots: incomplete, differing_slots: differing }) => (
            <Facts
              rows={[
                [t("audit.blocks"), gaps.map((one) => `${one.first_height}\u2013${one.last_height}`).join(", ") || t("none")],
                [t("audit.incomplete"), incomplete.join(", ") || t("none")],
                [t("audit.differing"), differing.join(", ") || t("none")],
              ]}
            />
          )}
        </Ask>
      </Card>
    </>
  );
}

const VERDICTS: Record<string, Key> = {
  agree: "audit.agree",
  differ: "audit.differ",
  incomplete: "audit.not_all",
};

function Result(props: { found: AuditResponse }) {
  const { found } = props;
  const { result, sum } = found;
  if (!result) return <p class="quiet">{t("audit.none")}</p>;
  const rows: [Key, string, string | undefined, (value: string) => string][] = [
    ["head.used", result.import_wh, sum?.import_wh, formatEnergy],
    ["head.delivered", result.export_wh, sum?.export_wh, formatEnergy],
    ["audit.imbalance_charge", result.imbalance_charge, sum?.imbalance_charge, formatMoneyExact],
    ["audit.imbalance_credit", result.imbalance_credit, sum?.imbalance_credit, formatMoneyExact],
    ["audit.uncovered", result.uncovered, sum?.uncovered, formatMoneyExact],
    ["audit.carbon", result.carbon_charge, sum?.carbon_charge, formatMoneyExact],
  ];
  const verdict = VERDICTS[found.lines] ?? "audit.not_all";
  return (
    <section class={`card verdict ${found.lines === "agree" ? "good" : "bad"}`}>
      <h2>{t("audit.of", { slot: found.slot, height: found.settled_height })}</h2>
      <p>{t(verdict, { count: found.lines_read })}</p>
      <table>
        <caption class="hidden">{t("audit.compare")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("audit.what")}</th>
            <th scope="col" class="figure">
              {t("audit.result")}
            </th>
            <th scope="col" class="figure">
              {t("audit.sum")}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, one, other, format]) => (
            <tr key={name}>
              <th scope="row">{t(name)}</th>
              <td class="figure" data-head={t("audit.result")}>
                {format(one)}
              </td>
              <td class="figure" data-head={t("audit.sum")}>
                {other === undefined ? t("none") : format(other)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
