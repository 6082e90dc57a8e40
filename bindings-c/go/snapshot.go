//go:build cgo

package stanchion

import "slices"

// Snapshot is a state's portable bytes, for [Policy.Restore] in any language. They are checked there, and not before.
type Snapshot []byte

// MarshalBinary is a copy of the bytes.
func (s Snapshot) MarshalBinary() ([]byte, error) { return slices.Clone(s), nil }

// UnmarshalBinary takes a copy of the bytes.
func (s *Snapshot) UnmarshalBinary(bytes []byte) error {
	*s = slices.Clone(bytes)
	return nil
}

// MarshalBinary is [Policy.Snapshot].
func (p *Policy) MarshalBinary() ([]byte, error) { return p.Snapshot() }

// UnmarshalBinary is [Policy.Restore]: the policy must have been built.
func (p *Policy) UnmarshalBinary(bytes []byte) error { return p.Restore(bytes) }
