package main

import (
	"bytes"
	"errors"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cometbft/cometbft/libs/log"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	rpcserver "github.com/cometbft/cometbft/rpc/jsonrpc/server"
	rpctypes "github.com/cometbft/cometbft/rpc/jsonrpc/types"
	cmttypes "github.com/cometbft/cometbft/types"
)

const altered = 50_000

// send answers as a mempool may: with an error, with a code and a text, or with a hash.
func send(_ *rpctypes.Context, tx cmttypes.Tx) (*ctypes.ResultBroadcastTx, error) {
	switch {
	case len(tx) == 0:
		return nil, errors.New(`nothing was "sent"`)
	case tx[0] == 'e':
		return nil, errors.New("tx already exists in cache")
	case tx[0] == 'r':
		return &ctypes.ResultBroadcastTx{Code: 13, Log: "fee < minimum", Codespace: "sdk", Hash: tx.Hash()}, nil
	case tx[0] == 'd':
		return &ctypes.ResultBroadcastTx{Data: []byte("data"), Hash: tx.Hash()}, nil
	}
	return &ctypes.ResultBroadcastTx{Hash: tx.Hash()}, nil
}

func status(*rpctypes.Context) (*ctypes.ResultHealth, error) { return &ctypes.ResultHealth{}, nil }

// newHandlers are ours and the release's; left is how often ours has left a request to the other.
func newHandlers() (ours, release http.Handler, left *int) {
	mux := http.NewServeMux()
	rpcserver.RegisterRPCFuncs(mux, map[string]*rpcserver.RPCFunc{
		"broadcast_tx_async": rpcserver.NewRPCFunc(send, "tx"),
		"broadcast_tx_sync":  rpcserver.NewRPCFunc(send, "tx"),
		"status":             rpcserver.NewRPCFunc(status, ""),
	}, log.NewNopLogger())
	left = new(int)
	counting := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*left++
		mux.ServeHTTP(w, r)
	})
	senders := map[string]sender{"broadcast_tx_async": send, "broadcast_tx_sync": send}
	return broadcasts{senders, 0, counting}, mux, left
}

func answer(handler http.Handler, path string, body []byte) string {
	recorder := httptest.NewRecorder()
	// As Serve does: the release breaks at a call without parameters.
	handler = rpcserver.RecoverAndLogHandler(handler, log.NewNopLogger())
	handler.ServeHTTP(recorder, httptest.NewRequest("POST", path, bytes.NewReader(body)))
	result := recorder.Result()
	text, _ := io.ReadAll(result.Body)
	return result.Status + "\n" + result.Header.Get("Content-Type") + "\n" + string(text)
}

// YQ== is "a", ZQ== is "e", cg== is "r", ZA== is "d".
const (
	first  = `{"jsonrpc": "2.0", "id": 1, "method": "broadcast_tx_async", "params": {"tx": "YQ=="}}`
	second = `{"method": "broadcast_tx_sync", "params": {"tx": "YWI="}, "id": -20, "jsonrpc": "2.0"}`
)

func TestBatchesOfBroadcastsAreAnsweredAsTheReleaseAnswersThem(t *testing.T) {
	for _, body := range []string{
		"[" + first + "," + second + "]",
		" [ " + first + " ,\t" + first + "] \n",
		// An error, a rejection, and data.
		`[` + first + `, {"jsonrpc": "2.0", "id": 2, "method": "broadcast_tx_sync", "params": {"tx": "ZQ=="}}]`,
		`[` + first + `, {"jsonrpc": "2.0", "id": 2, "method": "broadcast_tx_sync", "params": {"tx": "cg=="}}]`,
		`[` + first + `, {"jsonrpc": "2.0", "id": 2, "method": "broadcast_tx_sync", "params": {"tx": "ZA=="}}]`,
	} {
		ours, release, left := newHandlers()
		got, want := answer(ours, "/", []byte(body)), answer(release, "/", []byte(body))
		if got != want || *left != 0 {
			t.Errorf("%s\n%s\nand not\n%s", body, got, want)
		}
	}
}

