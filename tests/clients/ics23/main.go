// Command ics23 checks proofs with the public Go ICS-23 library.
//
// Standard input is a JSON array of cases; standard output is a JSON array with one verdict for
// each, "accept" or "reject: " and the reason. A case is what a light client starts from (app hash,
// store name, key, and the value or null for "no value") and the two proof operations, each a
// serialized CommitmentProof.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	ics23 "github.com/cosmos/ics23/go"
)

type proofCase struct {
	AppHash    []byte `json:"app_hash"`
	Store      []byte `json:"store"`
	Key        []byte `json:"key"`
	Value      []byte `json:"value"`
	KeyProof   []byte `json:"key_proof"`
	StoreProof []byte `json:"store_proof"`
}

func main() {
	var cases []proofCase
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		fmt.Fprintln(os.Stderr, "the cases cannot be read:", err)
		os.Exit(1)
	}
	verdicts := make([]string, len(cases))
	for i, c := range cases {
		verdicts[i] = "accept"
		if err := verify(c); err != nil {
			verdicts[i] = "reject: " + err.Error()
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(verdicts); err != nil {
		fmt.Fprintln(os.Stderr, "the verdicts cannot be written:", err)
		os.Exit(1)
	}
}

func verify(c proofCase) (err error) {
	// The library panics on some malformed paths.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	var keyProof, storeProof ics23.CommitmentProof
	if err := keyProof.Unmarshal(c.KeyProof); err != nil {
		return err
	}
	if err := storeProof.Unmarshal(c.StoreProof); err != nil {
		return err
	}
	storeRoot, err := keyProof.Calculate()
	if err != nil {
		return err
	}
	spec := ics23.SmtSpec
	if string(c.Store) == "ibc" {
		spec = ics23.IavlSpec
	}
	if c.Value != nil {
		if !ics23.VerifyMembership(spec, storeRoot, &keyProof, c.Key, c.Value) {
			return errors.New("the key does not have the value")
		}
	} else if !ics23.VerifyNonMembership(spec, storeRoot, &keyProof, c.Key) {
		return errors.New("the key is not shown to be absent")
	}
	if !ics23.VerifyMembership(ics23.TendermintSpec, c.AppHash, &storeProof, c.Store, storeRoot) {
		return errors.New("the app hash does not have the store")
	}
	return nil
}
