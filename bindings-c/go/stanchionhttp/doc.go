// Package stanchionhttp guards HTTP by policies: a [Transport] what a client sends, a [Limiter] what a server takes in.
// A [HealthHandler] answers probes.
package stanchionhttp
