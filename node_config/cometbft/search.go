package main

import (
	"errors"

	dbm "github.com/cometbft/cometbft-db"
	rpccore "github.com/cometbft/cometbft/rpc/core"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	rpcserver "github.com/cometbft/cometbft/rpc/jsonrpc/server"
	rpctypes "github.com/cometbft/cometbft/rpc/jsonrpc/types"
	blockindex "github.com/cometbft/cometbft/state/indexer/block/kv"
	txindex "github.com/cometbft/cometbft/state/txindex/kv"
)

const (
	indexID = "tx_index"
	// What one search may read of the index: some tenths of a second.
	searchEntriesMax = 50_000
	searchBytesMax   = 16 << 20
	// Blocks are loaded for each entry of such a page.
	pageWithBlocksMax = 5
)

var errSearchTooLarge = errors.New(
	"the search reads too much of the index; " +
		"name the hash or the height of what is sought (tx.hash='...', tx.height=...)",
)

// searches are those of the release, over an index that can be read only so far. The release loads
// all that a search finds before it gives a page of it, and finds all transactions for
// tx.height>0: gigabytes, after some minutes of a flood.
type searches struct {
	env   *rpccore.Environment
	index dbm.DB
}

func (s searches) replace(routes rpccore.RoutesMap) {
	routes["tx_search"] = rpcserver.NewRPCFunc(s.txSearch, "query,prove,page,per_page,order_by")
	routes["block_search"] = rpcserver.NewRPCFunc(s.blockSearch, "query,page,per_page,order_by")
}

func (s searches) txSearch(
	ctx *rpctypes.Context, query string, prove bool, page, perPage *int, orderBy string,
) (result *ctypes.ResultTxSearch, err error) {
	defer catchTooLarge(&err)
	if prove {
		perPage = atMost(perPage, pageWithBlocksMax)
	}
	env := *s.env
	env.TxIndexer = txindex.NewTxIndex(newSearchDB(s.index))
	return env.TxSearch(ctx, query, prove, page, perPage, orderBy)
}

func (s searches) blockSearch(
	ctx *rpctypes.Context, query string, page, perPage *int, orderBy string,
) (result *ctypes.ResultBlockSearch, err error) {
	defer catchTooLarge(&err)
	env := *s.env
	env.BlockIndexer = blockindex.New(dbm.NewPrefixDB(newSearchDB(s.index), []byte("block_events")))
	return env.BlockSearch(ctx, query, page, atMost(perPage, pageWithBlocksMax), orderBy)
}

// catchTooLarge makes an error of the panic in which the release's search ends when it cannot read.
func catchTooLarge(err *error) {
	if found := recover(); found != nil {
		if found != errSearchTooLarge {
			panic(found)
		}
		*err = errSearchTooLarge
	}
}

func atMost(count *int, most int) *int {
	if count == nil || *count > most {
		return &most
	}
	return count
}

// searchDB is a database for one search. Nothing is written to it.
type searchDB struct {
	dbm.DB
	left *budget
}

func newSearchDB(index dbm.DB) searchDB {
	return searchDB{index, &budget{searchEntriesMax, searchBytesMax}}
}

type budget struct{ entries, bytes int }

func (b *budget) use(bytes int) error {
	b.entries--
	b.bytes -= bytes
	if b.entries < 0 || b.bytes < 0 {
		return errSearchTooLarge
	}
	return nil
}

func (db searchDB) Get(key []byte) ([]byte, error) {
	value, err := db.DB.Get(key)
	if err == nil {
		err = db.left.use(len(value))
	}
	return value, err
}

func (db searchDB) Iterator(start, end []byte) (dbm.Iterator, error) {
	return db.limit(db.DB.Iterator(start, end))
}

func (db searchDB) ReverseIterator(start, end []byte) (dbm.Iterator, error) {
	return db.limit(db.DB.ReverseIterator(start, end))
}

func (db searchDB) limit(found dbm.Iterator, err error) (dbm.Iterator, error) {
	if err != nil {
		return nil, err
	}
	return &searchIterator{found, db.left, nil}, nil
}

type searchIterator struct {
	dbm.Iterator
	left *budget
	err  error
}

func (it *searchIterator) Valid() bool {
	return it.err == nil && it.Iterator.Valid()
}

func (it *searchIterator) Next() {
	it.err = it.left.use(len(it.Iterator.Key()) + len(it.Iterator.Value()))
	it.Iterator.Next()
}

func (it *searchIterator) Error() error {
	if it.err != nil {
		return it.err
	}
	return it.Iterator.Error()
}
