package main

import (
	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/config"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

// The index of transactions: a block of thousands of them puts tens of megabytes into it. With the
// library's own sizes each of its bytes is sorted and written several times over.
const indexDatabase = "tx_index"

var indexOptions = opt.Options{
	WriteBuffer:         8 * opt.MiB,
	CompactionTableSize: 16 * opt.MiB,
	CompactionTotalSize: 80 * opt.MiB,
}

// The others have write buffers of half the library's size: a database keeps two of them in memory
// from the start.
var databaseOptions = opt.Options{
	WriteBuffer: 2 * opt.MiB,
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
