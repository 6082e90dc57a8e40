// Command vectors is the Go runner: it replays core/vectors through the package's public functions, writes
// `<digest>  <id>` lines, and exits with 1 on a difference.
//
//	go run ./internal/vectors <digest file> [<folder of vectors>]
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 || len(os.Args) > 3 {
		fmt.Fprintln(os.Stderr, "usage: vectors <digest file> [<folder of vectors>]")
		os.Exit(2)
	}
	folder := "core/vectors"
	if len(os.Args) == 3 {
		folder = os.Args[2]
	}
	found, err := run(folder)
	if err == nil {
		err = os.WriteFile(os.Args[1], []byte(found.digestLines()), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	for _, difference := range found.differences {
		fmt.Println(difference)
	}
	fmt.Printf("go: %d vectors, %d differences\n", len(found.digests), len(found.differences))
	if len(found.differences) > 0 {
		os.Exit(1)
	}
}
