/** Messages and queries of a BlockEnergy chain, for cosmjs. */
import { type GeneratedType, type OfflineSigner, Registry } from "@cosmjs/proto-signing";
import {
  AminoTypes,
  createDefaultAminoConverters,
  createProtobufRpcClient,
  type DeliverTxResponse,
  defaultRegistryTypes,
  GasPrice,
  type ProtobufRpcClient,
  QueryClient,
  SigningStargateClient,
} from "@cosmjs/stargate";
import { Comet38Client } from "@cosmjs/tendermint-rpc";
import { aminoConverters } from "./amino.js";
import { QueryClientImpl as AuthQuery } from "./gen/blockenergy/auth/v1/query.js";
import { messages } from "./gen/table.js";

export { aminoConverters } from "./amino.js";

/** Type URLs of all messages, with their types: for `new Registry([...defaultRegistryTypes, ...])`. */
export const registryTypes: ReadonlyArray<[string, GeneratedType]> = messages.map(
  ([typeUrl, , type]) => [typeUrl, type],
);

/** A chain, as one account sees it. */
export interface Connection {
  readonly address: string;
  readonly client: SigningStargateClient;
  /** For the `QueryClientImpl` of each module: `new QueryClientImpl(connection.rpc)`. */
  readonly rpc: ProtobufRpcClient;
  /** Signs and sends messages, waits for their block, and throws what the chain rejects. */
  send(...messages: { typeUrl: string; value: unknown }[]): Promise<DeliverTxResponse>;
  close(): void;
}

/** The chain id that the operator of the network names: a node can claim any. */
export interface Options {
  readonly chainId: string;
  readonly signer: OfflineSigner;
}

/** Connects with the RPC of a node, such as http://127.0.0.1:26657. */
export async function connect(url: string, { chainId, signer }: Options): Promise<Connection> {
  const comet = await Comet38Client.connect(url);
  const { nodeInfo } = await comet.status();
  if (nodeInfo.network !== chainId) {
    comet.disconnect();
    throw new Error(`the node is on chain ${nodeInfo.network}, not ${chainId}`);
  }
  const [account] = await signer.getAccounts();
  if (account === undefined) {
    throw new Error("the wallet has no account");
  }
  const { address } = account;
  const rpc = createProtobufRpcClient(new QueryClient(comet));
  const { params } = await new AuthQuery(rpc).Params({});
  const price = Number(params?.minGasPriceMicro ?? 0n) / 1e6;
  const client = await SigningStargateClient.createWithSigner(comet, signer, {
    registry: new Registry([...defaultRegistryTypes, ...registryTypes]),
    aminoTypes: new AminoTypes({ ...createDefaultAminoConverters(), ...aminoConverters }),
    gasPrice: GasPrice.fromString(`${price}${params?.feeDenom}`),
    broadcastPollIntervalMs: 300,
  });
  return {
    address,
    client,
    rpc,
    async send(...sent) {
      const result = await client.signAndBroadcast(address, sent, "auto");
      if (result.code !== 0) {
        throw new Error(result.rawLog);
      }
      return result;
    },
    close: () => client.disconnect(),
  };
}
