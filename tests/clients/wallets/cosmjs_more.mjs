// What wallets and bots do beside one payment at a time. Arguments: version of cosmjs, RPC address,
// mnemonic of the payer, mnemonic of who pays its fee, receiver. Prints one JSON document.
const [version, rpc, mnemonic, granterMnemonic, receiver] = process.argv.slice(2);
const load = (name) => import(`${name}-${version}`);
const { DirectSecp256k1HdWallet } = await load("proto-signing");
const stargate = await load("stargate");
const { connectComet } = await load("tendermint-rpc");
const { TxRaw } = await import("cosmjs-types/cosmos/tx/v1beta1/tx.js");

const SEND = "/cosmos.bank.v1beta1.MsgSend";
const GRANT = "/cosmos.feegrant.v1beta1.MsgGrantAllowance";
const REVOKE = "/cosmos.feegrant.v1beta1.MsgRevokeAllowance";
const IN_A_ROW = 100;
const AT_ONCE = 20;

const connect = async (words) => {
  const wallet = await DirectSecp256k1HdWallet.fromMnemonic(words, { prefix: "energy" });
  const options = {
    gasPrice: stargate.GasPrice.fromString("0.00005ueur"),
    broadcastPollIntervalMs: 300,
  };
  const client = await stargate.SigningStargateClient.connectWithSigner(rpc, wallet, options);
  return { client, address: (await wallet.getAccounts())[0].address };
};
const { client, address } = await connect(mnemonic);
const granter = await connect(granterMnemonic);
const send = (amount) => ({
  typeUrl: SEND,
  value: { fromAddress: address, toAddress: receiver, amount: [{ denom: "ueur", amount: `${amount}` }] },
});
const fee = stargate.calculateFee(400_000, "0.00005ueur");
const { accountNumber } = await client.getAccount(address);
const chainId = await client.getChainId();
const raw = async (sequence, amount) => {
  const signed = await client.sign(address, [send(amount)], fee, "", { accountNumber, sequence, chainId });
  return TxRaw.encode(signed).finish();
};

const several = await client.signAndBroadcast(address, [send(1), send(2), send(3)], "auto");

const height = await client.getHeight();
const late = await client.signAndBroadcast(address, [send(1)], fee, "", BigInt(height + 100));
const expired = await client
  .signAndBroadcast(address, [send(1)], fee, "", BigInt(height - 1))
  .then(() => "taken", (error) => error.message);

const allowance = {
  typeUrl: "/cosmos.feegrant.v1beta1.BasicAllowance",
  value: Uint8Array.from([]),
};
const grant = { granter: granter.address, grantee: address, allowance };
const granted = await granter.client.signAndBroadcast(
  granter.address, [{ typeUrl: GRANT, value: grant }], "auto");
const before = await client.getBalance(address, "ueur");
const free = await client.signAndBroadcast(
  address, [send(10)], { ...fee, granter: granter.address });
const after = await client.getBalance(address, "ueur");
const { allowance: _, ...grantor } = grant;
const revoked = await granter.client.signAndBroadcast(
  granter.address, [{ typeUrl: REVOKE, value: grantor }], "auto");
const refused = await client
  .signAndBroadcast(address, [send(10)], { ...fee, granter: granter.address })
  .then(() => "taken", (error) => error.message);

let { sequence } = await client.getSequence(address);
const hashes = [];
for (let number = 0; number < IN_A_ROW; number++) {
  hashes.push(await client.broadcastTxSync(await raw(sequence++, 1)));
}
const found = async (hash) => {
  for (;;) {
    const transaction = await client.getTx(hash);
    if (transaction) return transaction.code;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
};
const codes = new Set(await Promise.all(hashes.map(found)));

// Each asks for the sequence by itself, so that only one of those with the same can be taken.
const together = await Promise.allSettled(
  Array.from({ length: AT_ONCE }, (_, number) => client.signAndBroadcast(address, [send(number + 1)], fee)),
);
const taken = together.filter((each) => each.status === "fulfilled");
const reasons = together
  .filter((each) => each.status === "rejected")
  .filter((each) => !/account sequence mismatch|already exists in cache/.test(each.reason.message))
  .map((each) => each.reason.message);
await client.sendTokens(address, receiver, [{ denom: "ueur", amount: "5" }], fee);

const queries = stargate.QueryClient.withExtensions(await connectComet(rpc), stargate.setupBankExtension);
console.log(
  JSON.stringify({
    several: several.code,
    late: late.code,
    expired,
    granted: granted.code,
    paidWithoutFee: Number(before.amount) - Number(after.amount),
    free: free.code,
    revoked: revoked.code,
    refused,
    codes: [...codes],
    atLeastOneTaken: taken.length > 0 && taken.every((each) => each.value.code === 0),
    reasons,
    supply: (await queries.bank.supplyOf("ueur")).amount !== "0",
  }),
);
process.exit(0);
