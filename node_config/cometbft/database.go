package main

import (
	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/config"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

// The index of transactions: a block of thousands of them puts tens of megabytes into it. With the
// library's own sizes each of its bytes is sorted and written several times over.
const indexDatabase = "tx_index"

var (
	indexOptions    = newOptions(4, 16, 16)
	databaseOptions = newOptions(1, 8, 8)
)

// newOptions are for a database whose first level has five tables of some size. It makes two write
// buffers when it is opened, so they are small; to make up for it, more of the tables that are written
// from them are merged at once than the library would.
func newOptions(bufferMiB, tableMiB, mergedTables int) opt.Options {
	return opt.Options{
		WriteBuffer:            bufferMiB * opt.MiB,
		CompactionTableSize:    tableMiB * opt.MiB,
		CompactionTotalSize:    5 * tableMiB * opt.MiB,
		CompactionL0Trigger:    mergedTables,
		WriteL0SlowdownTrigger: 2 * mergedTables,
		WriteL0PauseTrigger:    3 * mergedTables,
	}
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
