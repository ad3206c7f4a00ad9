package main

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

// The errors of cometbft-db, which keeps them to itself.
var (
	errBatchClosed = errors.New("batch has been written or closed")
	errKeyEmpty    = errors.New("key cannot be empty")
	errValueNil    = errors.New("value cannot be nil")
)

// What goleveldb writes of an entry besides its key and its value: two lengths and a kind.
const entryHeadMax = 11

// sortingDB is cometbft-db's goleveldb but for its batches, which are written in the order of their
// keys. The index of transactions puts some ten thousand entries into a batch; in the order in which
// they come, each looks for its place in another part of memory, and goleveldb copies the batch
// again and again while it grows.
type sortingDB struct {
	*dbm.GoLevelDB
}

func (db sortingDB) NewBatch() dbm.Batch {
	return &sortingBatch{db: db.DB()}
}

// sortingBatch keeps what it is given until it is written; nobody changes keys and values that are
// in a batch, says cometbft-db.
type sortingBatch struct {
	db      *leveldb.DB
	entries []entry
	closed  bool
}

type entry struct {
	key []byte
	// nil when the key is deleted.
	value []byte
}

func (b *sortingBatch) Set(key, value []byte) error {
	if len(key) > 0 && value == nil {
		return errValueNil
	}
	return b.add(entry{key, value})
}

func (b *sortingBatch) Delete(key []byte) error {
	return b.add(entry{key, nil})
}

func (b *sortingBatch) add(added entry) error {
	if len(added.key) == 0 {
		return errKeyEmpty
	}
	if b.closed {
		return errBatchClosed
	}
	b.entries = append(b.entries, added)
	return nil
}

func (b *sortingBatch) Write() error {
	return b.write(false)
}

func (b *sortingBatch) WriteSync() error {
	return b.write(true)
}

func (b *sortingBatch) write(sync bool) error {
	if b.closed {
		return errBatchClosed
	}
	if err := b.db.Write(sortEntries(b.entries), &opt.WriteOptions{Sync: sync}); err != nil {
		return err
	}
	return b.Close()
}

func (b *sortingBatch) Close() error {
	b.entries, b.closed = nil, true
	return nil
}

// sortEntries makes the batch that goleveldb gets. Of entries of one key the last remains the last,
// and so the one that counts.
func sortEntries(entries []entry) *leveldb.Batch {
	size := 0
	order := make([]int, len(entries))
	for i, entry := range entries {
		size += entryHeadMax + len(entry.key) + len(entry.value)
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		if byKey := bytes.Compare(entries[i].key, entries[j].key); byKey != 0 {
			return byKey
		}
		return cmp.Compare(i, j)
	})
	batch := leveldb.MakeBatch(size)
	for _, i := range order {
		if entries[i].value == nil {
			batch.Delete(entries[i].key)
		} else {
			batch.Put(entries[i].key, entries[i].value)
		}
	}
	return batch
}
