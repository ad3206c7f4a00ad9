// What stands around every page: its name, the other pages, the block that is shown, and how old it is.
import { useComputed, useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { age_s, chain, isConnected, isStale, probe } from "../live";
import { path } from "../router";
import { account, hasRole, isSignedIn, seesGrid, session, signOut } from "../session";
import { type Key, type Language, language, setLanguage, t } from "../text";
import { formatDecimal, formatMoment } from "../units";

const PAGES: [string, Key, () => boolean][] = [
  ["/", "page.now", () => true],
  ["/mine", "page.mine", () => true],
  ["/trade", "page.trade", () => true],
  ["/grid", "page.grid", seesGrid],
  ["/audit", "page.audit", () => hasRole("ROLE_AUDITOR")],
  ["/explore", "page.explore", () => true],
];

export function Frame(props: { children: ComponentChildren }) {
  useSignalEffect(() => {
    if (isStale.value && age_s.value) void probe();
  });
  return (
    <div class={isStale.value ? "stale" : ""}>
      <a class="skip" href="#content">
        {t("frame.skip")}
      </a>
      <header>
        <span class="brand">BlockEnergy</span>
        <nav aria-label={t("frame.pages")}>
          <ul>
            {PAGES.filter(([, , isShown]) => isShown()).map(([to, name]) => (
              <li key={to}>
                <a href={to} aria-current={isAt(to) ? "page" : undefined}>
                  {t(name)}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <Reader />
        <Block />
      </header>
      <main id="content">{props.children}</main>
    </div>
  );
}

function isAt(to: string): boolean {
  return to === "/" ? path.value === "/" || path.value === "/now" : path.value.startsWith(to);
}

function Reader() {
  const change = (event: Event) => {
    const name = (event.currentTarget as HTMLSelectElement).value as Language;
    localStorage.setItem("language", name);
    void setLanguage(name);
  };
  return (
    <div class="reader">
      <label>
        <span class="hidden">{t("frame.language")}</span>
        <select value={language.value} onChange={change}>
          <option value="en" lang="en">
            English
          </option>
          <option value="de" lang="de">
            Deutsch
          </option>
        </select>
      </label>
      {isSignedIn.value ? (
        <button type="button" class="plain" onClick={() => void signOut()} title={account.value}>
          {t("frame.sign_out")}
        </button>
      ) : (
        session.value && <a href="/mine">{t("frame.sign_in")}</a>
      )}
    </div>
  );
}

/** Which block is shown, and how old it is. */
function Block() {
  const problem = useComputed(() => {
    if (!isStale.value) return null;
    return isConnected.value ? t("frame.no_blocks") : t("frame.no_server");
  });
  const known = chain.value;
  if (!known) return <p class="block">{t("wait")}</p>;
  const age = formatDecimal(BigInt(Math.round(age_s.value * 10)), 1, 1);
  return (
    <>
      <p class="block">
        <span>{t("frame.block", { height: known.height, age })}</span>
        <span>{t("frame.zone", { zone: known.zone })}</span>
        {known.slot_length_s !== known.slot_stands_for_s && (
          <span>{t("frame.fast", { length: known.slot_length_s, stands_for: describeSpan(known.slot_stands_for_s) })}</span>
        )}
        {known.missing_blocks !== "0" && <span class="warning">{t("frame.gap", { count: known.missing_blocks })}</span>}
      </p>
      <div role="status">
        {problem.value && (
          <p class="banner">
            {problem.value} {t("frame.shown", { moment: formatMoment(known.time_s) })}
          </p>
        )}
      </div>
    </>
  );
}

function describeSpan(seconds: string): string {
  const minutes = Number(seconds) / 60;
  return minutes % 60 === 0 ? t("frame.hours", { count: minutes / 60 }) : t("frame.minutes", { count: minutes });
}
