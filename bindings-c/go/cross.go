package stanchion

// #include <stdlib.h>
// #include <string.h>
// #include "stanchion.h"
import "C"

import (
	"errors"
	"strings"
	"time"
	"unsafe"
)

// chars lends a string's bytes to C for one call.
func chars(text string) (*C.char, C.size_t) {
	return (*C.char)(unsafe.Pointer(unsafe.StringData(text))), C.size_t(len(text))
}

// octets lends bytes to C for one call.
func octets(bytes []byte) (*C.uint8_t, C.size_t) {
	return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(bytes))), C.size_t(len(bytes))
}

// errTooSmall is told by a call whose buffer was too small.
var errTooSmall = errors.New("buffer too small")

func okOr(status C.uint32_t) error {
	switch status {
	case C.STN_OK:
		return nil
	case C.STN_BUFFER_TOO_SMALL:
		return errTooSmall
	default:
		return statusError(status)
	}
}

// orError is okOr of a call that tells more than a status.
func orError(status C.uint32_t, why *C.stn_error) error {
	if status == C.STN_OK {
		return nil
	}
	return toError(status, why)
}

// readBytes calls until the buffer is large enough. What is read from a file may have grown meanwhile, hence the loop.
func readBytes(call func(buffer *C.uint8_t, capacity C.size_t, needed *C.size_t) error) ([]byte, error) {
	buffer := make([]byte, 512)
	for {
		var needed C.size_t
		err := call((*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(buffer))), C.size_t(len(buffer)), &needed)
		if err == nil {
			return buffer[:needed], nil
		}
		if !errors.Is(err, errTooSmall) {
			return nil, err
		}
		buffer = make([]byte, needed)
	}
}

// readText does the same for a text, and takes its NUL off.
func readText(call func(buffer *C.char, capacity C.size_t, needed *C.size_t) error) ([]byte, error) {
	bytes, err := readBytes(func(buffer *C.uint8_t, capacity C.size_t, needed *C.size_t) error {
		return call((*C.char)(unsafe.Pointer(buffer)), capacity, needed)
	})
	if err != nil {
		return nil, err
	}
	return bytes[:len(bytes)-1], nil
}

// micros is an instant as it crosses. What is out of range is refused on the other side.
func micros(t time.Time) uint64 {
	return uint64(t.UnixMicro())
}

// instant is the time of an instant that crossed; 0 is the zero time.
func instant(us uint64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(us))
}

// goText copies a text out of a fixed array.
func goText(from []C.char) string {
	return C.GoString(&from[0])
}

// toError makes the error that a failed call told.
func toError(status C.uint32_t, why *C.stn_error) error {
	field, value, allowed := goText(why.field[:]), goText(why.value[:]), goText(why.allowed[:])
	code, message := goText(why.code[:]), goText(why.message[:])
	switch status {
	case C.STN_CONFIG:
		return &ConfigError{Field: field, Value: value, Allowed: allowed, message: message}
	case C.STN_INPUT:
		return &InputError{Field: field, Value: value, Allowed: allowed, message: message}
	case C.STN_STATE_BYTES:
		return &StateError{Code: code, message: message}
	case C.STN_STORE:
		return &StoreError{Code: code, message: message}
	case C.STN_BUFFER_TOO_SMALL:
		return errTooSmall
	default:
		return statusError(status)
	}
}

// statusError makes the error of a status that says all there is.
func statusError(status C.uint32_t) error {
	return &EngineError{
		Code:    strings.ToLower(C.GoString(C.stn_status_name(status))),
		message: C.GoString(C.stn_status_text(status)),
	}
}

// notUTF8 is what the engine says of a text that is not UTF-8.
func notUTF8() error { return statusError(C.STN_NOT_UTF8) }

// holderHash is the number of a holder's name.
func holderHash(name string) (uint64, error) {
	var hash C.uint64_t
	text, size := chars(name)
	if status := C.stn_holder_hash(text, size, &hash); status != C.STN_OK {
		return 0, statusError(status)
	}
	return uint64(hash), nil
}

func eventName(event byte) string {
	name := C.stn_event_name(C.uint32_t(event))
	if name == nil {
		return ""
	}
	return C.GoString(name)
}

// ParseRetryAfter reads a Retry-After header strictly: seconds, or an HTTP date in its three forms. It returns the instant
// that it names, and false for anything else.
func ParseRetryAfter(value string, now time.Time) (time.Time, bool) {
	var until C.uint64_t
	text, size := chars(value)
	status := C.stn_parse_retry_after(text, size, C.uint64_t(micros(now)), &until)
	return instant(uint64(until)), status == C.STN_OK && until != 0
}

func permitText(words [4]uint32) string {
	var digits [33]C.char
	var needed C.size_t
	permit := crossing(words)
	if C.stn_permit_to_text(&permit, &digits[0], C.size_t(len(digits)), &needed) != C.STN_OK {
		return ""
	}
	return C.GoString(&digits[0])
}

func permitWords(digits string) ([4]uint32, error) {
	var why C.stn_error
	var permit C.stn_permit
	why.struct_size = C.sizeof_stn_error
	text, size := chars(digits)
	if status := C.stn_permit_from_text(text, size, &permit, &why); status != C.STN_OK {
		return [4]uint32{}, toError(status, &why)
	}
	return *(*[4]uint32)(unsafe.Pointer(&permit)), nil
}
