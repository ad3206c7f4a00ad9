package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/libs/pubsub"
	"github.com/cometbft/cometbft/node"
	rpccore "github.com/cometbft/cometbft/rpc/core"
	rpcserver "github.com/cometbft/cometbft/rpc/jsonrpc/server"
	rpctypes "github.com/cometbft/cometbft/rpc/jsonrpc/types"
	"github.com/rs/cors"
)

const (
	// How long a call waits for its place.
	placeWaitMax = 5 * time.Second
	restMax      = time.Second
	// Max calls of each kind at once.
	searchesMax, largeMax, queriesMax = 1, 2, 4
	// Max room that is made for a body which a client has only announced.
	bodyReserve = 1 << 16
)

// kind is a kind of calls that takes much work or memory, so that few go on at once. A place is
// free when the answer is on its way, and for some kinds as long again after that, which leaves
// half of the processor time to others, at most restMax.
type kind struct {
	methods []string
	places  chan struct{}
	rests   bool
}

func newKind(places int, rests bool, methods ...string) *kind {
	return &kind{methods, make(chan struct{}, places), rests}
}

// newKinds are in the order in which a call that is of several takes its places.
func newKinds() []*kind {
	return []*kind{
		newKind(searchesMax, true, "tx_search", "block_search"),
		newKind(largeMax, true, "block", "block_by_hash", "block_results", "genesis",
			"genesis_chunked", "unconfirmed_txs", "dump_consensus_state", "consensus_state"),
		newKind(queriesMax, false, "abci_query"),
	}
}

var (
	quote   = []byte{'"'}
	errBusy = errors.New("the node is answering as many calls of this kind as it can; ask again")
	errGRPC = errors.New("rpc.grpc_laddr is not served; leave it empty")
)

// serveRPC answers what the release answers at rpc.laddr, with the same code, but for this: calls
// that take much are few at a time, searches have a budget (search.go), batches of transactions are
// read once (broadcasts.go), check_tx is not served, because it uses up a sequence until the next
// block, and websockets only where rpc.max_subscription_clients allows some, because what waits to
// be sent to them has no bound.
func serveRPC(n *node.Node, settings *config.RPCConfig, address string, index dbm.DB) error {
	if settings.GRPCListenAddress != "" {
		return errGRPC
	}
	env, err := n.ConfigureRPC()
	if err != nil {
		return err
	}
	routes := env.GetRoutes()
	if settings.Unsafe {
		env.AddUnsafeRoutes(routes)
	}
	delete(routes, "check_tx")
	if index != nil {
		searches{env, index}.replace(routes)
	}
	serverSettings := rpcserver.DefaultConfig()
	serverSettings.MaxRequestBatchSize = settings.MaxRequestBatchSize
	serverSettings.MaxBodyBytes = settings.MaxBodyBytes
	serverSettings.MaxHeaderBytes = settings.MaxHeaderBytes
	serverSettings.MaxOpenConnections = settings.MaxOpenConnections
	serverSettings.WriteTimeout = max(
		serverSettings.WriteTimeout, settings.TimeoutBroadcastTxCommit+time.Second,
	)
	senders := map[string]sender{
		"broadcast_tx_async": env.BroadcastTxAsync, "broadcast_tx_sync": env.BroadcastTxSync,
	}
	kinds := newKinds()
	logger := n.Logger.With("module", "rpc-server")
	var listeners []net.Listener
	for _, place := range strings.Split(address, ",") {
		listener, err := rpcserver.Listen(strings.TrimSpace(place), settings.MaxOpenConnections)
		if err != nil {
			return err
		}
		listeners = append(listeners, listener)
		handler := newHandler(n, settings, routes, kinds, logger)
		handler = limitCalls(broadcasts{senders, settings.MaxRequestBatchSize, handler}, kinds)
		if settings.IsCorsEnabled() {
			handler = cors.New(cors.Options{
				AllowedOrigins: settings.CORSAllowedOrigins,
				AllowedMethods: settings.CORSAllowedMethods,
				AllowedHeaders: settings.CORSAllowedHeaders,
			}).Handler(handler)
		}
		go func() {
			if settings.IsTLSEnabled() {
				err = rpcserver.ServeTLS(listener, handler, settings.CertFile(), settings.KeyFile(),
					logger, serverSettings)
			} else {
				err = rpcserver.Serve(listener, handler, logger, serverSettings)
			}
			logger.Info("The RPC server has ended", "err", err)
		}()
	}
	go func() {
		<-n.Quit()
		for _, listener := range listeners {
			listener.Close()
		}
	}()
	return nil
}

