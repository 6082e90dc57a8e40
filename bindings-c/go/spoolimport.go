package stanchion

// #include "stanchion.h"
import "C"

import "os"

// Imported is what became of the lines of a file.
type Imported struct {
	// Accepted is how many are in the spool now.
	Accepted uint64
	// Duplicates are how many were there already, from an import before.
	Duplicates uint64
	// Blank is how many were blank.
	Blank uint64
	// Torn is how many are no JSON: two writers tore them, or one died. They are not taken in.
	Torn uint64
	// FirstTornLine is the first of these, from 1; 0 for none.
	FirstTornLine uint64
	// TooLong is how many are longer than max_item_bytes. They are not taken in.
	TooLong uint64
	// FirstTooLongLine is the first of these, from 1; 0 for none.
	FirstTooLongLine uint64
	// FullAtLine is the line at which the spool was full; it and those behind it were not looked at. 0 where it was not.
	FullAtLine uint64
}

// Import takes in every line of a file of JSON lines as an item, in their order. The file is read a line at a time and stays as it
// is. An import that was broken off can be made again without a line twice, as long as its items are there or known.
func (s *Spool) Import(path string) (Imported, error) {
	file, err := os.Open(path) // which says best why it cannot be read
	if err != nil {
		return Imported{}, err
	}
	defer file.Close()
	var out C.stn_spool_imported
	out.struct_size = C.sizeof_stn_spool_imported
	text, size := chars(path)
	err = s.with(func(handle *C.stn_spool, nowUS C.uint64_t, why *C.stn_error) C.uint32_t {
		return C.stn_spool_import(handle, text, size, nowUS, &out, why)
	})
	s.news.tell()
	return Imported{
		Accepted: uint64(out.accepted), Duplicates: uint64(out.duplicates), Blank: uint64(out.blank), Torn: uint64(out.torn),
		FirstTornLine: uint64(out.first_torn_line), TooLong: uint64(out.too_long),
		FirstTooLongLine: uint64(out.first_too_long_line), FullAtLine: uint64(out.full_at_line),
	}, err
}
