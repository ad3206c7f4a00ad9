// A transaction of the reader: written here, signed by the wallet, passed on by the server.
import { ApiError, call, type PreviewTxResponse, type SendTxResponse } from "../api";
import { chain } from "../live";
import { account } from "../session";
import { findWallets, type Wallet } from "../wallet";
import { encode, type Fields } from "./encode";

/** A message of the chain by its full name, with the names of its fields. */
export interface Message {
  type: string;
  fields: Fields;
}

/** No wallet of this browser has the key of the account. */
export class NoWalletError extends Error {}

// Blocks in which it may be executed; then it is void, and may be sent anew without being done twice.
const BLOCKS = 40n;

/** What a message would cost and do now; ApiError with the chain's own sentence if it would be refused. */
export async function preview(message: Message): Promise<PreviewTxResponse> {
  const signer = { mode_info: { single: { mode: "SIGN_MODE_DIRECT" } } };
  // The size counts, so everything is there that will be.
  const last_height = BigInt(chain.value?.height ?? 0) + BLOCKS;
  const raw = encodeRaw(encodeBody(message, last_height), encodeAuth({ signer_infos: [signer] }), new Uint8Array());
  const found = await call("PreviewTx", { tx_bytes: toBase64(raw) });
  if (found.code !== "0") throw new ApiError(found.codespace, Number(found.code), found.text);
  return found;
}

export interface Sent {
  response: SendTxResponse;
  /** The last block in which it may be. */
  last_height: bigint;
}

/** Lets the wallet that has the account's key sign a message, and sends what was signed. */
export async function signAndSend(message: Message, costs: PreviewTxResponse): Promise<Sent> {
  const chain_id = chain.value?.chain_id ?? "";
  const [wallet, key] = await findWallet(chain_id);
  const mine = await call("Mine", { account: account.value });
  const last_height = BigInt(mine.height) + BLOCKS;
  const fee = { amount: [{ denom: chain.value?.fee_denom ?? "", amount: costs.fee }], gas_limit: BigInt(costs.gas_limit) };
  const signer = {
    public_key: { type_url: "/cosmos.crypto.secp256k1.PubKey", value: encode("cosmos.crypto.secp256k1.PubKey", { key }) },
    mode_info: { single: { mode: "SIGN_MODE_DIRECT" } },
    sequence: BigInt(mine.sequence),
  };
  const { signed, signature } = await wallet.signDirect(
    chain_id,
    account.value,
    {
      bodyBytes: encodeBody(message, last_height),
      authInfoBytes: encodeAuth({ signer_infos: [signer], fee: costs.fee === "0" ? { ...fee, amount: [] } : fee }),
      chainId: chain_id,
      accountNumber: BigInt(mine.account_number),
    },
    { preferNoSetFee: true, preferNoSetMemo: true },
  );
  const raw = encodeRaw(signed.bodyBytes, signed.authInfoBytes, fromBase64(signature.signature));
  return { response: await call("SendTx", { tx_bytes: toBase64(raw) }), last_height };
}

async function findWallet(chain_id: string): Promise<[Wallet, Uint8Array]> {
  for (const [, wallet] of findWallets()) {
    await wallet.enable(chain_id);
    const { bech32Address, pubKey } = await wallet.getKey(chain_id);
    if (bech32Address === account.value) return [wallet, pubKey];
  }
  throw new NoWalletError();
}

function encodeBody({ type, fields }: Message, timeout_height: bigint): Uint8Array {
  const packed = { type_url: `/${type}`, value: encode(type, fields) };
  return encode("cosmos.tx.v1beta1.TxBody", { messages: [packed], timeout_height });
}

function encodeAuth(content: Fields): Uint8Array {
  return encode("cosmos.tx.v1beta1.AuthInfo", { fee: {}, ...content });
}

function encodeRaw(body_bytes: Uint8Array, auth_info_bytes: Uint8Array, signature: Uint8Array): Uint8Array {
  return encode("cosmos.tx.v1beta1.TxRaw", { body_bytes, auth_info_bytes, signatures: [signature] });
}

function toBase64(data: Uint8Array): string {
  return btoa(String.fromCharCode(...data));
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}
