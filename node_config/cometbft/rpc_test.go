package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/libs/pubsub/query"
	rpccore "github.com/cometbft/cometbft/rpc/core"
	rpctypes "github.com/cometbft/cometbft/rpc/jsonrpc/types"
	"github.com/cometbft/cometbft/state/txindex"
	txkv "github.com/cometbft/cometbft/state/txindex/kv"
)

const answerMax = 20 * time.Second

// blocking answers a call when it is told to, and tells when one has come in.
type blocking struct {
	came, goOn chan struct{}
}

func newBlocking() blocking {
	return blocking{make(chan struct{}, 100), make(chan struct{})}
}

func (b blocking) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	b.came <- struct{}{}
	<-b.goOn
	fmt.Fprint(w, "answered")
}

func call(handler http.Handler, body string) string {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest("POST", "/", strings.NewReader(body)))
	return recorder.Body.String()
}

func TestFewCallsOfAKindGoOnAtOnce(t *testing.T) {
	inner := newBlocking()
	handler := limitCalls(inner, []*kind{newKind(2, false, "block")})
	answers := make(chan string, 10)
	for range 2 {
		go func() { answers <- call(handler, `{"id": 1, "method": "block"}`) }()
		<-inner.came
	}
	// Calls that are not of the kind go on, whatever waits.
	go func() { answers <- call(handler, `{"id": 1, "method": "status"}`) }()
	<-inner.came
	third := call(handler, `{"id": 1, "method": "block"}`)
	if !strings.Contains(third, errBusy.Error()) {
		t.Errorf("the third of two: %s", third)
	}
	close(inner.goOn)
	for range 3 {
		select {
		case answer := <-answers:
			if answer != "answered" {
				t.Error(answer)
			}
		case <-time.After(answerMax):
			t.Fatal("no answer")
		}
	}
	if answer := call(handler, `{"id": 1, "method": "block"}`); answer != "answered" {
		t.Errorf("when there is a place again: %s", answer)
	}
}

func TestACallIsFoundHoweverItIsWritten(t *testing.T) {
	for _, each := range []struct {
		path, body string
		methods    []string
	}{
		{"/", `{"id": 1, "method": "block"}`, []string{"block"}},
		// Nothing costly.
		{"/", `{"id": 1, "method": "broadcast_tx_sync", "params": {"tx": "YmxvY2s="}}`, nil},
		{"/", `{"ID": 1, "METHOD": "status", "Method": "block"}`, []string{"block"}},
		{"/", `[{"id": 1, "method": "status"}, {"id": 2, "method": "block"}]`, []string{"status", "block"}},
		{"/", ` [{"id": 1, "method": "bl\u006fck"}]`, []string{"block"}},
		{"/block", "", []string{"block"}},
		// Without an id nothing is called.
		{"/", `{"method": "block"}`, []string{""}},
		{"/", "", nil},
		{"/", "no json", nil},
	} {
		r := httptest.NewRequest("POST", each.path, strings.NewReader(each.body))
		methods, err := readMethods(r, newKinds())
		if err != nil || !reflect.DeepEqual(methods, each.methods) {
			t.Errorf("%s %s: %v, %v", each.path, each.body, methods, err)
		}
		// What CometBFT itself reads is the same.
		var call rpctypes.RPCRequest
		if json.NewDecoder(r.Body).Decode(&call) == nil && methods != nil && call.Method != methods[0] {
			t.Errorf("%s: CometBFT reads %s", each.body, call.Method)
		}
	}
}

// newIndex has count transactions of a sender, ten in a block.
func newIndex(t *testing.T, count int, size int) dbm.DB {
	db := dbm.NewMemDB()
	batch := txindex.NewBatch(int64(count))
	for i := range count {
		tx := make([]byte, size)
		copy(tx, fmt.Sprint(i))
		event := abci.Event{Type: "message", Attributes: []abci.EventAttribute{
			{Key: "sender", Value: "anna", Index: true},
		}}
		result := &abci.TxResult{
			Height: int64(1 + i/10), Index: uint32(i % 10), Tx: tx,
			Result: abci.ExecTxResult{Events: []abci.Event{event}},
		}
		batch.Ops[i] = result
	}
	if err := txkv.NewTxIndex(db).AddBatch(batch); err != nil {
		t.Fatal(err)
	}
	return db
}

func search(db dbm.DB, left budget, text string) (found int, err error) {
	defer catchTooLarge(&err)
	index := txkv.NewTxIndex(searchDB{db, &left})
	results, err := index.Search(context.Background(), query.MustCompile(text))
	return len(results), err
}

func TestASearchReadsSoMuchAndNoMore(t *testing.T) {
	db := newIndex(t, 100, 1000)
	for _, each := range []struct {
		left budget
		text string
		want int
		err  error
	}{
		{budget{1000, 1 << 20}, "tx.height>0", 100, nil},
		{budget{50, 1 << 20}, "tx.height>0", 0, errSearchTooLarge},
		{budget{1000, 50_000}, "tx.height>0", 0, errSearchTooLarge},
		{budget{50, 1 << 20}, "message.sender='anna'", 0, errSearchTooLarge},
		{budget{50, 1 << 20}, "message.sender EXISTS", 0, errSearchTooLarge},
		{budget{50, 1 << 20}, "message.sender CONTAINS 'b'", 0, errSearchTooLarge},
		{budget{50, 50_000}, "tx.height=3", 10, nil},
		{budget{50, 50_000}, "message.sender='anna' AND tx.height=3", 10, nil},
	} {
		found, err := search(db, each.left, each.text)
		if found != each.want || err != each.err {
			t.Errorf("%s within %v: %d, %v", each.text, each.left, found, err)
		}
	}
}

func TestTheReleasesSearchIsAnswered(t *testing.T) {
	small := searches{&rpccore.Environment{}, newIndex(t, 30, 100)}
	result, err := small.txSearch(&rpctypes.Context{}, "message.sender='anna'", false, nil, nil, "")
	if err != nil || result.TotalCount != 30 {
		t.Errorf("%v, %v", result, err)
	}
	large := searches{&rpccore.Environment{}, newIndex(t, 300, 100_000)}
	result, err = large.txSearch(&rpctypes.Context{}, "tx.height>0", false, nil, nil, "")
	if result != nil || err != errSearchTooLarge {
		t.Errorf("%v, %v", result, err)
	}
}
