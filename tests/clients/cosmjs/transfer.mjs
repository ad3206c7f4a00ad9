// A wallet as its users have it: connects, reads its account, sends coins, reads the transaction.
// Arguments: RPC address, mnemonic, receiver. Prints one JSON document.
import { DirectSecp256k1HdWallet } from "@cosmjs/proto-signing";
import {
  calculateFee,
  GasPrice,
  QueryClient,
  setupBankExtension,
  SigningStargateClient,
} from "@cosmjs/stargate";
import { connectComet } from "@cosmjs/tendermint-rpc";

const [rpc, mnemonic, receiver] = process.argv.slice(2);
const wallet = await DirectSecp256k1HdWallet.fromMnemonic(mnemonic, { prefix: "energy" });
const [{ address }] = await wallet.getAccounts();
const options = { gasPrice: GasPrice.fromString("0.00005ueur") };
const client = await SigningStargateClient.connectWithSigner(rpc, wallet, options);
const before = await client.getBalance(receiver, "ueur");
const coins = [{ denom: "ueur", amount: "12345" }];
const sent = await client.sendTokens(address, receiver, coins, "auto", "from a wallet");
const found = await client.getTx(sent.transactionHash);
const after = await client.getBalance(receiver, "ueur");
const tooMuch = [{ denom: "ueur", amount: "9000000000000000" }];
const fee = calculateFee(200000, options.gasPrice);
const refused = await client.sendTokens(address, receiver, tooMuch, fee);
const account = await client.getAccount(address);
const stranger = (await DirectSecp256k1HdWallet.generate(12, { prefix: "energy" })).getAccounts();
const nobody = await client.getAccount((await stranger)[0].address);
const queries = QueryClient.withExtensions(await connectComet(rpc), setupBankExtension);
const { denomUnits, display } = await queries.bank.denomMetadata("ueur");
const all = await queries.bank.denomsMetadata();
console.log(
  JSON.stringify({
    address,
    chainId: await client.getChainId(),
    code: sent.code,
    foundCode: found.code,
    received: Number(after.amount) - Number(before.amount),
    refusedCode: refused.code,
    sequence: account.sequence,
    nobody,
    display,
    exponents: Object.fromEntries(denomUnits.map((unit) => [unit.denom, unit.exponent])),
    denoms: all.map((metadata) => metadata.base),
  }),
);
process.exit(0);
