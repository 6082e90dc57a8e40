//go:build cgo

package stanchion

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Without cgo the compiler's one complaint says what to do.
func TestWithoutCgoTheErrorSaysWhatToDo(t *testing.T) {
	build := exec.Command("go", "build", ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err == nil || len(lines) != 2 || !strings.Contains(lines[1], "set_CGO_ENABLED_to_1") {
		t.Errorf("%v\n%s", err, out)
	}
}