func newHandler(
	n *node.Node, settings *config.RPCConfig, routes rpccore.RoutesMap, kinds []*kind, logger log.Logger,
) http.Handler {
	mux := http.NewServeMux()
	rpcserver.RegisterRPCFuncs(mux, routes, logger)
	if settings.MaxSubscriptionClients == 0 {
		return mux
	}
	// Answers wait in a queue of their own there, so that none of them may be large.
	small := rpccore.RoutesMap{}
	for name, route := range routes {
		isOfKind := func(k *kind) bool { return slices.Contains(k.methods, name) }
		if name == "abci_query" || !slices.ContainsFunc(kinds, isOfKind) {
			small[name] = route
		}
	}
	manager := rpcserver.NewWebsocketManager(small,
		rpcserver.OnDisconnect(func(remote string) {
			err := n.EventBus().UnsubscribeAll(context.Background(), remote)
			if err != nil && err != pubsub.ErrSubscriptionNotFound {
				logger.Error("Cannot unsubscribe a client that has gone", "remote", remote, "err", err)
			}
		}),
		rpcserver.ReadLimit(settings.MaxBodyBytes),
		rpcserver.WriteChanCapacity(settings.WebSocketWriteBufferSize),
	)
	manager.SetLogger(logger.With("protocol", "websocket"))
	mux.HandleFunc("/websocket", manager.WebsocketHandler)
	return mux
}

// limitCalls lets a call through when all kinds that it is of have a place for it.
func limitCalls(next http.Handler, kinds []*kind) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		methods, err := readMethods(r, kinds)
		if err != nil {
			rejectUnread(w, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), placeWaitMax)
		defer cancel()
		for _, k := range kinds {
			isOfKind := func(method string) bool { return slices.Contains(k.methods, method) }
			if !slices.ContainsFunc(methods, isOfKind) {
				continue
			}
			select {
			case k.places <- struct{}{}:
				defer k.leave(time.Now())
			case <-ctx.Done():
				reject(w, rpctypes.RPCServerError(rpctypes.JSONRPCIntID(-1), errBusy))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (k *kind) leave(since time.Time) {
	free := func() { <-k.places }
	if k.rests {
		time.AfterFunc(min(time.Since(since), restMax), free)
	} else {
		free()
	}
}

// readMethods tells what a request calls, read as the release reads it, if any of it may be of one
// of the kinds; the request stays as it is.
func readMethods(r *http.Request, kinds []*kind) ([]string, error) {
	if len(r.URL.Path) > 1 {
		return []string{strings.TrimPrefix(r.URL.Path, "/")}, nil
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if !mayNameAny(body, kinds) {
		return nil, nil
	}
	var calls []rpctypes.RPCRequest
	if json.Unmarshal(body, &calls) != nil {
		var call rpctypes.RPCRequest
		if json.Unmarshal(body, &call) != nil {
			return nil, nil
		}
		calls = append(calls[:0], call)
	}
	methods := make([]string, len(calls))
	for i, call := range calls {
		methods[i] = call.Method
	}
	return methods, nil
}

// keptBody is the body of a request in memory, so that it can be read again.
type keptBody struct {
	io.Reader
	content []byte
}

func (keptBody) Close() error { return nil }

// readBody reads the body of a request, which stays as it is.
func readBody(r *http.Request) ([]byte, error) {
	if kept, ok := r.Body.(keptBody); ok {
		return kept.content, nil
	}
	var content bytes.Buffer
	if r.ContentLength > 0 {
		content.Grow(int(min(r.ContentLength, bodyReserve)) + bytes.MinRead)
	}
	if _, err := content.ReadFrom(r.Body); err != nil {
		return nil, err
	}
	r.Body = keptBody{bytes.NewReader(content.Bytes()), content.Bytes()}
	return content.Bytes(), nil
}

// mayNameAny tells whether a method of the kinds may stand in a body: between two quotes, or written
// with an escape. Most bodies are transactions, and to read those as JSON takes as long again as all
// that the release does with them.
func mayNameAny(body []byte, kinds []*kind) bool {
	if bytes.IndexByte(body, '\\') >= 0 {
		return true
	}
	for more := true; more; {
		var part []byte
		part, body, more = bytes.Cut(body, quote)
		for _, k := range kinds {
			for _, method := range k.methods {
				if string(part) == method {
					return true
				}
			}
		}
	}
	return false
}

// rejectUnread answers, as the release does, that a body cannot be read.
func rejectUnread(w http.ResponseWriter, err error) {
	response := rpctypes.RPCInvalidRequestError(nil, fmt.Errorf("error reading request body: %w", err))
	_ = rpcserver.WriteRPCResponseHTTPError(w, http.StatusBadRequest, response)
}

// reject answers with an error; a client that has gone does not hear it.
func reject(w http.ResponseWriter, response rpctypes.RPCResponse) {
	_ = rpcserver.WriteRPCResponseHTTP(w, response)
}
