//go:build cgo && linux

package stanchion

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// What nobody closes is freed by the garbage collector: a store, its keys and a spool have files open until then.
func TestWhatIsForgottenIsFreed(t *testing.T) {
	folder := t.TempDir()
	before := openFiles(t)
	for range 5 {
		forget(t, folder)
	}
	if now := openFiles(t); now < before+5 {
		t.Fatalf("%d files are open, %d before: it sees nothing", now, before)
	}
	for range 200 {
		runtime.GC()
		if openFiles(t) <= before {
			return
		}
		time.Sleep(time.Millisecond) // cleanups run in a goroutine of the runtime
	}
	t.Errorf("%d files are open, %d before", openFiles(t), before)
}

func forget(t *testing.T, folder string) {
	t.Helper()
	store, err := OpenFile(filepath.Join(folder, "state"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := FromJSON([]byte(`{"name": "p", "bulkhead": {"max_concurrent": 1}, "spool": {}}`), WithStore(store, "k"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSpool(filepath.Join(folder, "spool"), p); err != nil {
		t.Fatal(err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
