//go:build tools

// Package cometbftnext pins the release of CometBFT that tests run beside the one of the network.
package cometbftnext

import _ "github.com/cometbft/cometbft/cmd/cometbft"
