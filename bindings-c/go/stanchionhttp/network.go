//go:build cgo

package stanchionhttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"syscall"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// NetworkErrorOf is the class of an error of net/http or net, by which a policy's table knows it.
func NetworkErrorOf(err error) stanchion.NetworkError {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return stanchion.NetworkAborted
	case isTimeout(err):
		return stanchion.NetworkTimeout
	case errors.As(err, &dns):
		return stanchion.NetworkDNS
	case isTLS(err):
		return stanchion.NetworkTLS
	case errors.Is(err, syscall.ECONNREFUSED), errors.As(err, &op) && op.Op == "dial":
		return stanchion.NetworkRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return stanchion.NetworkReset
	default:
		return stanchion.NetworkOther // a connection that ended too early among them, which the table treats alike
	}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

func isTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &certificate) || errors.As(err, &record) || errors.As(err, &alert) ||
		errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}
