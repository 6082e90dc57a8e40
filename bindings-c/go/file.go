package stanchion

// #include "stanchion.h"
import "C"

import (
	"math"
	"time"
)

// FileOption is how a state file or a spool's folder is opened. Every setting has a default that is safe.
type FileOption func(*fileOptions)

// What the options of one opening said.
type fileOptions struct {
	fields  uint32
	flags   uint32
	waitMS  uint32
	maxKeys uint64
}

// LockWait is how long an operation waits for the lock at most, rounded up to milliseconds; 100 ms by default. 0 tries once.
func LockWait(wait time.Duration) FileOption {
	return func(o *fileOptions) {
		o.fields |= C.STN_STORE_WAIT
		o.waitMS = uint32(min((max(wait, 0)+time.Millisecond-1)/time.Millisecond, math.MaxUint32))
	}
}

// MaxKeys is how many keys the file may hold before a new one needs an old one to be forgotten; 100,000 by default.
func MaxKeys(keys uint64) FileOption {
	return func(o *fileOptions) {
		o.fields |= C.STN_STORE_MAX_KEYS
		o.maxKeys = keys
	}
}

// MustExist makes a missing file an error; by default it is made, and its directory too (0600 and 0700).
func MustExist() FileOption { return flag(C.STN_STORE_MUST_EXIST) }

// ReadOnly makes, locks and writes nothing.
func ReadOnly() FileOption { return flag(C.STN_STORE_READ_ONLY) }

// AnyOwner accepts a file that belongs to another user, or that others may write to: they can decide every answer.
func AnyOwner() FileOption { return flag(C.STN_STORE_ANY_OWNER) }

// Sync syncs each write, so that it survives a power loss. That takes milliseconds.
func Sync() FileOption { return flag(C.STN_STORE_SYNC) }

func flag(bit uint32) FileOption {
	return func(o *fileOptions) { o.flags |= bit }
}

// fileOptionsOf sums up the options, as they cross.
func fileOptionsOf(opts []FileOption) C.stn_store_options {
	var all fileOptions
	for _, opt := range opts {
		opt(&all)
	}
	return C.stn_store_options{
		struct_size: C.sizeof_stn_store_options, fields: C.uint32_t(all.fields), flags: C.uint32_t(all.flags),
		wait_ms: C.uint32_t(all.waitMS), max_keys: C.uint64_t(all.maxKeys),
	}
}
