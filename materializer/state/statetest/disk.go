package statetest

import (
	"math/rand/v2"

	"github.com/cockroachdb/pebble/v2/vfs"

	"anabranch.dev/anabranch/materializer/state"
)

// Disk is a file system in memory.
type Disk struct{ fs *vfs.MemFS }

// NewDisk makes an empty disk.
func NewDisk() *Disk { return &Disk{vfs.NewCrashableMem()} }

// Open opens the store on the disk; Dir and FS of cfg are set.
func (d *Disk) Open(cfg state.Config) (*state.Store, error) {
	cfg.Dir, cfg.FS = "state", d.fs
	return state.Open(cfg)
}

// Crash is a disk as a crash at this instant leaves it: everything that was
// synced, and of every hundred blocks that were not about keep, drawn by seed.
func (d *Disk) Crash(keep int, seed uint64) *Disk {
	cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: keep, RNG: rand.New(rand.NewPCG(seed, 1))}
	return &Disk{d.fs.CrashClone(cfg)}
}
