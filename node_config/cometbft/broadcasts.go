package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	rpctypes "github.com/cometbft/cometbft/rpc/jsonrpc/types"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/valyala/fastjson"
)

const (
	version    = "2.0"
	whitespace = " \t\r\n"
	// The release reads a number as a float, which is exact up to here.
	idMax = 1 << 53
	// Nearly every answer has fewer bytes.
	answerReserve = 192
)

var (
	parsers      fastjson.ParserPool
	broadcastTag = []byte(`"broadcast_tx_`)
)

// sender is what a broadcast calls, such as BroadcastTxAsync.
type sender func(*rpctypes.Context, cmttypes.Tx) (*ctypes.ResultBroadcastTx, error)

// broadcasts answers batches of calls that only send transactions. The release's own handler, next,
// would answer the same, and answers everything else: it reads each call several times over, which
// takes as long as all that CometBFT does with a transaction until it is in a block.
type broadcasts struct {
	senders map[string]sender
	// Max calls in a batch; 0 for any number.
	batchMax int
	next     http.Handler
}

// broadcast is one call.
type broadcast struct {
	id     int
	method string
	tx     []byte
}

func (b broadcasts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/" {
		b.next.ServeHTTP(w, r)
		return
	}
	body, err := readBody(r)
	if err != nil {
		rejectUnread(w, err)
		return
	}
	calls := b.read(body)
	if calls == nil {
		b.next.ServeHTTP(w, r)
		return
	}
	answers := make([]byte, 0, len(calls)*answerReserve)
	for i := range calls {
		answers = append(answers, ',')
		answers = b.appendAnswer(answers, r, &calls[i])
	}
	answers[0] = '['
	w.Header().Set("Content-Type", "application/json")
	// A client that has gone does not hear it.
	_, _ = w.Write(append(answers, ']'))
}

// read gives the calls of a body that is a batch of broadcasts as clients write them, and nil for any
// other body. The parser sees one call at a time, and none that is built otherwise: what it keeps
// and writes into its errors would grow with the body.
func (b broadcasts) read(body []byte) []broadcast {
	if !bytes.Contains(body, broadcastTag) {
		return nil
	}
	parser := parsers.Get()
	defer parsers.Put(parser)
	var calls []broadcast
	for separator := byte('['); ; separator = ',' {
		body = bytes.TrimLeft(body, whitespace)
		if len(body) == 0 || body[0] != separator {
			break
		}
		text := cutCall(bytes.TrimLeft(body[1:], whitespace))
		item, err := parser.ParseBytes(text)
		var call broadcast
		if err != nil || !call.read(item) || b.senders[call.method] == nil {
			return nil
		}
		calls = append(calls, call)
		body = body[bytes.IndexByte(body, '{')+len(text):]
	}
	// The answer to a batch of one has no brackets.
	if len(calls) < 2 || b.batchMax > 0 && len(calls) > b.batchMax {
		return nil
	}
	if string(bytes.TrimRight(body, whitespace)) != "]" {
		return nil
	}
	return calls
}

// cutCall gives the beginning of a text that may be a call: an object of four members, one of them an
// object of one. It is empty for any other text.
func cutCall(text []byte) []byte {
	inner := bytes.IndexByte(text, '}') + 1
	call := text[:inner+bytes.IndexByte(text[inner:], '}')+1]
	if !bytes.HasPrefix(call, []byte("{")) || bytes.IndexByte(call, '[') >= 0 ||
		bytes.Count(call, []byte("{")) != 2 || bytes.Count(call, []byte(",")) != 3 {
		return nil
	}
	return call
}

// read takes a call that has each of its four members once, and no other; the parser is not strict
// about what stands in strings and numbers, so that only plain ones are taken.
func (c *broadcast) read(item *fastjson.Value) bool {
	members, params := item.GetObject(), item.GetObject("params")
	if members == nil || params == nil || members.Len() != 4 || params.Len() != 1 {
		return false
	}
	id, encoded := item.Get("id"), item.GetStringBytes("params", "tx")
	if id == nil || string(item.GetStringBytes("jsonrpc")) != version {
		return false
	}
	var err error
	text := string(id.MarshalTo(nil))
	c.id, err = strconv.Atoi(text)
	if err != nil || strconv.Itoa(c.id) != text || max(c.id, -c.id) > idMax {
		return false
	}
	c.method = string(item.GetStringBytes("method"))
	c.tx = make([]byte, base64.StdEncoding.DecodedLen(len(encoded)))
	size, err := base64.StdEncoding.Decode(c.tx, encoded)
	c.tx = c.tx[:size]
	return err == nil && size != 0 && bytes.IndexByte(encoded, '\n') < 0 && bytes.IndexByte(encoded, '\r') < 0
}

func (b broadcasts) appendAnswer(answers []byte, r *http.Request, call *broadcast) []byte {
	id := rpctypes.JSONRPCIntID(call.id)
	request := rpctypes.RPCRequest{JSONRPC: version, ID: id, Method: call.method}
	result, err := b.senders[call.method](&rpctypes.Context{JSONReq: &request, HTTPReq: r}, call.tx)
	if err != nil {
		return appendJSON(answers, rpctypes.RPCInternalError(id, err))
	}
	if result.Code != 0 || len(result.Data)+len(result.Log)+len(result.Codespace) > 0 {
		return appendJSON(answers, rpctypes.NewRPCSuccessResponse(id, result))
	}
	// The answer to nearly every call has nothing but a hash.
	return fmt.Appendf(answers,
		`{"jsonrpc":"2.0","id":%d,"result":{"code":0,"data":"","log":"","codespace":"","hash":"%X"}}`,
		call.id, []byte(result.Hash))
}

func appendJSON(answers []byte, response rpctypes.RPCResponse) []byte {
	// Texts, numbers and bytes can always be written.
	text, _ := json.Marshal(response)
	return append(answers, text...)
}
