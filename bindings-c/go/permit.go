//go:build cgo

package stanchion

import "sync/atomic"

// Permit is what an admitted call holds, to be given back by Settle or Cancel exactly once: a second time is ErrPermitUsed.
// Where that fails, because the state file cannot be used, the permit is as before and can be given back again.
// Its text form may be passed to another process.
type Permit struct {
	words [4]uint32
	used  atomic.Bool
	// Report says how the permit came about.
	Report Report
	// WouldReject is, in shadow mode, the refusal that the call would have got; else nil.
	WouldReject *RejectedError
}

// ParsePermit reads a permit's text form: 32 hexadecimal digits. Anything else is an [*InputError].
func ParsePermit(text string) (*Permit, error) {
	words, err := permitWords(text)
	if err != nil {
		return nil, err
	}
	return &Permit{words: words}, nil
}

// String is the text form: 32 hexadecimal digits.
func (p *Permit) String() string { return permitText(p.words) }

// MarshalText is the text form.
func (p *Permit) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the text form.
func (p *Permit) UnmarshalText(text []byte) error {
	words, err := permitWords(string(text))
	if err != nil {
		return err
	}
	p.words = words
	p.used.Store(false)
	return nil
}

// use takes the permit, once.
func (p *Permit) use() error {
	if p.used.Swap(true) {
		return ErrPermitUsed
	}
	return nil
}

// reopenAfter makes the permit as before where it could not be given back: then nothing happened.
func (p *Permit) reopenAfter(err error) {
	if err != nil {
		p.used.Store(false)
	}
}
