"""CometBFT, the consensus engine: the Go module that pins it, its executable, a node's files."""
