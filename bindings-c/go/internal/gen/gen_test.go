package main

import (
	"bytes"
	"os"
	"testing"
)

const fromHere = "../../"

func TestConfigIsFresh(t *testing.T) {
	schema, err := os.ReadFile(fromHere + schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	want, err := generate(schema)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(fromHere + outPath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("config.go is not what the schema says: go generate")
	}
}

// What the generator does not know is refused, not left out.
func TestUnknownTypesAreRefused(t *testing.T) {
	for _, schema := range []string{
		`{"description": "X", "properties": {"a": {"type": "tuple"}}}`,
		`{"description": "X", "properties": {"a": {}}}`,
		`{"description": "X", "$defs": {"A": {"description": "A", "oneOf": [{"$ref": "#/$defs/B"}]}}}`,
		`{`,
	} {
		if code, err := generate([]byte(schema)); err == nil {
			t.Errorf("%s: made %s", schema, code)
		}
	}
}
