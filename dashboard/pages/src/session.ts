// Who is signed in.
import { computed, signal } from "@preact/signals";
import { call, resumePersonal, type SessionResponse, stopPersonal } from "./api";
import { followMine } from "./live";
import { onKeyChange, signText, type Wallet } from "./wallet";

/** null: not known, or about to end. */
export const session = signal<SessionResponse | null>(null);
export const isSignedIn = computed(() => (session.value?.accounts.length ?? 0) > 0);
/** The account that is shown: the first one that has signed in. */
export const account = computed(() => session.value?.accounts[0]?.address ?? "");

/** Whether an account of the session has a role, such as ROLE_AUDITOR. */
export function hasRole(role: string): boolean {
  return session.value?.accounts.some((one) => (one.roles as string[]).includes(role)) ?? false;
}

/** Whether there are feeders that an account of the session may look at whole. */
export function seesGrid(): boolean {
  return (session.value?.operated_feeders.length ?? 0) > 0 || hasRole("ROLE_AUDITOR");
}

/** Asks the server who is signed in, or signs in by a link's part behind the #. */
export async function begin(): Promise<void> {
  onKeyChange(() => void signOut());
  const code = /^#sign-in=([\w-]+)$/.exec(location.hash)?.[1];
  if (code) {
    history.replaceState(null, "", location.pathname);
    const padded = code.replace(/-/g, "+").replace(/_/g, "/");
    const json = JSON.parse(atob(padded)) as Record<string, string>;
    set(await call("SignIn", json));
    return;
  }
  const pass = /^#pass=([\w.-]+)$/.exec(location.hash)?.[1];
  if (pass) {
    history.replaceState(null, "", location.pathname);
    set(await call("SignIn", { pass_code: pass }));
    return;
  }
  set(await call("Session"));
}

/** Lets a wallet sign the server's text. */
export async function signIn(wallet: Wallet, chainId: string): Promise<void> {
  await wallet.enable(chainId);
  const { bech32Address: address } = await wallet.getKey(chainId);
  const challenge = await call("Challenge", { address });
  requireOwnText(challenge.text, chainId, address);
  const signed = await signText(wallet, chainId, address, challenge.text);
  set(await call("SignIn", { address, nonce: challenge.nonce, ...signed }));
}

/** The server may ask to sign for this site, chain and account only. */
function requireOwnText(text: string, chainId: string, address: string): void {
  const [site, chain, who] = text.split("\n");
  const good = site === `Sign in to the dashboard at ${location.host}`;
  if (!good || chain !== `Chain: ${chainId}` || who !== `Address: ${address}`) throw new Error(text);
}

export async function signOut(): Promise<void> {
  const before = session.value;
  if (!before || !isSignedIn.value) return;
  // What is under way, and the stream of one's own account, would be rejected once the session has ended.
  session.value = null;
  stopPersonal();
  followMine(false);
  set(await call("SignOut").catch(() => before));
}

function set(found: SessionResponse): void {
  resumePersonal();
  session.value = found;
  followMine(found.accounts.length > 0);
}
