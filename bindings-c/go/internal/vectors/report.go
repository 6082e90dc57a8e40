package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// object is a JSON object; whole numbers in it are json.Number.
type object = map[string]any

// report is what one run over a folder found.
type report struct {
	digests     map[string]string
	differences []string
}

// run replays every vector below a folder. Each is computed and hashed before its expectations are read.
func run(folder string) (*report, error) {
	found := &report{digests: map[string]string{}}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		below, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		return found.runFile(path, strings.TrimSuffix(filepath.ToSlash(below), ".json"))
	})
	if err == nil && len(found.digests) == 0 {
		err = fmt.Errorf("%s: holds no vectors", folder)
	}
	return found, err
}

func (r *report) runFile(path, below string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	value, err := parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	file, _ := value.(object)
	vectors, _ := file["vectors"].([]any)
	for _, item := range vectors {
		vector, _ := item.(object)
		name, _ := vector["name"].(string)
		id := below + "/" + name
		lines, err := replay(vector)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		if _, isThere := r.digests[id]; isThere {
			return fmt.Errorf("%s: two vectors of that name", id)
		}
		r.digests[id] = digest(lines)
		r.differences = append(r.differences, differences(id, vector, lines)...)
	}
	return nil
}

// digestLines are sorted by id.
func (r *report) digestLines() string {
	var lines strings.Builder
	for _, id := range slices.Sorted(maps.Keys(r.digests)) {
		fmt.Fprintf(&lines, "%s  %s\n", r.digests[id], id)
	}
	return lines.String()
}

// differences compares what was computed with what stands in the vector.
func differences(id string, vector object, lines []object) []string {
	var found []string
	compare := func(what string, expected, got any) {
		if left, right := canonical(expected), canonical(got); left != right {
			found = append(found, fmt.Sprintf("%s: %s\n  expected %s\n  got      %s", id, what, left, right))
		}
	}
	if expected, isThere := vector["expect"]; isThere {
		compare("answer", expected, lines[0])
	}
	steps, isThere := vector["steps"].([]any)
	if !isThere {
		steps, _ = vector["spool"].([]any)
	}
	for i, item := range steps {
		step, _ := item.(object)
		expect, _ := step["expect"].(object)
		for _, what := range slices.Sorted(maps.Keys(expect)) {
			compare(fmt.Sprintf("step %d, %s", i, what), expect[what], lines[i][what])
		}
		if state, isThere := step["state"]; isThere {
			compare(fmt.Sprintf("step %d, state", i), state, lines[i]["state"])
		}
	}
	return found
}

func digest(lines []object) string {
	hash := sha256.New()
	for _, line := range lines {
		hash.Write([]byte(canonical(line)))
		hash.Write([]byte("\n"))
	}
	return fmt.Sprintf("%x", hash.Sum(nil))
}

// parse reads one JSON value, with its numbers as they are written.
func parse(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if decoder.More() {
		return nil, errors.New("something after the JSON value")
	}
	return value, nil
}

// canonical is a value with keys sorted by code point, no spaces, and only the escapes that JSON demands. (encoding/json
// sorts keys, but escapes the line separators of JavaScript, and so is asked for single strings only.)
func canonical(value any) string {
	var out strings.Builder
	write(&out, value)
	return out.String()
}

func write(out *strings.Builder, value any) {
	switch value := value.(type) {
	case object:
		for i, key := range slices.Sorted(maps.Keys(value)) {
			out.WriteByte("{,"[min(i, 1)])
			write(out, key)
			out.WriteByte(':')
			write(out, value[key])
		}
		if len(value) == 0 {
			out.WriteByte('{')
		}
		out.WriteByte('}')
	case []any:
		out.WriteByte('[')
		for i, item := range value {
			if i > 0 {
				out.WriteByte(',')
			}
			write(out, item)
		}
		out.WriteByte(']')
	case string:
		writeString(out, value)
	case nil:
		out.WriteString("null")
	default:
		fmt.Fprint(out, value) // numbers and truth values
	}
}

func writeString(out *strings.Builder, text string) {
	out.WriteByte('"')
	for i := range len(text) {
		switch c := text[i]; c {
		case '"', '\\':
			out.WriteByte('\\')
			out.WriteByte(c)
		case '\b':
			out.WriteString(`\b`)
		case '\t':
			out.WriteString(`\t`)
		case '\n':
			out.WriteString(`\n`)
		case '\f':
			out.WriteString(`\f`)
		case '\r':
			out.WriteString(`\r`)
		default:
			if c < 0x20 {
				fmt.Fprintf(out, `\u%04x`, c)
			} else {
				out.WriteByte(c)
			}
		}
	}
	out.WriteByte('"')
}
