//go:build cgo && !stanchion_repo

package stanchion

// #cgo pkg-config: stanchion
import "C"
