// The pages of the dashboard. Those beside the first one are loaded when somebody goes there.
import { signal } from "@preact/signals";
import { type ComponentType, render } from "preact";
import { follow } from "./live";
import { Now } from "./pages/now";
import { ErrorText, Heading } from "./parts/common";
import { Frame } from "./parts/frame";
import { followLinks, path } from "./router";
import { begin } from "./session";
import { findLanguage, setLanguage, t } from "./text";

const LATER: Record<string, () => Promise<ComponentType>> = {
  mine: () => import("./pages/mine").then((one) => one.Mine),
  trade: () => import("./pages/trade").then((one) => one.Trade),
  grid: () => import("./pages/grid").then((one) => one.Grid),
  proof: () => import("./pages/proof").then((one) => one.Proof),
  audit: () => import("./pages/audit").then((one) => one.Audit),
  explore: () => import("./pages/explore").then((one) => one.Explore),
};

const loaded = signal<Record<string, ComponentType>>({ "": Now, now: Now });
const failure = signal<unknown>(null);
const asked = new Set<string>();

function load(name: string): void {
  const fetchPage = LATER[name];
  if (!fetchPage || asked.has(name)) return;
  asked.add(name);
  fetchPage().then(
    (page) => (loaded.value = { ...loaded.value, [name]: page }),
    (error: unknown) => (failure.value = error),
  );
}

function App() {
  const name = path.value.split("/")[1] ?? "";
  const Page = loaded.value[name];
  if (!Page) load(name);
  return (
    <Frame>
      {failure.value !== null && <ErrorText error={failure.value} />}
      {Page ? <Page /> : LATER[name] ? <p class="quiet">{t("wait")}</p> : <Heading>{t("page.unknown")}</Heading>}
    </Frame>
  );
}

async function start(): Promise<void> {
  await setLanguage(findLanguage());
  followLinks();
  follow();
  const root = document.getElementById("app");
  if (root) render(<App />, root);
  await begin().catch((error: unknown) => (failure.value = error));
}

void start();
