package main

import (
	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/config"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

// The index of transactions: a block of thousands of them puts tens of megabytes into it. With the
// library's own sizes each of its bytes is sorted and written several times over.
const indexDatabase = "tx_index"

// A database makes two write buffers when it is opened, so they are small; to make up for it, more of
// the tables that are written from them are merged at once.
var indexOptions = opt.Options{
	WriteBuffer:            4 * opt.MiB,
	CompactionTableSize:    16 * opt.MiB,
	CompactionTotalSize:    80 * opt.MiB,
	CompactionL0Trigger:    16,
	WriteL0SlowdownTrigger: 32,
	WriteL0PauseTrigger:    48,
}

var databaseOptions = opt.Options{
	WriteBuffer:            1 * opt.MiB,
	CompactionTableSize:    8 * opt.MiB,
	CompactionTotalSize:    40 * opt.MiB,
	CompactionL0Trigger:    8,
	WriteL0SlowdownTrigger: 16,
	WriteL0PauseTrigger:    24,
}

// openDatabase is CometBFT's own way to open a database but for the sizes above and the order within
// a batch. The files are the same: either can read what the other has written.
func openDatabase(ctx *config.DBContext) (dbm.DB, error) {
	if dbm.BackendType(ctx.Config.DBBackend) != dbm.GoLevelDBBackend {
		return config.DefaultDBProvider(ctx)
	}
	options := &databaseOptions
	if ctx.ID == indexDatabase {
		options = &indexOptions
	}
	db, err := dbm.NewGoLevelDBWithOpts(ctx.ID, ctx.Config.DBDir(), options)
	if err != nil {
		return nil, err
	}
	return sortingDB{db}, nil
}
