//go:build cgo

package stanchionhttp

import stanchion "github.com/stanchion/stanchion/bindings-c/go"

// ErrTooManyKeys is told where there is no place for a new key: see [stanchion.ErrTooManyKeys].
var ErrTooManyKeys = stanchion.ErrTooManyKeys

// Keys are policies by key, such as one for each caller: see [stanchion.Keyed].
type Keys = stanchion.Keyed

// NewKeys is [stanchion.KeyedBy].
func NewKeys(most int, make func(key string) (*stanchion.Policy, error)) *Keys {
	return stanchion.KeyedBy(most, make)
}
