//go:build tools

// Package cometbft pins the consensus engine: go.mod names its release, go.sum the hash of
// every source file that goes into it. The import keeps `go mod tidy` from dropping it.
package cometbft

import _ "github.com/cometbft/cometbft/cmd/cometbft"
