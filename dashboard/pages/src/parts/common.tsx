// Parts that several pages have.
import { useSignal, useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { ApiError } from "../api";
import { findRefusal, type Key, t } from "../text";
import { clean } from "../units";

export function Card(props: { title: string; class?: string; children: ComponentChildren }) {
  return (
    <section class={`card ${props.class ?? ""}`}>
      <h2>{props.title}</h2>
      {props.children}
    </section>
  );
}

/** The heading of a page, where a screen reader begins after a change of page. */
export function Heading(props: { children: ComponentChildren }) {
  return <h1 tabIndex={-1}>{props.children}</h1>;
}

export function ErrorText(props: { error: unknown }) {
  return (
    <p class="error" role="alert">
      {describeError(props.error)}
    </p>
  );
}

/** A sentence that says what went wrong. */
export function describeError(error: unknown): string {
  if (!(error instanceof ApiError)) return t("error.unexpected", { text: clean(String(error)) });
  if (error.isLost) return t("error.lost");
  const own = findRefusal(error.codespace, error.code);
  return own ?? (error.message || t("error.unexpected", { text: String(error.code) }));
}

/** What a call answers, asked again whenever a signal that `ask` reads has changed. */
export function Ask<T>(props: { ask: () => Promise<T> | null; children: (found: T) => ComponentChildren }) {
  const state = useSignal<{ found?: T; error?: unknown }>({});
  const round = useSignal(0);
  useSignalEffect(() => {
    const asked = props.ask();
    const mine = round.peek() + 1;
    round.value = mine;
    if (!asked) return;
    asked.then(
      (found) => round.peek() === mine && (state.value = { found }),
      (error: unknown) => round.peek() === mine && (state.value = { ...state.peek(), error }),
    );
  });
  const { found, error } = state.value;
  return (
    <>
      {error !== undefined && <ErrorText error={error} />}
      {found !== undefined ? props.children(found) : error === undefined && <p class="quiet">{t("wait")}</p>}
    </>
  );
}

/** A time that is left. */
export function describeLeft(seconds: number): string {
  return seconds >= 120 ? t("now.minutes", { count: Math.floor(seconds / 60) }) : t("now.seconds", { count: seconds });
}

/** Names and values. */
export function Facts(props: { rows: [string, ComponentChildren][]; long?: boolean }) {
  return (
    <dl class={props.long ? "facts long" : "facts"}>
      {props.rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export interface Column<T> {
  head: Key;
  /** A figure: to the right, digits under digits. */
  figure?: boolean;
  cell: (row: T) => ComponentChildren;
}

/** A table that becomes a list on a narrow screen; the first column heads its row. */
export function Table<T>(props: { caption: string; columns: Column<T>[]; rows: T[]; name: (row: T) => string }) {
  const [first, ...others] = props.columns;
  if (!first) return null;
  return (
    <table>
      <caption class="hidden">{props.caption}</caption>
      <thead>
        <tr>
          {props.columns.map((column) => (
            <th key={column.head} scope="col" class={column.figure ? "figure" : ""}>
              {t(column.head)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {props.rows.map((row) => (
          <tr key={props.name(row)}>
            <th scope="row">{first.cell(row)}</th>
            {others.map((column) => (
              <td key={column.head} class={column.figure ? "figure" : ""} data-head={t(column.head)}>
                {column.cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A text that others have written: as text, apart from what stands around it. */
export function Foreign(props: { text: string }) {
  return <bdi>{clean(props.text)}</bdi>;
}
