//go:build cgo

package stanchion

import (
	"encoding/json"
	"unicode/utf8"
)

//go:generate go run ./internal/gen

// New builds a policy from a [Config]. A field that is nil is left out and has its default; a zero that is pointed to is
// passed on. What is no policy is a [*ConfigError], which names the field as in JSON.
func New(config Config, opts ...Option) (*Policy, error) {
	names := []string{config.Name}
	for i := range config.Limits {
		names = append(names, config.Limits[i].Name)
	}
	for _, name := range names {
		if !utf8.ValidString(name) {
			return nil, notUTF8() // what encoding/json would change without a word
		}
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, &ConfigError{message: err.Error()}
	}
	return FromJSON(text, opts...)
}

// Ptr points to a value, for the optional fields of a [Config]: Ptr[uint32](5).
func Ptr[T any](value T) *T { return &value }

// OrNull is a value, or null where that says something else than nothing.
type OrNull[T any] struct {
	Value  T
	IsNull bool
}

// MarshalJSON is the value or null.
func (v OrNull[T]) MarshalJSON() ([]byte, error) {
	if v.IsNull {
		return []byte("null"), nil
	}
	return json.Marshal(v.Value)
}

// UnmarshalJSON reads the value or null. Within a [Config], encoding/json makes a null the nil of the field.
func (v *OrNull[T]) UnmarshalJSON(text []byte) error {
	*v = OrNull[T]{IsNull: string(text) == "null"}
	if v.IsNull {
		return nil
	}
	return json.Unmarshal(text, &v.Value)
}
