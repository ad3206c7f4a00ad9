package main

import (
	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/config"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

// A block of thousands of transactions puts tens of megabytes into these databases, most of it into
// the index. With the library's own sizes, which are an eighth of these, each of its bytes is
// sorted and written several times over.
var databaseOptions = opt.Options{
	WriteBuffer:         32 * opt.MiB,
	CompactionTableSize: 16 * opt.MiB,
	CompactionTotalSize: 80 * opt.MiB,
}

// openDatabase is CometBFT's own way to open a database but for the sizes above and the order within
// a batch. The files are the same: either can read what the other has written.
func openDatabase(ctx *config.DBContext) (dbm.DB, error) {
	if dbm.BackendType(ctx.Config.DBBackend) != dbm.GoLevelDBBackend {
		return config.DefaultDBProvider(ctx)
	}
	db, err := dbm.NewGoLevelDBWithOpts(ctx.ID, ctx.Config.DBDir(), &databaseOptions)
	if err != nil {
		return nil, err
	}
	return sortingDB{db}, nil
}
