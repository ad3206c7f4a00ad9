// Anna pays her neighbour 1.50 EUR, buys 1 kWh for the slot after the next, and reads how it was
// settled. Prints one JSON document.
import { connect } from "./chain.mjs";

const EUR = 1_000_000;
const receiver = process.argv[2];
const anna = await connect("anna");

const paid = await anna.send("/cosmos.bank.v1beta1.MsgSend", {
  fromAddress: anna.address,
  toAddress: receiver,
  amount: [{ denom: "ueur", amount: String(1.5 * EUR) }],
});

const { params } = await anna.query("metering", "Params");
const slot = Math.floor(Date.now() / 1000 / params.slotLengthS) + 2;
const ordered = await anna.send("/blockenergy.market.v1.MsgBuy", {
  buyer: anna.address,
  slot,
  quantityWh: 1_000,
  priceLimitPerKwh: 0.25 * EUR,
});

// A slot is settled soon after its reading deadline; until then it has no lines.
async function waitForLine(deadline) {
  for (;;) {
    try {
      return (await anna.query("settlement", "Line", { slot, owner: anna.address })).line;
    } catch (error) {
      if (Date.now() > deadline) {
        throw error;
      }
      await new Promise((done) => setTimeout(done, 1_000));
    }
  }
}

const seconds = 4 * params.slotLengthS + params.readingDeadlineS;
const line = await waitForLine(Date.now() + 1_000 * seconds);
console.log(
  JSON.stringify({
    paidAtHeight: paid.height,
    orderedAtHeight: ordered.height,
    slot,
    boughtWh: line.boughtWh,
    importWh: line.importWh,
    costEur: line.cost / EUR,
    carbonChargeEur: line.carbonCharge / EUR,
    chargedEur: line.charged / EUR,
    // 0 and 1: by readings.
    isEstimated: line.quality > 1,
  }),
);
anna.close();
