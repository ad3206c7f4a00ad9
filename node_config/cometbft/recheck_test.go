package main

import (
	"bytes"
	"testing"

	abcicli "github.com/cometbft/cometbft/abci/client"
	"github.com/cometbft/cometbft/abci/types"
)

func makeRechecks(count, size int) []*abcicli.ReqRes {
	requests := make([]*abcicli.ReqRes, count)
	for i := range requests {
		tx := bytes.Repeat([]byte{byte(i)}, size)
		requests[i] = abcicli.NewReqRes(types.ToRequestCheckTx(&types.RequestCheckTx{Tx: tx, Type: types.CheckTxType_Recheck}))
	}
	return requests
}

func countRequests(exchanges []exchange) []int {
	counts := make([]int, len(exchanges))
	for i, one := range exchanges {
		counts[i] = len(one.requests)
	}
	return counts
}

func TestRechecksGoTogether(t *testing.T) {
	newTx := abcicli.NewReqRes(types.ToRequestCheckTx(&types.RequestCheckTx{Tx: []byte("tx")}))
	flush := abcicli.NewReqRes(types.ToRequestFlush())
	mixed := append([]*abcicli.ReqRes{newTx, newTx}, makeRechecks(3, 10)...)
	mixed = append(append(mixed, newTx), makeRechecks(2, 10)...)
	for name, c := range map[string]struct {
		requests []*abcicli.ReqRes
		together bool
		expected []int
	}{
		"in between others": {append(mixed, flush), true, []int{1, 1, 3, 1, 2, 1}},
		"not known":         {makeRechecks(3, 10), false, []int{1, 1, 1}},
		"many":              {makeRechecks(600, 10), true, []int{256, 256, 88}},
		"large":             {makeRechecks(9, 256<<10), true, []int{4, 4, 1}},
		"too large":         {makeRechecks(2, 2<<20), true, []int{1, 1}},
		"none":              {nil, true, []int{}},
	} {
		counts := countRequests(group(c.requests, c.together))
		if len(counts) != len(c.expected) {
			t.Fatalf("%s: %v", name, counts)
		}
		for i := range counts {
			if counts[i] != c.expected[i] {
				t.Errorf("%s: %v", name, counts)
			}
		}
	}
}

func TestAnswersAreSplit(t *testing.T) {
	one := exchange{requests: makeRechecks(3, 10)}
	answer := func(data []byte) *types.Response {
		return types.ToResponseCheckTx(&types.ResponseCheckTx{Data: data})
	}
	// Codes 0, 5 and 0: a message is empty when all of it has its defaults.
	good := []byte{0, 2, 0x08, 5, 0}
	responses, known := one.split(answer(good))
	if !known || responses[0].GetCheckTx().Code != 0 || responses[1].GetCheckTx().Code != 5 {
		t.Errorf("%v %v", responses, known)
	}
	for _, bad := range [][]byte{nil, good[:4], good[:2], append(good, 0), {0, 9, 1}, {0, 2, 0xFF, 0xFF, 0}} {
		responses, known := one.split(answer(bad))
		if known || len(responses) != 3 || responses[1].GetCheckTx().Code != 0 {
			t.Errorf("%v: %v %v", bad, responses, known)
		}
	}
}
