package main

import (
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/cometbft/cometbft/libs/math"
	"github.com/cometbft/cometbft/light"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

// headerCase is a trusted header with the validators after it, and a header that may follow from it.
type headerCase struct {
	Trusted, TrustedNext, Untrusted, UntrustedSet []byte
	Verdict                                       string
	NowNs, PeriodNs, DriftNs                      int64
}

// TestVerdictsOfTheRules compares the verdicts in the file that LIGHT_CASES names with those of
// CometBFT's light client. Without it there is nothing to compare.
func TestVerdictsOfTheRules(t *testing.T) {
	name := os.Getenv("LIGHT_CASES")
	if name == "" {
		t.Skip("LIGHT_CASES is not set")
	}
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var cases []headerCase
	if err := json.Unmarshal(content, &cases); err != nil {
		t.Fatal(err)
	}
	for number, c := range cases {
		verdict, why := judge(c)
		// What is wrong in two ways can be rejected for either: CometBFT looks at form first.
		rejected := verdict != good && c.Verdict != good
		if verdict != c.Verdict && !(rejected && (verdict == invalid || c.Verdict == invalid)) {
			t.Fatalf("case %d: %s, but CometBFT says %s: %v", number, c.Verdict, verdict, why)
		}
	}
}

const good, invalid = "good", "InvalidHeader"

func judge(c headerCase) (string, error) {
	trusted, err := readHeader(c.Trusted)
	if err != nil {
		return invalid, err
	}
	next, err := readSet(c.TrustedNext)
	if err != nil {
		return invalid, err
	}
	untrusted, err := readHeader(c.Untrusted)
	if err != nil {
		return invalid, err
	}
	set, err := readSet(c.UntrustedSet)
	if err != nil {
		return invalid, err
	}
	err = light.Verify(trusted, next, untrusted, set, time.Duration(c.PeriodNs),
		time.Unix(0, c.NowNs), time.Duration(c.DriftNs), math.Fraction{Numerator: 1, Denominator: 3})
	var expired light.ErrOldHeaderExpired
	var trust light.ErrNewValSetCantBeTrusted
	switch {
	case err == nil:
		return good, nil
	case errors.As(err, &expired):
		return "Expired", err
	case errors.As(err, &trust):
		return "NotEnoughTrust", err
	default:
		return invalid, err
	}
}

func readHeader(content []byte) (*types.SignedHeader, error) {
	var message cmtproto.SignedHeader
	if err := message.Unmarshal(content); err != nil {
		return nil, err
	}
	return types.SignedHeaderFromProto(&message)
}

// readSet takes the validators in the order of the set, whatever order they come in, as the RPC's
// clients do.
func readSet(content []byte) (*types.ValidatorSet, error) {
	var message cmtproto.ValidatorSet
	if err := message.Unmarshal(content); err != nil {
		return nil, err
	}
	validators := make([]*types.Validator, len(message.Validators))
	for i, one := range message.Validators {
		validator, err := types.ValidatorFromProto(one)
		if err != nil {
			return nil, err
		}
		validators[i] = validator
	}
	return types.NewValidatorSet(validators), nil
}
