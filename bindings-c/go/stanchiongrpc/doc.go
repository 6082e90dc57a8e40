// Package stanchiongrpc guards gRPC by policies: interceptors for clients and servers. It is a module of its own, so that who
// needs no gRPC does not get it.
package stanchiongrpc
