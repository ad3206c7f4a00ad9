// Wallets with the interface that Keplr has given to all of them.
export interface Wallet {
  enable(chainId: string): Promise<void>;
  getKey(chainId: string): Promise<{ bech32Address: string; pubKey: Uint8Array }>;
  signArbitrary(
    chainId: string,
    signer: string,
    data: string,
  ): Promise<{ pub_key: { value: string }; signature: string }>;
  /** Signs a transaction; what was signed may have another fee or memo than what was asked for. */
  signDirect(
    chainId: string,
    signer: string,
    document: { bodyBytes: Uint8Array; authInfoBytes: Uint8Array; chainId: string; accountNumber: bigint },
    options: { preferNoSetFee: boolean; preferNoSetMemo: boolean },
  ): Promise<{ signed: { bodyBytes: Uint8Array; authInfoBytes: Uint8Array }; signature: { signature: string } }>;
}

const NAMES = { keplr: "Keplr", leap: "Leap", cosmostation: "Cosmostation" };

/** The wallets that this browser has, by their names. */
export function findWallets(): [string, Wallet][] {
  const all = window as unknown as Record<string, unknown>;
  return Object.entries(NAMES).flatMap(([field, name]) => {
    const found = all[field] as (Wallet & { providers?: { keplr?: Wallet } }) | undefined;
    const wallet = found?.providers?.keplr ?? found;
    return wallet && typeof wallet.getKey === "function" ? [[name, wallet] as [string, Wallet]] : [];
  });
}

/** Key and signature of a text (ADR-36), as the web API takes them. */
export async function signText(
  wallet: Wallet,
  chainId: string,
  address: string,
  text: string,
): Promise<{ pub_key: string; signature: string }> {
  const { pub_key, signature } = await wallet.signArbitrary(chainId, address, text);
  return { pub_key: pub_key.value, signature };
}

/** Calls a function whenever the reader has chosen another key in a wallet. */
export function onKeyChange(run: () => void): void {
  for (const name of ["keplr", "leap", "cosmostation"]) {
    window.addEventListener(`${name}_keystorechange`, run);
  }
}
