// Command cometbft is CometBFT as released, with all of its commands and six differences: it talks
// to an application outside its process through the client in abci_client.go, it exits when
// consensus has failed (halt.go), it detects dead connections to peers early (heartbeat.go), its
// databases are tuned for large blocks (database.go), its RPC has bounds (rpc.go) and reads batches
// of transactions once (broadcasts.go). Wire protocols and files are those of the release, so that
// any CometBFT of this release can replace it and be its peer.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/cmd/cometbft/commands"
	"github.com/cometbft/cometbft/cmd/cometbft/commands/debug"
	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/cli"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
)

func main() {
	root := commands.RootCmd
	root.AddCommand(
		commands.CompactGoLevelDBCmd,
		commands.GenNodeKeyCmd,
		commands.GenValidatorCmd,
		commands.InitFilesCmd,
		commands.InspectCmd,
		commands.LightCmd,
		commands.NewRunNodeCmd(newNode),
		commands.ReIndexEventCmd,
		commands.ReplayCmd,
		commands.ReplayConsoleCmd,
		commands.ResetAllCmd,
		commands.ResetPrivValidatorCmd,
		commands.ResetStateCmd,
		commands.RollbackStateCmd,
		commands.ShowNodeIDCmd,
		commands.ShowValidatorCmd,
		commands.TestnetFilesCmd,
		commands.VersionCmd,
		debug.DebugCmd,
		cli.NewCompletionCmd(root, true),
	)
	home := os.ExpandEnv(filepath.Join("$HOME", config.DefaultTendermintDir))
	if err := cli.PrepareBaseCmd(root, "CMT", home).Execute(); err != nil {
		// The command has printed what is wrong.
		os.Exit(1)
	}
}

// newNode is CometBFT's own node except for the client of an application on a socket, its databases,
// the logger, which ends the process when consensus has failed, the heartbeat between peers, and the
// RPC server.
func newNode(settings *config.Config, logger log.Logger) (*node.Node, error) {
	nodeKey, err := p2p.LoadOrGenNodeKey(settings.NodeKeyFile())
	if err != nil {
		return nil, fmt.Errorf("node key %s: %w", settings.NodeKeyFile(), err)
	}
	beat := newHeartbeat(settings.P2P.PersistentPeers)
	var index dbm.DB
	n, err := node.NewNode(
		settings,
		privval.LoadOrGenFilePV(settings.PrivValidatorKeyFile(), settings.PrivValidatorStateFile()),
		nodeKey,
		newClientCreator(settings),
		node.DefaultGenesisDocProviderFunc(settings),
		func(ctx *config.DBContext) (dbm.DB, error) {
			db, err := openDatabase(ctx)
			if ctx.ID == indexID {
				index = db
			}
			return db, err
		},
		node.DefaultMetricsProvider(settings.Instrumentation),
		haltingLogger{logger},
		node.CustomReactors(map[string]p2p.Reactor{"HEARTBEAT": beat}),
	)
	if err != nil || settings.RPC.ListenAddress == "" {
		return n, err
	}
	// Without an address the node starts no RPC server of its own.
	address := settings.RPC.ListenAddress
	settings.RPC.ListenAddress = ""
	return n, serveRPC(n, settings.RPC, address, index)
}

// builtIn are the applications that are part of CometBFT and run in its process.
var builtIn = map[string]bool{
	"e2e": true, "e2e_connsync": true, "kvstore": true, "kvstore_connsync": true, "noop": true,
	"persistent_kvstore": true, "persistent_kvstore_connsync": true,
}

func newClientCreator(settings *config.Config) proxy.ClientCreator {
	if builtIn[settings.ProxyApp] || settings.ABCI != "socket" {
		return proxy.DefaultClientCreator(settings.ProxyApp, settings.ABCI, settings.DBDir())
	}
	return clientCreator{settings.ProxyApp}
}
