package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const vectors = "../../../../core/vectors"

func TestEveryVectorHolds(t *testing.T) {
	found, err := run(vectors)
	if err != nil {
		t.Fatal(err)
	}
	for _, difference := range found.differences {
		t.Error(difference)
	}
}

// A runner that could not fail would prove nothing.
func TestChangedExpectationIsFound(t *testing.T) {
	const vector = `{"vectors": [{"name": "one", "policy": {"name": "p", "circuit": {"consecutive_failures": 1}},
		"steps": [{"at_us": 0, "do": {"peek": {}}, "expect": {"answer": {"admitted": %}}}]}]}`
	digests := map[string]string{}
	for expected, differences := range map[string]int{"true": 0, "false": 1} {
		folder := t.TempDir()
		text := strings.ReplaceAll(vector, "%", expected)
		if err := os.WriteFile(filepath.Join(folder, "a.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := run(folder)
		if err != nil || len(found.differences) != differences {
			t.Errorf("expecting %s: %v, %v", expected, found.differences, err)
		}
		digests[found.digestLines()] = expected
	}
	if len(digests) != 1 {
		t.Error("the digest depends on what is expected")
	}
}
