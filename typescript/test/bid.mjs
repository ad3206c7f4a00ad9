// Places a bid as a dApp does, and reads what became of it. Prints one JSON document.
import { Secp256k1HdWallet } from "@cosmjs/amino";
import { DirectSecp256k1HdWallet } from "@cosmjs/proto-signing";
import { connect } from "@blockenergy/client";
import { QueryClientImpl as MarketQuery } from "@blockenergy/client/blockenergy/market/v1/query";
import { Side } from "@blockenergy/client/blockenergy/market/v1/state";
import { MsgPlaceLimitOrderResponse } from "@blockenergy/client/blockenergy/market/v1/tx";
import { QueryClientImpl as MeteringQuery } from "@blockenergy/client/blockenergy/metering/v1/query";

const [url, chainId, mode, words] = process.argv.slice(2);
const wallets = { direct: DirectSecp256k1HdWallet, amino: Secp256k1HdWallet };
const signer = await wallets[mode].fromMnemonic(words, { prefix: "energy" });
const chain = await connect(url, { chainId, signer });
const market = new MarketQuery(chain.rpc);
const { params } = await new MeteringQuery(chain.rpc).Params({});
const slot = BigInt(Math.floor(Date.now() / 1000)) / params.slotLengthS + 2n;

const placed = await chain.send({
  typeUrl: "/blockenergy.market.v1.MsgPlaceLimitOrder",
  value: {
    owner: chain.address,
    slot,
    side: Side.SIDE_BUY,
    quantityWh: 1_000n,
    priceLimitPerKwh: 240_000n,
  },
});
const { orderId } = MsgPlaceLimitOrderResponse.decode(placed.msgResponses[0].value);
const { order } = await market.LimitOrder({ slot, orderId });

// The slot is cleared when its gate closes.
async function waitForClearing() {
  const deadline = Date.now() + 1000 * (5 * Number(params.slotLengthS));
  for (;;) {
    try {
      return (await market.Clearing({ slot })).clearing;
    } catch (error) {
      if (Date.now() > deadline) {
        throw error;
      }
      await new Promise((done) => setTimeout(done, 500));
    }
  }
}

// Once is enough to wait for it.
const clearing = mode === "direct" ? await waitForClearing() : undefined;
const position = clearing && (await market.Position({ slot, owner: chain.address })).position;
console.log(
  JSON.stringify({
    address: chain.address,
    owner: order.owner,
    orderedWh: Number(order.quantityWh),
    isCleared: clearing !== undefined,
    boughtWh: Number(position?.boughtWh ?? 0n),
  }),
);
chain.close();