func TestEverythingElseIsLeftToTheRelease(t *testing.T) {
	for _, body := range []string{
		"", "no json", "[]", "[1]", first, "[" + first + "]", "[" + first + "," + first + "]]",
		"[" + first + "," + first + "] x",
		"[" + first + `, {"jsonrpc": "2.0", "id": 2, "method": "status"}]`,
		"[" + first + `, {"jsonrpc": "2.0", "id": 2, "method": "broadcast_tx_commit", "params": {"tx": "YQ=="}}]`,
		"[" + first + `, {"jsonrpc": "1.0", "id": 2, "method": "broadcast_tx_async", "params": {"tx": "YQ=="}}]`,
		// No number, or one that is none.
		"[" + first + `, {"jsonrpc": "2.0", "method": "broadcast_tx_async", "params": {"tx": "YQ=="}}]`,
		"[" + first + `, {"jsonrpc": "2.0", "id": "two", "method": "broadcast_tx_async", "params": {"tx": "YQ=="}}]`,
		"[" + first + `, {"jsonrpc": "2.0", "id": 2.5, "method": "broadcast_tx_async", "params": {"tx": "YQ=="}}]`,
		"[" + first + `, {"jsonrpc": "2.0", "id": null, "method": "broadcast_tx_async", "params": {"tx": "YQ=="}}]`,
		"[" + first + `, {"jsonrpc": "2.0", "id": 9007199254740993, "method": "broadcast_tx_async", "params": {"tx": "YQ=="}}]`,
		// Other parameters.
		"[" + first + `, {"jsonrpc": "2.0", "id": 2, "method": "broadcast_tx_async", "params": ["YQ=="]}]`,
		"[" + first + `, {"jsonrpc": "2.0", "id": 2, "method": "broadcast_tx_async", "params": {}}]`,
		"[" + first + `, {"jsonrpc": "2.0", "id": 2, "method": "broadcast_tx_async"}]`,
		"[" + first + `, {"jsonrpc": "2.0", "id": 2, "method": "broadcast_tx_async", "params": {"TX": "YQ=="}}]`,
		"[" + first + `, {"jsonrpc": "2.0", "id": 2, "method": "broadcast_tx_async", "params": {"tx": ""}}]`,
		"[" + first + `, {"jsonrpc": "2.0", "id": 2, "method": "broadcast_tx_async", "params": {"tx": "Y"}}]`,
		"[" + first + `, {"jsonrpc": "2.0", "id": 2, "method": "broadcast_tx_async", "params": {"tx": [97]}}]`,
		"[" + first + `, {"jsonrpc": "2.0", "id": 2, "method": "broadcast_tx_async", "params": {"tx": "YQ==", "a": "b"}}]`,
		"[" + first + `, {"jsonrpc": "2.0", "id": 2, "method": "broadcast_tx_async", "params": {"tx": "YQ=="}, "more": 1}]`,
	} {
		ours, release, left := newHandlers()
		got, want := answer(ours, "/", []byte(body)), answer(release, "/", []byte(body))
		if got != want || *left != 1 {
			t.Errorf("%s\n%s\nand not\n%s", body, got, want)
		}
	}
	ours, _, left := newHandlers()
	answer(ours, "/status", nil)
	limited := ours.(broadcasts)
	limited.batchMax = 1
	answer(limited, "/", []byte("["+first+","+second+"]"))
	if *left != 2 {
		t.Errorf("a path and a batch that is too long: %d", *left)
	}
}

func TestWhateverIsAlteredTheAnswerIsTheReleases(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	characters := []byte(`"'[]{},: \0123456789-.eaYQ=TXtx` + "\x00\n")
	ours, release, left := newHandlers()
	for number := range altered {
		body := []byte("[" + first + "," + second + "]")
		for range 1 + random.Intn(2) {
			at := random.Intn(len(body))
			switch random.Intn(3) {
			case 0:
				body[at] = characters[random.Intn(len(characters))]
			case 1:
				body = append(body[:at], body[at+1:]...)
			default:
				body = append(body[:at:at], append([]byte{characters[random.Intn(len(characters))]}, body[at:]...)...)
			}
		}
		if got, want := answer(ours, "/", body), answer(release, "/", body); got != want {
			t.Fatalf("number %d: %s\n%s\nand not\n%s", number, body, got, want)
		}
	}
	if *left == 0 || *left == altered {
		t.Errorf("%d of %d were left to the release", *left, altered)
	}
}

func TestNoBodyTakesMuchMemory(t *testing.T) {
	const size = 100_000
	tag := `["broadcast_tx_"`
	for name, body := range map[string]string{
		"many items":      tag + strings.Repeat(",0", size/2) + "]",
		"many members":    tag + ",{" + strings.Repeat(`"":null,`, size/8) + `"":null}]`,
		"deep, and wrong": tag + "," + strings.Repeat("[", 290) + "t" + strings.Repeat("\x01", size),
		"no end":          tag + strings.Repeat("{", size),
	} {
		handler := broadcasts{map[string]sender{"broadcast_tx_async": send}, 0, nil}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if handler.read([]byte(body)) != nil {
			t.Error(name + ": it is a batch")
		}
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 10*size {
			t.Errorf("%s: %d bytes for %d", name, taken, len(body))
		}
	}
}

func TestABodyThatCannotBeReadIsRejectedAsByTheRelease(t *testing.T) {
	ours, release, _ := newHandlers()
	for _, handler := range []http.Handler{release, limitCalls(ours, newKinds())} {
		recorder := httptest.NewRecorder()
		body := io.MultiReader(strings.NewReader("["), iotest.ErrReader(errors.New("gone")))
		handler.ServeHTTP(recorder, httptest.NewRequest("POST", "/", body))
		text := recorder.Body.String()
		if recorder.Code != http.StatusBadRequest || !strings.Contains(text, "error reading request body: gone") {
			t.Errorf("%d %s", recorder.Code, text)
		}
	}
}
