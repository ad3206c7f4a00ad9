package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/libs/pubsub"
	"github.com/cometbft/cometbft/libs/service"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/rpc/core"
	coregrpc "github.com/cometbft/cometbft/rpc/grpc"
	rpcserver "github.com/cometbft/cometbft/rpc/jsonrpc/server"
	"github.com/rs/cors"
)

// rpcNode is CometBFT's node, which lets nobody in front of its RPC server; so this one starts the
// server in the node's place, as the node would (its startRPC), with `broadcasts` in front.
type rpcNode struct {
	*node.Node
	settings  *config.RPCConfig
	listeners []net.Listener
}

// withOurRPC makes a node start and stop as an rpcNode.
func withOurRPC(inner *node.Node, settings *config.RPCConfig) *node.Node {
	outer := &rpcNode{Node: inner, settings: settings}
	inner.BaseService = *service.NewBaseService(inner.Logger, inner.String(), outer)
	return inner
}

func (n *rpcNode) OnStart() error {
	// The node waits for this time before it answers anybody.
	if begin := n.GenesisDoc().GenesisTime; time.Until(begin) > 0 {
		n.Logger.Info("Genesis time is in the future. Sleeping until then...", "genTime", begin)
		time.Sleep(time.Until(begin))
	}
	if n.settings.ListenAddress != "" {
		if err := n.startRPC(); err != nil {
			return err
		}
		// The node starts none.
		n.settings.ListenAddress = ""
	}
	return n.Node.OnStart()
}

func (n *rpcNode) OnStop() {
	for _, listener := range n.listeners {
		n.Logger.Info("Closing rpc listener", "listener", listener)
		if err := listener.Close(); err != nil {
			n.Logger.Error("Error closing listener", "listener", listener, "err", err)
		}
	}
	n.Node.OnStop()
}

func (n *rpcNode) startRPC() error {
	env, err := n.ConfigureRPC()
	if err != nil {
		return err
	}
	logger := n.Logger.With("module", "rpc-server")
	handler := n.makeHandler(env, logger)
	for _, address := range strings.Split(n.settings.ListenAddress, ",") {
		if address = strings.Trim(address, " "); address != "" {
			if err := n.serve(address, handler, logger); err != nil {
				return err
			}
		}
	}
	if n.settings.GRPCListenAddress != "" {
		return n.serveGRPC(env)
	}
	return nil
}

func (n *rpcNode) listen(address string, connectionsMax int) (net.Listener, error) {
	listener, err := rpcserver.Listen(address, connectionsMax)
	if err == nil {
		n.listeners = append(n.listeners, listener)
	}
	return listener, err
}

func (n *rpcNode) serve(address string, handler http.Handler, logger log.Logger) error {
	listener, err := n.listen(address, n.settings.MaxOpenConnections)
	if err != nil {
		return err
	}
	go func() {
		err := serveHTTP(listener, handler, n.settings, logger)
		n.Logger.Error("Error serving server", "err", err)
	}()
	return nil
}

func serveHTTP(listener net.Listener, handler http.Handler, settings *config.RPCConfig, logger log.Logger) error {
	limits := makeLimits(settings)
	// Whoever counts the calls of a batch reads them all, so `broadcasts` comes before.
	limits.MaxRequestBatchSize = 0
	if settings.IsTLSEnabled() {
		return rpcserver.ServeTLS(listener, handler, settings.CertFile(), settings.KeyFile(), logger, limits)
	}
	return rpcserver.Serve(listener, handler, logger, limits)
}

func (n *rpcNode) serveGRPC(env *core.Environment) error {
	listener, err := n.listen(n.settings.GRPCListenAddress, n.settings.GRPCMaxOpenConnections)
	if err != nil {
		return err
	}
	go func() {
		err := coregrpc.StartGRPCServer(env, listener)
		n.Logger.Error("Error starting gRPC server", "err", err)
	}()
	return nil
}

// makeHandler makes what answers on every address.
func (n *rpcNode) makeHandler(env *core.Environment, logger log.Logger) http.Handler {
	routes := env.GetRoutes()
	if n.settings.Unsafe {
		env.AddUnsafeRoutes(routes)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/websocket", n.makeWebsockets(routes, logger).WebsocketHandler)
	rpcserver.RegisterRPCFuncs(mux, routes, logger)
	return addBroadcasts(env, mux, n.settings)
}

func (n *rpcNode) makeWebsockets(routes core.RoutesMap, logger log.Logger) *rpcserver.WebsocketManager {
	logger = logger.With("protocol", "websocket")
	unsubscribe := func(client string) {
		err := n.EventBus().UnsubscribeAll(context.Background(), client)
		if err != nil && !errors.Is(err, pubsub.ErrSubscriptionNotFound) {
			logger.Error("Failed to unsubscribe addr from events", "addr", client, "err", err)
		}
	}
	websockets := rpcserver.NewWebsocketManager(
		routes,
		rpcserver.OnDisconnect(unsubscribe),
		rpcserver.ReadLimit(n.settings.MaxBodyBytes),
		rpcserver.WriteChanCapacity(n.settings.WebSocketWriteBufferSize),
	)
	websockets.SetLogger(logger)
	return websockets
}

// addBroadcasts puts our handler in front of CometBFT's, and those pages of other origins that may
// ask us in front of both.
func addBroadcasts(env *core.Environment, mux http.Handler, settings *config.RPCConfig) http.Handler {
	handler := http.Handler(broadcasts{
		env:      env,
		batchMax: settings.MaxRequestBatchSize,
		next:     rpcserver.PreChecksHandler(mux, makeLimits(settings)),
	})
	if !settings.IsCorsEnabled() {
		return handler
	}
	return cors.New(cors.Options{
		AllowedOrigins: settings.CORSAllowedOrigins,
		AllowedMethods: settings.CORSAllowedMethods,
		AllowedHeaders: settings.CORSAllowedHeaders,
	}).Handler(handler)
}

func makeLimits(settings *config.RPCConfig) *rpcserver.Config {
	limits := rpcserver.DefaultConfig()
	limits.MaxRequestBatchSize = settings.MaxRequestBatchSize
	limits.MaxBodyBytes = settings.MaxBodyBytes
	limits.MaxHeaderBytes = settings.MaxHeaderBytes
	// Longer than broadcast_tx_commit may take.
	if limits.WriteTimeout <= settings.TimeoutBroadcastTxCommit {
		limits.WriteTimeout = settings.TimeoutBroadcastTxCommit + time.Second
	}
	return limits
}
