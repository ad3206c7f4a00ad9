package main

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/types"
)

// update is a validator's key and power, zero to remove it.
type update struct {
	Key   []byte
	Power int64
}

// history is a first set, the updates of blocks, and the sets that the rules say they make.
type history struct {
	First   []update
	Updates [][]update
	Sets    [][]update
}

func asValidators(updates []update) []*types.Validator {
	validators := make([]*types.Validator, len(updates))
	for i, u := range updates {
		validators[i] = types.NewValidator(ed25519.PubKey(u.Key), u.Power)
	}
	return validators
}

// TestUpdatesOfTheRules lets CometBFT follow what the rules decided: the file that VALIDATOR_HISTORIES
// names has histories. Without it there is nothing to compare.
func TestUpdatesOfTheRules(t *testing.T) {
	name := os.Getenv("VALIDATOR_HISTORIES")
	if name == "" {
		t.Skip("VALIDATOR_HISTORIES is not set")
	}
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var histories []history
	if err := json.Unmarshal(content, &histories); err != nil {
		t.Fatal(err)
	}
	for number, h := range histories {
		set := types.NewValidatorSet(asValidators(h.First))
		for block, updates := range h.Updates {
			if err := set.UpdateWithChangeSet(asValidators(updates)); err != nil {
				t.Fatalf("history %d, block %d: %v", number, block, err)
			}
			expected := types.NewValidatorSet(asValidators(h.Sets[block]))
			if string(set.Hash()) != string(expected.Hash()) {
				t.Fatalf("history %d, block %d: %v instead of %v", number, block, set, expected)
			}
		}
	}
}
