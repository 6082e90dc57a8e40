module github.com/stanchion/stanchion/examples/s0-daemon

go 1.24

require github.com/stanchion/stanchion/bindings-c/go v0.1.0

replace github.com/stanchion/stanchion/bindings-c/go => ../../bindings-c/go
