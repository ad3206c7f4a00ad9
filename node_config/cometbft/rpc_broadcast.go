package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/cometbft/cometbft/rpc/core"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	rpctypes "github.com/cometbft/cometbft/rpc/jsonrpc/types"
)

const (
	// At most so much room is made for what a client only says that it will send.
	bodyReserveMax = 1 << 16
	// So many bytes is an answer to most calls.
	answerReserve = 192
	hexDigits     = "0123456789ABCDEF"
)

// broadcasts answers a request of JSON-RPC that does nothing but send transactions: one call of
// broadcast_tx_async or broadcast_tx_sync, or a batch of them. Its answers are those of CometBFT's
// own handler, byte by byte, which reads each call several times over by reflection and takes more
// time for a transaction than the mempool does. That handler gets everything else.
type broadcasts struct {
	env *core.Environment
	// The most calls in a batch; 0 for any number.
	batchMax int
	next     http.Handler
}

func (b broadcasts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/" {
		b.next.ServeHTTP(w, r)
		return
	}
	body, err := readBody(r)
	calls, ok := parseBroadcasts(body.Bytes())
	if err != nil || !ok || b.batchMax > 0 && len(calls) > b.batchMax {
		// The next one reads the same, and meets the same error.
		r.Body = io.NopCloser(io.MultiReader(body, r.Body))
		b.next.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// To a client that has gone there is nothing to say.
	_, _ = w.Write(b.answerAll(r, calls))
}

// readBody reads a body, or as much of it as comes before an error.
func readBody(r *http.Request) (*bytes.Buffer, error) {
	body := new(bytes.Buffer)
	if r.ContentLength > 0 {
		body.Grow(int(min(r.ContentLength, bodyReserveMax)) + bytes.MinRead)
	}
	_, err := body.ReadFrom(r.Body)
	return body, err
}

// answerAll makes the calls in their order. One answer stands alone, as CometBFT has it, even if it
// is to a batch of one.
func (b broadcasts) answerAll(r *http.Request, calls []broadcast) []byte {
	answers := make([]byte, 0, len(calls)*answerReserve)
	if len(calls) > 1 {
		answers = append(answers, '[')
	}
	for i := range calls {
		if i > 0 {
			answers = append(answers, ',')
		}
		answers = b.appendAnswer(answers, r, &calls[i])
	}
	if len(calls) > 1 {
		answers = append(answers, ']')
	}
	return answers
}

func (b broadcasts) appendAnswer(answers []byte, r *http.Request, call *broadcast) []byte {
	send := b.env.BroadcastTxAsync
	if call.request.Method == methodSync {
		send = b.env.BroadcastTxSync
	}
	result, err := send(&rpctypes.Context{JSONReq: &call.request, HTTPReq: r}, call.tx)
	if err != nil {
		return appendResponse(answers, rpctypes.RPCInternalError(call.request.ID, err))
	}
	return appendResult(answers, call, result)
}

// appendResult writes an answer. Nearly all are those of broadcast_tx_async, which have nothing but
// a hash.
func appendResult(answers []byte, call *broadcast, result *ctypes.ResultBroadcastTx) []byte {
	if result.Code != 0 || len(result.Data)+len(result.Log)+len(result.Codespace) > 0 {
		return appendResponse(answers, rpctypes.NewRPCSuccessResponse(call.request.ID, result))
	}
	answers = append(answers, `{"jsonrpc":"2.0","id":`...)
	answers = append(answers, call.id...)
	answers = append(answers, `,"result":{"code":0,"data":"","log":"","codespace":"","hash":"`...)
	for _, value := range result.Hash {
		answers = append(answers, hexDigits[value>>4], hexDigits[value&15])
	}
	return append(answers, `"}}`...)
}

func appendResponse(answers []byte, response rpctypes.RPCResponse) []byte {
	// Texts, numbers and bytes can always be written.
	text, _ := json.Marshal(response)
	return append(answers, text...)
}
