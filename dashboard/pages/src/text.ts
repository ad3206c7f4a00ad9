// Texts of the pages, by language.
import { signal } from "@preact/signals";
import type en from "./text/en.json";

export type Key = keyof typeof en;
export type Language = "en" | "de";

const LANGUAGES: Record<Language, () => Promise<{ default: Record<Key, string> }>> = {
  en: () => import("./text/en.json"),
  de: () => import("./text/de.json"),
};

// The server and the chain speak English; another language has their sentences by codespace and code.
const REFUSALS: Record<Language, () => Promise<{ default: Record<string, string> }>> = {
  en: () => Promise.resolve({ default: {} }),
  de: () => import("./text/refusals.de.json"),
};

export const language = signal<Language>("en");
let texts: Partial<Record<Key, string>> = {};
let refusals: Record<string, string> = {};

/** Loads a language, and shows the pages in it. */
export async function setLanguage(name: Language): Promise<void> {
  const [all, said] = await Promise.all([LANGUAGES[name](), REFUSALS[name]()]);
  texts = all.default;
  refusals = said.default;
  document.documentElement.lang = name;
  language.value = name;
}

/** The language that was chosen, or that of the browser. */
export function findLanguage(): Language {
  const chosen = localStorage.getItem("language") ?? navigator.language.slice(0, 2);
  return chosen === "de" ? "de" : "en";
}

/** A text, with what stands in its braces. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  void language.value;
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

/** The sentence of an error of the server or the chain, if the language has it. */
export function findRefusal(codespace: string, code: number): string | undefined {
  return refusals[`${codespace}/${code}`];
}
