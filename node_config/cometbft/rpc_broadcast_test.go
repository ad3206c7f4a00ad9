package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/rpc/core"
	rpcserver "github.com/cometbft/cometbft/rpc/jsonrpc/server"
	"github.com/cometbft/cometbft/types"
)

// fakePool answers by what a transaction says, and notes what it gets.
type fakePool struct {
	mempool.Mempool
	seen []string
}

func (pool *fakePool) CheckTx(tx types.Tx, callback func(*abci.ResponseCheckTx), _ mempool.TxInfo) error {
	pool.seen = append(pool.seen, fmt.Sprint(string(tx), callback != nil))
	response := &abci.ResponseCheckTx{}
	switch string(tx) {
	case "full":
		return mempool.ErrMempoolIsFull{NumTxs: 3, MaxTxs: 3, TxsBytes: 9, MaxTxsBytes: 10}
	case "known":
		return mempool.ErrTxInCache
	case "odd":
		return errors.New("<&>\"\\\n\u2028\xff")
	case "panic":
		panic("the pool is broken")
	case "refused":
		response.Code, response.Codespace = 7, "bank"
		response.Log, response.Data = "<no> & \"never\"\u2028\xff", []byte{0xab, 1}
	case "noted":
		response.Log = "well"
	}
	if callback != nil {
		callback(response)
	}
	return nil
}

// site is a server and what belongs to it.
type site struct {
	pool *fakePool
	// Requests that came to CometBFT's handlers.
	routed  int
	handler http.Handler
	isOurs  bool
}

func newSite(settings *config.RPCConfig, ours bool) *site {
	made := &site{pool: new(fakePool), isOurs: ours}
	env := &core.Environment{Mempool: made.pool, Config: *settings}
	mux := http.NewServeMux()
	rpcserver.RegisterRPCFuncs(mux, env.GetRoutes(), log.NewNopLogger())
	made.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		made.routed++
		mux.ServeHTTP(w, r)
	})
	if ours {
		made.handler = addBroadcasts(env, made.handler, settings)
	}
	return made
}

// start serves a site as a node does, ours as ours does, and gives its address.
func (s *site) start(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	if s.isOurs {
		go serveHTTP(listener, s.handler, testSettings(), log.NewNopLogger())
	} else {
		go rpcserver.Serve(listener, s.handler, log.NewNopLogger(), makeLimits(testSettings()))
	}
	return "http://" + listener.Addr().String()
}

// answer is what a client sees.
type answer struct {
	status int
	header http.Header
	body   string
}

func send(t *testing.T, method, url string, body io.Reader) answer {
	t.Helper()
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	// Some answers name the server as the client does.
	request.Host = "node"
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, dropTimes(response.Header), string(text)}
}

// dropTimes leaves out when it was. CometBFT does not tell the time to those who send too many calls
// at once, and we do.
func dropTimes(header http.Header) http.Header {
	header.Del("Date")
	header.Del("X-Server-Time")
	return header
}

// The limits are so low that some bodies are over them.
func testSettings() *config.RPCConfig {
	settings := config.DefaultRPCConfig()
	settings.MaxRequestBatchSize = 3
	settings.MaxBodyBytes = 3000
	return settings
}

// pair is CometBFT's handlers and ours with them.
type pair struct{ theirs, ours *site }

func newPair() pair {
	return pair{newSite(testSettings(), false), newSite(testSettings(), true)}
}

// check tells whether both have done the same, and ours by itself or not.
func (p pair) check(t *testing.T, name string, theirs, ours any, byItself bool) {
	t.Helper()
	if !reflect.DeepEqual(ours, theirs) {
		t.Errorf("%s: %v instead of %v", name, ours, theirs)
	}
	if !reflect.DeepEqual(p.ours.pool.seen, p.theirs.pool.seen) {
		t.Errorf("%s: sent %v instead of %v", name, p.ours.pool.seen, p.theirs.pool.seen)
	}
	if byItself && p.ours.routed > 0 || !byItself && p.ours.routed != p.theirs.routed {
		t.Errorf("%s: CometBFT's handler was asked %d times", name, p.ours.routed)
	}
	for _, site := range []*site{p.theirs, p.ours} {
		site.pool.seen, site.routed = nil, 0
	}
}

