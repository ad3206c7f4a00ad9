package main

import (
	"math/rand/v2"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/config"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

// The index of transactions: a block of thousands of them puts tens of megabytes into it. With the
// library's own sizes each of its bytes is sorted and written several times over.
const indexDatabase = "tx_index"

// Who looks for a transaction reads the index, in all of its tables. What the other databases are asked
// for was written just before.
var (
	indexOptions    = newOptions(2, 32, 80, 8)
	databaseOptions = newOptions(1, 8, 40, 1)
)

// newOptions are the sizes of a database. goleveldb makes two write buffers when it opens one, so they
// are small; to make up for it, more of the tables that are written from them are merged at once than
// the library would.
//
// Tables stay as small as the library has them: a merge lets a full write buffer be written only
// between two of its tables, and meanwhile the chain waits for the next one to have room.
//
// Validators write the same, so that all would merge at the same time, and a chain needs more than two
// thirds of them to be quick. Each waits for some tables more, which it draws when it starts. Reads
// start no merge: else a hundred calls that look for a transaction would.
func newOptions(bufferMiB, mergedTables, levelMiB, cacheMiB int) opt.Options {
	return opt.Options{
		WriteBuffer:            bufferMiB * opt.MiB,
		BlockCacheCapacity:     cacheMiB * opt.MiB,
		CompactionTotalSize:    levelMiB * opt.MiB,
		CompactionL0Trigger:    mergedTables + rand.IntN(mergedTables/2+1),
		DisableSeeksCompaction: true,
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
