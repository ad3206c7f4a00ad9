// Checks proofs of the ordered store with the public ICS-23 library for npm; in and out as main.go.
const { readFileSync } = require("node:fs");
const { ics23, iavlSpec, tendermintSpec, verifyMembership, verifyNonMembership } = require("@confio/ics23");

const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));

function verify(one) {
  const keyProof = ics23.CommitmentProof.decode(bytes(one.key_proof));
  const storeProof = ics23.CommitmentProof.decode(bytes(one.store_proof));
  const root = storeProof.exist.value;
  const [appHash, store, key] = [one.app_hash, one.store, one.key].map(bytes);
  if (!verifyMembership(storeProof, tendermintSpec, appHash, store, root)) {
    return "reject: the app hash does not have the store";
  }
  const good =
    one.value === null
      ? verifyNonMembership(keyProof, iavlSpec, root, key)
      : verifyMembership(keyProof, iavlSpec, root, key, bytes(one.value));
  return good ? "accept" : "reject: the key is not shown";
}

function judge(one) {
  try {
    return verify(one);
  } catch (error) {
    return `reject: ${error}`;
  }
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(judge)));
