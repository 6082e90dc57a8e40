// Package stanchiongrpc guards gRPC by policies: interceptors for clients and servers. It is a module of its own, so that who
// needs no gRPC does not get it.
//
// The interceptors make no call again, also under a policy with retry: gRPC has retries of its own, in the service config of a
// connection, all attempts of which are one call here. Who wants the policy's retries makes the call within [stanchion.Policy.Do],
// with a [stanchion.ReplyError] that tells what came back, and without the interceptor.
package stanchiongrpc
