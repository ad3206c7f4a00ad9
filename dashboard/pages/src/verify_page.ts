// The verifier as a file of its own: no server, no network.
import { ProofError } from "./proof/bytes";
import { verifySaved, type Verified } from "./proof/verify";
import { reasonOf, writeAddress } from "./proof/words";

const SENTENCES = {
  form: "The file is not a saved proof, or is damaged.",
  other_chain: "The proof is of another chain.",
  other_validators: "The block has other validators than those that you trust.",
  order: "The blocks of the proof are not in order.",
  header: "A header, its votes and its validators do not belong together.",
  power: "No more than two thirds of the validators' power have signed.",
  path: "The line does not lead to the app hash that was signed.",
  value: "The proof is of another line than it shows.",
  key: "The proof is not of a settlement line.",
  sum: "The amounts of the line do not add up.",
};

const WHERE: Record<string, string> = {
  false: "The line is",
  true: "The root over the lines of its slot, this one among them, is",
};

function find<E extends HTMLElement>(id: string): E {
  return document.getElementById(id) as E;
}

function add(parent: Node, name: string, text = ""): HTMLElement {
  const made = document.createElement(name);
  made.textContent = text;
  parent.appendChild(made);
  return made;
}

function show(verified: Verified): void {
  const { line, signed } = verified;
  const result = find("result");
  const box = add(result, "div");
  box.className = "good";
  add(box, "h2", "Proven");
  add(
    box,
    "p",
    `${signed.votes} of ${signed.validators} validators have signed block ${verified.height + 1n}: ` +
      `${(100n * signed.power) / signed.total} % of the power. ${WHERE[String(verified.isByRoot)]} in the state ` +
      `after block ${verified.height}, and its amounts add up.`,
  );
  const table = add(box, "table");
  const rows = [["owner", writeAddress(verified.owner)], ["slot", String(verified.slot)], ...Object.entries(line)];
  for (const [name, value] of rows) {
    if (value === 0n || value === false || value === "") continue;
    const row = add(table, "tr");
    add(row, "th", String(name)).setAttribute("scope", "row");
    add(row, "td", String(value));
  }
  add(box, "p", "Energy in watt-hours, money in the smallest unit. It is not proven that the meter measured right.");
}

function fail(error: unknown): void {
  const box = add(find("result"), "div");
  box.className = "bad";
  add(box, "h2", "Not proven");
  add(box, "p", SENTENCES[reasonOf(error)]);
  if (error instanceof ProofError && error.found) add(box, "p", error.found);
}

async function run(): Promise<void> {
  find("result").textContent = "";
  try {
    const [file] = find<HTMLInputElement>("file").files ?? [];
    const json: unknown = JSON.parse((await file?.text()) ?? "");
    const chainId = find<HTMLInputElement>("chain").value.trim();
    show(verifySaved(json, chainId, find<HTMLInputElement>("hash").value.trim()));
  } catch (error) {
    fail(error);
  }
}

find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  void run();
});
