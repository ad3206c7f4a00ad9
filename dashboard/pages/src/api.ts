// Every request to the server goes through here.
import { type Calls, calls } from "./gen/api";

export type * from "./gen/api";

type Name = keyof Calls;
type Parameters = Record<string, string | number | undefined>;

/** What the server or the chain said against a request. code 0: nobody has answered. */
export class ApiError extends Error {
  constructor(
    readonly codespace: string,
    readonly code: number,
    text: string,
  ) {
    super(text);
  }

  /** Whether the request never reached the server, or its answer never came back. */
  get isLost(): boolean {
    return this.code === 0;
  }
}

const WAIT_MS = 15_000;

// Calls in flight that need a sign-in.
const personal = new Set<AbortController>();
let isLeaving = false;

/** Before somebody signs out: what is under way for them is given up, and nothing more is asked. Neither is answered. */
export function stopPersonal(): void {
  isLeaving = true;
  for (const one of personal) one.abort();
  personal.clear();
}

/** Once it is known who is signed in now. */
export function resumePersonal(): void {
  isLeaving = false;
}

/** The answer to a call; ApiError if there is none. Parameters that are undefined are left out. */
export async function call<N extends Name>(name: N, parameters: Parameters = {}): Promise<Calls[N]["response"]> {
  const stop = new AbortController();
  if (calls[name].who === "everybody") return await ask(name, parameters, stop);
  if (isLeaving) return await never();
  personal.add(stop);
  try {
    return await ask(name, parameters, stop);
  } catch (error) {
    if (!personal.has(stop)) return await never();
    throw error;
  } finally {
    personal.delete(stop);
  }
}

/** For those who are no longer there to be told. */
function never(): Promise<never> {
  return new Promise(() => {});
}

async function ask<N extends Name>(name: N, parameters: Parameters, stop: AbortController): Promise<Calls[N]["response"]> {
  const { verb } = calls[name];
  const isPost = verb === "POST";
  const address = makeAddress(name, isPost ? pick(name, parameters) : parameters);
  const request: RequestInit = { method: verb, signal: stop.signal };
  if (isPost) {
    request.headers = { "content-type": "application/json" };
    request.body = JSON.stringify(parameters);
  }
  let response: Response;
  let content: unknown;
  const timer = window.setTimeout(() => stop.abort(), WAIT_MS);
  try {
    response = await fetch(address, request);
    content = await response.json();
  } catch {
    throw new ApiError("", 0, "");
  } finally {
    window.clearTimeout(timer);
  }
  if (!response.ok) {
    const error = (content as { error?: { codespace?: string; code?: number; text?: string } }).error;
    throw new ApiError(error?.codespace ?? "http", error?.code ?? response.status, error?.text ?? "");
  }
  return content as Calls[N]["response"];
}

/** The address of a call, for a link to a table. */
export function makeAddress(name: Name, parameters: Parameters): string {
  const used = new Set<string>();
  const path = calls[name].path.replace(/\{(\w+)\}/g, (_, field: string) => {
    used.add(field);
    return encodeURIComponent(String(parameters[field] ?? ""));
  });
  const rest = Object.entries(parameters).filter(([field, value]) => value !== undefined && !used.has(field));
  const query = new URLSearchParams(rest.map(([field, value]) => [field, String(value)])).toString();
  return `${path}${query ? `?${query}` : ""}`;
}

/** The parameters that stand in the path of a call. */
function pick(name: Name, parameters: Parameters): Parameters {
  const fields = [...calls[name].path.matchAll(/\{(\w+)\}/g)].map((found) => found[1] as string);
  return Object.fromEntries(fields.map((field) => [field, parameters[field]]));
}

/** The stream of what changes. */
export function openEvents(topics: string[]): EventSource {
  return new EventSource(makeAddress("Events", { topics: topics.join(",") }));
}
