// Package stanchionhttp guards HTTP by policies: a [Transport] what a client sends, [Limit] what a server takes in.
package stanchionhttp
