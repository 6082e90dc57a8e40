package main

import (
	"bytes"
	"encoding/json"
)

// schema is as much of JSON Schema as the core uses.
type schema struct {
	Title       string
	Description string
	Type        oneOrMany
	Required    []string
	Properties  ordered
	Items       *schema
	// Additional is what every field of a map is; nil of a struct.
	Additional *mapped `json:"additionalProperties"`
	Maximum    json.Number
	Default    json.RawMessage
	Const      string
	Ref        string `json:"$ref"`
	AnyOf      []*schema
	OneOf      []*schema
	Defs       ordered `json:"$defs"`
}

func parse(text []byte) (*schema, error) {
	var root schema
	err := json.Unmarshal(text, &root)
	return &root, err
}

// isNullable tells whether null may stand there.
func (s *schema) isNullable() bool {
	for _, name := range s.Type {
		if name == "null" {
			return true
		}
	}
	for _, other := range s.AnyOf {
		if other.isNullable() {
			return true
		}
	}
	return false
}

// defaultsToNull tells whether null is what stands there if nothing does.
func (s *schema) defaultsToNull() bool { return string(s.Default) == "null" }

// mapped is what the fields of a map are, by reference; nothing where there are no further fields.
type mapped struct{ ref string }

func (m *mapped) UnmarshalJSON(text []byte) error {
	if string(text) == "false" {
		return nil
	}
	var value schema
	err := json.Unmarshal(text, &value)
	m.ref = value.Ref
	return err
}

// oneOrMany is the type of a schema, or its types.
type oneOrMany []string

func (t *oneOrMany) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, (*[]string)(t))
	}
	*t = make([]string, 1)
	return json.Unmarshal(text, &(*t)[0])
}

// ordered are named schemas in the order in which they stand there.
type ordered []named

type named struct {
	name   string
	schema *schema
}

func (o *ordered) UnmarshalJSON(text []byte) error {
	in := json.NewDecoder(bytes.NewReader(text))
	if _, err := in.Token(); err != nil {
		return err
	}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return err
		}
		next := named{name: name.(string), schema: new(schema)}
		if err := in.Decode(next.schema); err != nil {
			return err
		}
		*o = append(*o, next)
	}
	return nil
}
