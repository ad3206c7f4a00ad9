package main

import (
	"encoding/binary"

	abcicli "github.com/cometbft/cometbft/abci/client"
	"github.com/cometbft/cometbft/abci/types"
)

// After each block CometBFT asks again about every transaction that waits. Here those questions go to
// the application many at a time, in a CheckTx of a type of our own: its transactions stand in the
// place of the one, each behind its length, and so stand the answers in the data of the answer.
const (
	recheckMany = types.CheckTxType(2)
	// Few enough that one side answers while the other asks, and far below what the application takes
	// for a message.
	groupMax      = 256
	groupBytesMax = 1 << 20
)

// group makes exchanges of requests, in their order, with successive rechecks together.
func group(requests []*abcicli.ReqRes, together bool) []exchange {
	exchanges := make([]exchange, 0, len(requests))
	for start := 0; start < len(requests); {
		size := 1
		if together {
			size = max(1, countTogether(requests[start:]))
		}
		exchanges = append(exchanges, exchange{requests: requests[start : start+size]})
		start += size
	}
	return exchanges
}

// countTogether tells how many requests, from the first on, are rechecks that go together.
func countTogether(requests []*abcicli.ReqRes) int {
	total := 0
	for i, request := range requests[:min(len(requests), groupMax)] {
		if !isRecheck(request) {
			return i
		}
		if total += len(request.Request.GetCheckTx().Tx); total > groupBytesMax {
			return i
		}
	}
	return min(len(requests), groupMax)
}

func isRecheck(request *abcicli.ReqRes) bool {
	check := request.Request.GetCheckTx()
	return check != nil && check.Type == types.CheckTxType_Recheck
}

// message is what is sent for an exchange.
func (one exchange) message() *types.Request {
	if len(one.requests) == 1 {
		return one.requests[0].Request
	}
	var txs []byte
	for _, request := range one.requests {
		tx := request.Request.GetCheckTx().Tx
		txs = append(binary.AppendUvarint(txs, uint64(len(tx))), tx...)
	}
	return types.ToRequestCheckTx(&types.RequestCheckTx{Tx: txs, Type: recheckMany})
}

// split gives each request its answer, and tells whether the application knows how to answer many.
// One that does not leaves everything as it was: the transactions are asked about one by one after
// the next block.
func (one exchange) split(response *types.Response) ([]*types.Response, bool) {
	if len(one.requests) == 1 {
		return []*types.Response{response}, true
	}
	responses := make([]*types.Response, len(one.requests))
	rest := response.GetCheckTx().Data
	for i := range responses {
		size, start := binary.Uvarint(rest)
		answer := new(types.ResponseCheckTx)
		if start <= 0 || size > uint64(len(rest)-start) || answer.Unmarshal(rest[start:start+int(size)]) != nil {
			return one.keepAll(), false
		}
		rest = rest[start+int(size):]
		responses[i] = types.ToResponseCheckTx(answer)
	}
	if len(rest) != 0 {
		return one.keepAll(), false
	}
	return responses, true
}

func (one exchange) keepAll() []*types.Response {
	responses := make([]*types.Response, len(one.requests))
	for i := range responses {
		responses[i] = types.ToResponseCheckTx(&types.ResponseCheckTx{})
	}
	return responses
}
