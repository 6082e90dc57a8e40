package stanchiongrpc

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// The HTTP status of each code, as google/rpc/code.proto has it. By it a policy's table knows the code, and its field classify
// overrides it: "503" is Unavailable.
var httpStatus = map[codes.Code]int{
	codes.OK:                 http.StatusOK,
	codes.Canceled:           499,
	codes.Unknown:            http.StatusInternalServerError,
	codes.InvalidArgument:    http.StatusBadRequest,
	codes.DeadlineExceeded:   http.StatusGatewayTimeout,
	codes.NotFound:           http.StatusNotFound,
	codes.AlreadyExists:      http.StatusConflict,
	codes.PermissionDenied:   http.StatusForbidden,
	codes.ResourceExhausted:  http.StatusTooManyRequests,
	codes.FailedPrecondition: http.StatusBadRequest,
	codes.Aborted:            http.StatusConflict,
	codes.OutOfRange:         http.StatusBadRequest,
	codes.Unimplemented:      http.StatusNotImplemented,
	codes.Internal:           http.StatusInternalServerError,
	codes.Unavailable:        http.StatusServiceUnavailable,
	codes.DataLoss:           http.StatusInternalServerError,
	codes.Unauthenticated:    http.StatusUnauthorized,
}

// replyOf is what the end of a call was, for the table: a code with the delay of its RetryInfo, or that the caller went away.
func replyOf(ctx context.Context, err error) stanchion.Reply {
	if errors.Is(ctx.Err(), context.Canceled) {
		return stanchion.Reply{Error: stanchion.NetworkAborted}
	}
	said := status.Convert(err)
	code, isKnown := httpStatus[said.Code()]
	if !isKnown {
		code = http.StatusInternalServerError
	}
	reply := stanchion.Reply{Status: code}
	for _, detail := range said.Details() {
		if info, isOne := detail.(*errdetails.RetryInfo); isOne {
			delay := max(info.GetRetryDelay().AsDuration(), 0)
			reply.RetryAfter = strconv.FormatInt(int64((delay+time.Second-1)/time.Second), 10)
		}
	}
	return reply
}

// end settles a call by its error.
func end(call *stanchion.Call, policy *stanchion.Policy, caller context.Context, err error) {
	if isRefusal(err) {
		call.End(stanchion.Ignored) // by a policy within: it says nothing about the system
		return
	}
	classified, wrong := policy.Classify(replyOf(caller, err))
	if wrong != nil {
		call.End(stanchion.Ignored) // the policy was closed
		return
	}
	if !classified.BlockUntil.IsZero() {
		_, _ = policy.Block(classified.BlockUntil) // a file that is away is told by the policy's events
	}
	call.End(classified.Outcome)
}

func isRefusal(err error) bool {
	var refused *refusal
	return errors.As(err, &refused)
}

// refusal is the error of a call that was not admitted, with a status for who asks for one.
type refusal struct{ cause error }

func (r *refusal) Error() string { return r.cause.Error() }
func (r *refusal) Unwrap() error { return r.cause }

// GRPCStatus is ResourceExhausted where a limit holds the call up, else Unavailable, with a RetryInfo
// where waiting helps.
func (r *refusal) GRPCStatus() *status.Status {
	var rejected *stanchion.RejectedError
	if !errors.As(r.cause, &rejected) {
		return status.New(codes.Unavailable, r.Error())
	}
	code := codes.Unavailable
	if rejected.Status() == http.StatusTooManyRequests {
		code = codes.ResourceExhausted
	}
	plain := status.New(code, r.Error())
	if rejected.Never {
		return plain
	}
	detailed, err := plain.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(rejected.RetryAfter)})
	if err != nil {
		return plain
	}
	return detailed
}

// begin admits a call; a refusal carries a status.
func begin(ctx context.Context, policy *stanchion.Policy, opts []stanchion.AcquireOption) (*stanchion.Call, error) {
	call, err := policy.Begin(ctx, opts...)
	var unavailable *stanchion.UnavailableError
	if errors.Is(err, stanchion.ErrRejected) || errors.As(err, &unavailable) {
		return nil, &refusal{err}
	}
	if err != nil && ctx.Err() != nil {
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	return call, err
}
