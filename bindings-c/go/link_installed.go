//go:build cgo && !stanchion_repo && !stanchion_shared

package stanchion

// #cgo pkg-config: stanchion-static
import "C"
