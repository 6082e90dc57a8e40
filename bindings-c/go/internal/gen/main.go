// Gen writes config.go, the configuration as Go types, from the JSON Schema of the core: go generate in bindings-c/go.
package main

import (
	"log"
	"os"
)

// As go generate runs it, from bindings-c/go.
const (
	schemaPath = "../../core/schema/policy.schema.json"
	outPath    = "config.go"
)

func main() {
	schema, err := os.ReadFile(schemaPath)
	if err != nil {
		log.Fatal(err)
	}
	code, err := generate(schema)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(outPath, code, 0o644); err != nil {
		log.Fatal(err)
	}
}
