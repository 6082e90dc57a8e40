//go:build cgo && stanchion_repo

package stanchion

// #cgo LDFLAGS: ${SRCDIR}/../build/libstanchion.a -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
import "C"
