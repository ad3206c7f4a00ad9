// Which page is shown: the path of the address.
import { signal } from "@preact/signals";

export const path = signal(location.pathname);

/** Shows another page, and lets a screen reader begin at its heading. */
export function go(to: string): void {
  history.pushState(null, "", to);
  path.value = location.pathname;
  window.scrollTo(0, 0);
  requestAnimationFrame(() => document.querySelector<HTMLElement>("main h1")?.focus());
}

/** Follows the browser's buttons, and links to own pages. */
export function followLinks(): void {
  window.addEventListener("popstate", () => (path.value = location.pathname));
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest?.("a");
    const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !isPlain || link.origin !== location.origin || link.hasAttribute("download")) return;
    if (link.hash && link.pathname === location.pathname) return;
    event.preventDefault();
    go(link.pathname);
  });
}

/** The part of the path at a place: /proof/17 has 17 at 1. */
export function part(at: number): string {
  return decodeURIComponent(path.value.split("/")[at + 1] ?? "");
}
