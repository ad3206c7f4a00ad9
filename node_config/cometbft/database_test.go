package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"testing"

	dbm "github.com/cometbft/cometbft-db"
)

// openBoth opens the database of cometbft-db and ours, each with a folder of its own.
func openBoth(t *testing.T, folder string) (plain dbm.DB, sorting dbm.DB) {
	t.Helper()
	open := func(name string) *dbm.GoLevelDB {
		db, err := dbm.NewGoLevelDBWithOpts(name, folder, &databaseOptions)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	return open("plain"), sortingDB{open("sorting")}
}

// dump is everything that a database holds, in its order.
func dump(t *testing.T, db dbm.DB) string {
	t.Helper()
	entries, err := db.Iterator(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer entries.Close()
	var text bytes.Buffer
	for ; entries.Valid(); entries.Next() {
		fmt.Fprintf(&text, "%q=%q\n", entries.Key(), entries.Value())
	}
	return text.String()
}

// fill puts the same random operations into a batch each time that it is called with the same seed.
// There are few keys, so that many come twice.
func fill(batch dbm.Batch, seed int64) {
	random := rand.New(rand.NewSource(seed))
	for range random.Intn(400) {
		key := fmt.Appendf(nil, "%x", random.Intn(150))
		if random.Intn(3) == 0 {
			_ = batch.Delete(key)
		} else {
			value := make([]byte, random.Intn(20))
			random.Read(value)
			_ = batch.Set(key, value)
		}
	}
}

func TestBatchesHaveTheSameEffect(t *testing.T) {
	folder := t.TempDir()
	plain, sorting := openBoth(t, folder)
	for seed := range int64(300) {
		for _, db := range []dbm.DB{plain, sorting} {
			batch := db.NewBatch()
			fill(batch, seed)
			write := batch.Write
			if seed%2 == 0 {
				write = batch.WriteSync
			}
			if err := write(); err != nil {
				t.Fatal(err)
			}
		}
		if dump(t, plain) != dump(t, sorting) {
			t.Fatalf("the databases differ after the batch of seed %d", seed)
		}
	}
	expected := dump(t, plain)
	sorting.Close()
	// What ours has written, cometbft-db reads with its own settings.
	again, err := dbm.NewGoLevelDB("sorting", folder)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if dump(t, again) != expected {
		t.Fatal("the files hold something else")
	}
}

// A batch that is larger than the buffer goes another way through goleveldb.
func TestAVeryLargeBatchHasTheSameEffect(t *testing.T) {
	plain, sorting := openBoth(t, t.TempDir())
	for _, db := range []dbm.DB{plain, sorting} {
		batch := db.NewBatch()
		for i := range 40 {
			_ = batch.Set(fmt.Appendf(nil, "%d", i*7%10), bytes.Repeat([]byte{byte(i)}, 1<<20))
		}
		if err := batch.WriteSync(); err != nil {
			t.Fatal(err)
		}
	}
	if dump(t, plain) != dump(t, sorting) {
		t.Fatal("the databases differ")
	}
}

func TestErrorsAreTheSame(t *testing.T) {
	key, value := []byte("k"), []byte("v")
	uses := map[string]func(dbm.Batch) error{
		"no key":             func(b dbm.Batch) error { return b.Set(nil, value) },
		"empty key":          func(b dbm.Batch) error { return b.Set([]byte{}, value) },
		"no key or value":    func(b dbm.Batch) error { return b.Set(nil, nil) },
		"no value":           func(b dbm.Batch) error { return b.Set(key, nil) },
		"empty value":        func(b dbm.Batch) error { return b.Set(key, []byte{}) },
		"set":                func(b dbm.Batch) error { return b.Set(key, value) },
		"delete of no key":   func(b dbm.Batch) error { return b.Delete(nil) },
		"delete":             func(b dbm.Batch) error { return b.Delete(key) },
		"write":              dbm.Batch.Write,
		"write with sync":    dbm.Batch.WriteSync,
		"close":              dbm.Batch.Close,
		"write, then set":    func(b dbm.Batch) error { b.Write(); return b.Set(key, value) },
		"write, then delete": func(b dbm.Batch) error { b.WriteSync(); return b.Delete(key) },
		"write twice":        func(b dbm.Batch) error { b.Write(); return b.Write() },
		"close, then write":  func(b dbm.Batch) error { b.Close(); return b.WriteSync() },
		"close, then no key": func(b dbm.Batch) error { b.Close(); return b.Set(nil, value) },
		"close, no value":    func(b dbm.Batch) error { b.Close(); return b.Set(key, nil) },
		"close twice":        func(b dbm.Batch) error { b.Close(); return b.Close() },
	}
	plain, sorting := openBoth(t, t.TempDir())
	check := func(state string) {
		for name, use := range uses {
			expected, got := fmt.Sprint(use(plain.NewBatch())), fmt.Sprint(use(sorting.NewBatch()))
			if got != expected {
				t.Errorf("%s, %s: %s instead of %s", state, name, got, expected)
			}
		}
	}
	check("open")
	plain.Close()
	sorting.Close()
	check("closed")
}

// BenchmarkIndex writes what the index of transactions writes of a block of 9,000 transfers.
func BenchmarkIndex(b *testing.B) {
	const txs = 9_000
	for _, name := range []string{"plain", "sorting"} {
		b.Run(name, func(b *testing.B) {
			opened, err := dbm.NewGoLevelDBWithOpts(name, b.TempDir(), &indexOptions)
			if err != nil {
				b.Fatal(err)
			}
			defer opened.Close()
			db := dbm.DB(opened)
			if name == "sorting" {
				db = sortingDB{opened}
			}
			random := rand.New(rand.NewSource(1))
			for height := range b.N {
				batch := db.NewBatch()
				b.StopTimer()
				keys := makeIndexKeys(random, height, txs)
				b.StartTimer()
				for i, key := range keys {
					value := key[:32]
					if i%7 == 6 {
						value = make([]byte, 600)
					}
					_ = batch.Set(key, value)
				}
				if err := batch.WriteSync(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/txs, "us/tx")
		})
	}
}

// makeIndexKeys makes seven keys for each transaction, the last of them its hash.
func makeIndexKeys(random *rand.Rand, height, txs int) (keys [][]byte) {
	events := []string{"transfer.sender", "transfer.recipient", "message.sender", "message.action", "tx.account"}
	for tx := range txs {
		for number, event := range events {
			account, sequence := random.Intn(1000), tx*3+number
			keys = append(keys, fmt.Appendf(nil, "%s/%040d/%d/%d/%d$es$%d", event, account, height, height, tx, sequence))
		}
		keys = append(keys, fmt.Appendf(nil, "tx.height/%032d/%d/%d", height, height, tx))
		hash := make([]byte, 32)
		random.Read(hash)
		keys = append(keys, hash)
	}
	return keys
}
