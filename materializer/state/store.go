package state

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Config says where a store lives and how much memory it may take.
type Config struct {
	Dir string
	// FS is the file system; nil is the machine's.
	FS vfs.FS
	// CacheBytes bounds Pebble's block cache. Default 64 MiB.
	CacheBytes int64
	// RowBytes bounds the decoded rows that all open shards together keep in
	// memory, each an equal share; dirty rows may exceed it until the next
	// flush. Default 512 MiB.
	RowBytes int
	Log      *slog.Logger
}

// Store is one region's Pebble database. Its methods are safe for concurrent
// use.
type Store struct {
	db       *pebble.DB
	rowBytes int
	shards   atomic.Int64 // open
}

// rowLimit is one shard's share of the memory for rows.
func (s *Store) rowLimit() int { return s.rowBytes / max(1, int(s.shards.Load())) }

// Open opens or makes the store. The directory is locked: a second process is
// refused.
func Open(cfg Config) (*Store, error) {
	if cfg.CacheBytes == 0 {
		cfg.CacheBytes = 64 << 20
	}
	if cfg.RowBytes == 0 {
		cfg.RowBytes = 512 << 20
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.FS == nil {
		cfg.FS = vfs.Default
		if err := os.MkdirAll(filepath.Dir(cfg.Dir), 0o755); err != nil {
			return nil, fmt.Errorf("open state %s: %w", cfg.Dir, err)
		}
	}
	db, err := pebble.Open(cfg.Dir, options(cfg))
	if err != nil {
		return nil, fmt.Errorf("open state %s: %w", cfg.Dir, err)
	}
	return &Store{db: db, rowBytes: cfg.RowBytes}, nil
}

func options(cfg Config) *pebble.Options {
	cache := pebble.NewCache(cfg.CacheBytes)
	opts := &pebble.Options{
		FS: cfg.FS, Cache: cache, FormatMajorVersion: pebble.FormatNewest,
		MemTableSize: 16 << 20, Logger: pebbleLog{cfg.Log},
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	opts.EnsureDefaults()
	return opts
}

// Close flushes and closes the database. No shard may be in use.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close state: %w", err)
	}
	return nil
}

// Metrics describes the database for an operator.
func (s *Store) Metrics() string { return s.db.Metrics().String() }

// DiskBytes is the space that the database takes on disk.
func (s *Store) DiskBytes() uint64 { return s.db.Metrics().DiskSpaceUsage() }

// Key spaces: a tag, the instance's 8 bytes, the partition's 4, then the rest.
const (
	tagMeta = 'm' // frontier and delta offsets of a shard
	tagRow  = 'r' // a row by its key
	tagID   = 'i' // an event id that counted, by its hash
	tagNote = 'n' // a note by its name

	tagTaken  = 'x' // that the own record at an offset was taken back
	tagCopies = 'o' // of a stream's ids: the copies of an id, by its hash
	tagOffset = 'q' // the own copy at an offset
	tagDue    = 't' // that the own copy at an offset may have to be taken back
)

type space struct {
	instance  [8]byte
	partition int32
}

func spaceOf(instance string, partition int32) (space, error) {
	s := space{partition: partition}
	if n, err := hex.Decode(s.instance[:], []byte(instance)); err != nil || n != 8 {
		return space{}, fmt.Errorf("instance %q: want 16 hex digits", instance)
	}
	return s, nil
}

// prefix is the start of all of the space's keys under tag.
func (s space) prefix(tag byte) []byte {
	k := append(make([]byte, 0, 64), tag)
	k = append(k, s.instance[:]...)
	return binary.BigEndian.AppendUint32(k, uint32(s.partition))
}

func (s space) key(tag byte, rest []byte) []byte { return append(s.prefix(tag), rest...) }

// end is the first key after all that start with prefix.
func end(prefix []byte) []byte {
	e := append([]byte{}, prefix...)
	for i := len(e) - 1; i >= 0; i-- {
		if e[i]++; e[i] != 0 {
			return e[:i+1]
		}
	}
	return nil
}

// get reads one value into a slice of its own; nil if there is none.
func (s *Store) get(key []byte) ([]byte, error) {
	v, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	out := append(make([]byte, 0, len(v)), v...)
	return out, closer.Close()
}

// Drop removes everything that is stored of an instance: a retired one, or one
// that must be folded anew.
func (s *Store) Drop(instance string) error {
	sp, err := spaceOf(instance, 0)
	if err != nil {
		return err
	}
	b := s.db.NewBatch()
	for _, tag := range []byte{tagMeta, tagRow, tagID, tagTaken, tagCopies, tagOffset, tagDue} {
		prefix := sp.prefix(tag)[:9]
		if err := b.DeleteRange(prefix, end(prefix), nil); err != nil {
			return fmt.Errorf("drop %s: %w", instance, err)
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("drop %s: %w", instance, err)
	}
	return nil
}

// Note keeps a small value under a name: what a shell must find again after a
// restart and can afford to lose the last of. Nil removes it.
func (s *Store) Note(name string, v []byte) error {
	key := append([]byte{tagNote}, name...)
	var err error
	if v == nil {
		err = s.db.Delete(key, pebble.NoSync)
	} else {
		err = s.db.Set(key, v, pebble.NoSync)
	}
	if err != nil {
		return fmt.Errorf("note %s: %w", name, err)
	}
	return nil
}

// Noted is what Note kept under a name; nil if there is nothing.
func (s *Store) Noted(name string) ([]byte, error) {
	return s.get(append([]byte{tagNote}, name...))
}

// Instances lists the instances of which anything is stored, as 16 hex digits.
func (s *Store) Instances() ([]string, error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{tagMeta}, UpperBound: []byte{tagMeta + 1}})
	if err != nil {
		return nil, fmt.Errorf("list instances: %w", err)
	}
	var list []string
	for ok := it.First(); ok; {
		id := hex.EncodeToString(it.Key()[1:9])
		list = append(list, id)
		ok = it.SeekGE(end(it.Key()[:9]))
	}
	return list, it.Close()
}

type pebbleLog struct{ log *slog.Logger }

func (l pebbleLog) Infof(format string, args ...any)  { l.log.Debug(fmt.Sprintf(format, args...)) }
func (l pebbleLog) Errorf(format string, args ...any) { l.log.Error(fmt.Sprintf(format, args...)) }
func (l pebbleLog) Fatalf(format string, args ...any) {
	l.log.Error(fmt.Sprintf(format, args...))
	panic(fmt.Sprintf("state: "+format, args...))
}
