package main

import (
	"os"

	"github.com/cometbft/cometbft/libs/log"
)

// What CometBFT logs when its consensus cannot go on, for example because its disk is full.
const consensusFailure = "CONSENSUS FAILURE!!!"

// haltingLogger ends the process with status 1 when consensus has failed. CometBFT 0.38 itself
// stays: it answers questions, makes no block and never will, even when its disk has room again,
// and a process monitor sees nothing wrong. To end here is no different from kill -9,
// after which a node finds everything that it needs on its disk.
type haltingLogger struct {
	log.Logger
}

func (logger haltingLogger) Error(message string, keyvals ...interface{}) {
	logger.Logger.Error(message, keyvals...)
	if message == consensusFailure {
		os.Exit(1)
	}
}

func (logger haltingLogger) With(keyvals ...interface{}) log.Logger {
	return haltingLogger{logger.Logger.With(keyvals...)}
}
