// A wallet as its users have it: connects, reads its account, simulates, sends coins and a message of
// this chain, finds the transaction again and hears of it. Arguments: version of cosmjs, sign mode,
// RPC address, mnemonic, receiver. Prints one JSON document.
const [version, mode, rpc, mnemonic, receiver] = process.argv.slice(2);
const load = (name) => import(`${name}-${version}`);
const { DirectSecp256k1HdWallet, Registry } = await load("proto-signing");
const { Secp256k1HdWallet } = await load("amino");
const stargate = await load("stargate");
const { connectComet } = await load("tendermint-rpc");

// MsgReserve as a generated type would write it.
const varint = (number) => {
  const bytes = [];
  for (let rest = BigInt(number); ; rest >>= 7n) {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    if (rest <= 127n) return bytes;
  }
};
const text = (field, value) => {
  const bytes = typeof value === "string" ? [...Buffer.from(value)] : value;
  return [field * 8 + 2, ...varint(bytes.length), ...bytes];
};
const MsgReserve = {
  fromPartial: (message) => message,
  decode: () => ({}),
  encode: ({ owner, beneficiary, amount, deadlineS }) => ({
    finish: () =>
      Uint8Array.from([
        ...text(1, owner),
        ...text(2, beneficiary),
        ...text(3, [...text(1, amount.denom), ...text(2, amount.amount)]),
        4 * 8,
        ...varint(deadlineS),
      ]),
  }),
};
const RESERVE = "/blockenergy.bank.v1.MsgReserve";
const aminoTypes = new stargate.AminoTypes({
  ...stargate.createDefaultAminoConverters(),
  [RESERVE]: {
    aminoType: "blockenergy/MsgReserve",
    toAmino: ({ owner, beneficiary, amount, deadlineS }) => ({
      owner,
      beneficiary,
      amount,
      deadline_s: String(deadlineS),
    }),
    fromAmino: (value) => ({ ...value, deadlineS: Number(value.deadline_s) }),
  },
});

const kind = mode === "amino" ? Secp256k1HdWallet : DirectSecp256k1HdWallet;
const wallet = await kind.fromMnemonic(mnemonic, { prefix: "energy" });
const [{ address }] = await wallet.getAccounts();
const options = {
  gasPrice: stargate.GasPrice.fromString("0.00005ueur"),
  registry: new Registry([...stargate.defaultRegistryTypes, [RESERVE, MsgReserve]]),
  aminoTypes,
  broadcastPollIntervalMs: 300,
};
const client = await stargate.SigningStargateClient.connectWithSigner(rpc, wallet, options);

const socket = await connectComet(rpc.replace("http:", "ws:"));
const heard = new Promise((resolve, reject) => {
  const query = `message.sender='${address}'`;
  socket.subscribeTx(query).addListener({ next: resolve, error: reject });
});

const first = await client.getAccount(address);
const before = await client.getBalance(receiver, "ueur");
const coins = [{ denom: "ueur", amount: "12345" }];
const sent = await client.sendTokens(address, receiver, coins, "auto", "from <a> wallet & é");
const found = await client.getTx(sent.transactionHash);
const searched = await client.searchTx(`tx.hash='${sent.transactionHash}'`);
const after = await client.getBalance(receiver, "ueur");
const block = await client.getBlock(sent.height);
const { hash } = await heard;
const tooMuch = [{ denom: "ueur", amount: "9000000000000000" }];
const fee = stargate.calculateFee(200000, options.gasPrice);
const rejected = await client.sendTokens(address, receiver, tooMuch, fee);
const value = {
  owner: address,
  beneficiary: receiver,
  amount: { denom: "ueur", amount: "7" },
  deadlineS: Math.floor(Date.now() / 1000) + 3600,
};
const own = await client.signAndBroadcast(address, [{ typeUrl: RESERVE, value }], "auto");
const gas = await client.simulate(address, [{ typeUrl: RESERVE, value }], "");
const last = await client.getAccount(address);
const unknown = await (await DirectSecp256k1HdWallet.generate(12, { prefix: "energy" })).getAccounts();
const nobody = await client.getAccount(unknown[0].address);
const queries = stargate.QueryClient.withExtensions(await connectComet(rpc), stargate.setupBankExtension);
const { denomUnits, display } = await queries.bank.denomMetadata("ueur");
const all = await queries.bank.denomsMetadata();
console.log(
  JSON.stringify({
    address,
    chainId: await client.getChainId(),
    code: sent.code,
    foundCode: found.code,
    searched: searched.length,
    inBlock: block.txs.length > 0,
    heard: Buffer.from(hash).toString("hex").toUpperCase() === sent.transactionHash,
    received: Number(after.amount) - Number(before.amount),
    rejectedCode: rejected.code,
    ownCode: own.code,
    ownLog: own.rawLog,
    simulated: gas > 0,
    sequences: last.sequence - first.sequence,
    nobody,
    display,
    exponents: Object.fromEntries(denomUnits.map((unit) => [unit.denom, unit.exponent])),
    denoms: all.map((metadata) => metadata.base),
  }),
);
process.exit(0);