func TestAnswersAreThoseOfCometBFT(t *testing.T) {
	both := newPair()
	theirURL := both.theirs.start(t)
	ourURL := both.ours.start(t)
	check := func(name, method, path, body string, byItself bool) {
		t.Helper()
		theirs := send(t, method, theirURL+path, strings.NewReader(body))
		both.check(t, name, theirs, send(t, method, ourURL+path, strings.NewReader(body)), byItself)
		// The same in pieces, without its length in front.
		theirs = send(t, method, theirURL+path, io.MultiReader(strings.NewReader(body)))
		ours := send(t, method, ourURL+path, io.MultiReader(strings.NewReader(body)))
		both.check(t, name+", in pieces", theirs, ours, byItself)
	}
	for name, body := range ownBodies {
		check(name, "POST", "/", body, true)
		check(name+", elsewhere", "POST", "/x", body, false)
		check(name+", by PUT", "PUT", "/", body, false)
	}
	for name, body := range otherBodies {
		check(name, "POST", "/", body, false)
	}
	check("list of functions", "GET", "/", "", false)
	check("by address", "GET", `/broadcast_tx_sync?tx="a"`, "", false)
}

// TestABodyThatEndsEarlyIsNotUsed sends a good call of which the server is told that more follows.
func TestABodyThatEndsEarlyIsNotUsed(t *testing.T) {
	both := newPair()
	body := call("broadcast_tx_async", "1", "a")
	sendCut := func(url string) string {
		connection, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		fmt.Fprintf(connection, "POST / HTTP/1.1\r\nHost: node\r\nContent-Length: %d\r\n\r\n%s", len(body)+1, body)
		connection.(*net.TCPConn).CloseWrite()
		answered, _ := io.ReadAll(connection)
		_, text, _ := strings.Cut(string(answered), "\r\n\r\n")
		return text
	}
	theirs, ours := sendCut(both.theirs.start(t)), sendCut(both.ours.start(t))
	if !strings.Contains(theirs, "unexpected EOF") {
		t.Errorf("CometBFT answers %s", theirs)
	}
	both.ours.routed, both.theirs.routed = 0, 0
	both.check(t, "cut", theirs, ours, false)
}

// TestSpoiledBodiesAreReadAlike changes good bodies at random places. What is still good or good again
// must mean the same to both.
func TestSpoiledBodiesAreReadAlike(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	pieces := []string{`"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, ` `, `0`, `9`, `-`, `.`, `=`, `a`, "\n", "\x00", "\xff", `null`, `"id":3,`, `<`}
	var bodies []string
	for name, body := range ownBodies {
		if name != "panic" {
			bodies = append(bodies, body)
		}
	}
	slices.Sort(bodies)
	both := newPair()
	byItself := 0
	for range 20_000 {
		body := []byte(bodies[random.Intn(len(bodies))])
		for range 1 + random.Intn(2) {
			from := random.Intn(len(body))
			to := min(len(body), from+random.Intn(3))
			body = slices.Concat(body[:from], []byte(pieces[random.Intn(len(pieces))]), body[to:])
		}
		theirs, ours := record(both.theirs, body), record(both.ours, body)
		own := both.ours.routed == 0
		if own && theirs.status == http.StatusOK {
			byItself++
		}
		both.check(t, string(body), theirs, ours, own)
	}
	if byItself < 200 {
		t.Errorf("only %d were answered by our own handler", byItself)
	}
}

func record(s *site, body []byte) answer {
	recorder := httptest.NewRecorder()
	handler := rpcserver.RecoverAndLogHandler(s.handler, log.NewNopLogger())
	if !s.isOurs {
		handler = rpcserver.PreChecksHandler(handler, makeLimits(testSettings()))
	}
	handler.ServeHTTP(recorder, httptest.NewRequest("POST", "/", bytes.NewReader(body)))
	return answer{recorder.Code, dropTimes(recorder.Header()), recorder.Body.String()}
}

// BenchmarkBroadcast answers batches of a hundred transactions of 300 bytes.
func BenchmarkBroadcast(b *testing.B) {
	var calls []string
	for number := range 100 {
		tx := strings.Repeat(string(rune('A'+number%26)), 300)
		calls = append(calls, call("broadcast_tx_async", fmt.Sprint(number), tx))
	}
	body := list(calls...)
	settings := config.DefaultRPCConfig()
	settings.MaxRequestBatchSize = 0
	for _, name := range []string{"theirs", "ours"} {
		b.Run(name, func(b *testing.B) {
			site := newSite(settings, name == "ours")
			for range b.N {
				site.pool.seen = nil
				request := httptest.NewRequest("POST", "/", strings.NewReader(body))
				site.handler.ServeHTTP(httptest.NewRecorder(), request)
			}
			perTx := float64(b.Elapsed().Microseconds()) / float64(b.N) / float64(len(calls))
			b.ReportMetric(perTx, "us/tx")
		})
	}
}
