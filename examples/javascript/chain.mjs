// The chain for a program in JavaScript: its messages, its queries and a wallet, with cosmjs.
// All types come from the definitions in proto/, read when the program starts.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { DirectSecp256k1Wallet, Registry } from "@cosmjs/proto-signing";
import { defaultRegistryTypes, GasPrice, QueryClient, SigningStargateClient } from "@cosmjs/stargate";
import { Comet38Client } from "@cosmjs/tendermint-rpc";
import protobuf from "protobufjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const definitions = resolve(process.env.BLOCKENERGY_PROTO ?? join(here, "../../proto"));
// protobufjs brings the definitions of Google's own types.
const googles = dirname(createRequire(import.meta.url).resolve("protobufjs/package.json"));
const files = [
  "blockenergy/auth/v1/query.proto",
  "blockenergy/market/v1/query.proto",
  "blockenergy/market/v1/tx.proto",
  "blockenergy/metering/v1/query.proto",
  "blockenergy/settlement/v1/query.proto",
];

async function loadTypes() {
  const root = new protobuf.Root();
  root.resolvePath = (_, file) => join(file.startsWith("google/") ? googles : definitions, file);
  return root.load(files);
}

// The key of a name in the keyring of a local network, which is not encrypted.
async function readKey(name) {
  const file = join(process.env.BLOCKENERGY_HOME, "keys", `${name}.json`);
  const { secret } = JSON.parse(await readFile(file, "utf8"));
  return DirectSecp256k1Wallet.fromKey(Buffer.from(secret, "base64"), "energy");
}

export async function connect(name) {
  const types = await loadTypes();
  const comet = await Comet38Client.connect(process.env.BLOCKENERGY_NODE.replace("tcp:", "http:"));
  const abci = new QueryClient(comet);

  // query("settlement", "Line", { slot, owner }) asks /blockenergy.settlement.v1.Query/Line.
  async function query(module, name, request = {}) {
    const scope = `blockenergy.${module}.v1`;
    const question = types.lookupType(`${scope}.Query${name}Request`);
    const answer = types.lookupType(`${scope}.Query${name}Response`);
    const bytes = question.encode(question.create(request)).finish();
    const { value } = await abci.queryAbci(`/${scope}.Query/${name}`, bytes);
    return answer.toObject(answer.decode(value), { longs: Number, defaults: true });
  }

  // A node can claim any chain id; a signature for it would be good on that chain.
  const pinned = await readFile(join(process.env.BLOCKENERGY_HOME, "keys", "chain-id"), "utf8");
  const { nodeInfo } = await comet.status();
  if (nodeInfo.network !== pinned.trim()) {
    throw new Error(`the node is on chain ${nodeInfo.network}, not ${pinned.trim()}`);
  }
  const { params } = await query("auth", "Params");
  const gasPrice = GasPrice.fromString(`${params.minGasPriceMicro / 1e6}${params.feeDenom}`);
  const registry = new Registry(defaultRegistryTypes);
  for (const message of ["MsgBuy", "MsgSell", "MsgPlaceLimitOrder"]) {
    const type = types.lookupType(`blockenergy.market.v1.${message}`);
    registry.register(`/blockenergy.market.v1.${message}`, type);
  }
  const wallet = await readKey(name);
  const [{ address }] = await wallet.getAccounts();
  const client = await SigningStargateClient.createWithSigner(comet, wallet, {
    registry,
    gasPrice,
    broadcastPollIntervalMs: 300,
  });

  // Signs and sends a message, waits for its block, and rejects what the chain rejects.
  async function send(typeUrl, value) {
    const sent = await client.signAndBroadcast(address, [{ typeUrl, value }], "auto");
    if (sent.code !== 0) {
      throw new Error(sent.rawLog);
    }
    return sent;
  }

  return { address, client, query, send, close: () => comet.disconnect() };
}
