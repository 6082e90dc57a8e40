//go:build cgo && !stanchion_repo && !stanchion_shared && !stanchion_panicking

package stanchion

// #cgo pkg-config: stanchion-static
import "C"
