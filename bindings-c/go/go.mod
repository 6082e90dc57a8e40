module github.com/stanchion/stanchion/bindings-c/go

go 1.24
