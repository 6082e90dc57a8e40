package stanchiongrpc

import (
	"context"
	"io"
	"sync"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
	"google.golang.org/grpc"
)

// UnaryClientInterceptor makes calls under a policy. They count by the policy's table, in which each code stands as its HTTP
// status (google/rpc/code.proto); the RetryInfo of an error is taken as a Retry-After. A refusal is an error that errors.As
// knows as a [*stanchion.RejectedError], and whose status is ResourceExhausted or Unavailable.
func UnaryClientInterceptor(policy *stanchion.Policy, opts ...stanchion.AcquireOption) grpc.UnaryClientInterceptor {
	return func(
		ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, more ...grpc.CallOption,
	) error {
		call, err := begin(ctx, policy, opts)
		if err != nil {
			return err
		}
		defer call.End(stanchion.Failure) // of one that panics
		err = invoke(call.Context(), method, request, reply, conn, more...)
		end(call, policy, ctx, err)
		return err
	}
}

// StreamClientInterceptor does the same for streams. The permit is held until the stream has ended, as gRPC has it: by an
// error of RecvMsg, which [io.EOF] is, too, by the one message of a call whose server does not stream, or by its context.
func StreamClientInterceptor(policy *stanchion.Policy, opts ...stanchion.AcquireOption) grpc.StreamClientInterceptor {
	return func(
		ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, more ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		call, err := begin(ctx, policy, opts)
		if err != nil {
			return nil, err
		}
		s := &stream{policy: policy, call: call, caller: ctx, isOver: !desc.ServerStreams}
		isOpen := false
		defer func() {
			if !isOpen {
				call.End(stanchion.Failure) // of one that panics
			}
		}()
		s.ClientStream, err = open(call.Context(), desc, conn, method, more...)
		if err != nil {
			s.end(err)
			return nil, err
		}
		isOpen = true
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stop = context.AfterFunc(ctx, func() { s.end(ctx.Err()) })
		return s, nil
	}
}

// stream is an open one.
type stream struct {
	grpc.ClientStream
	policy *stanchion.Policy
	call   *stanchion.Call
	caller context.Context
	// Whether one message is all that comes.
	isOver bool

	mu   sync.Mutex
	stop func() bool
	done bool
}

func (s *stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return
	}
	s.done = true
	if s.stop != nil {
		s.stop()
	}
	if err == io.EOF {
		err = nil
	}
	end(s.call, s.policy, s.caller, err)
}

func (s *stream) RecvMsg(message any) error {
	err := s.ClientStream.RecvMsg(message)
	if err != nil || s.isOver {
		s.end(err)
	}
	return err
}

func (s *stream) SendMsg(message any) error {
	err := s.ClientStream.SendMsg(message)
	if err != nil && err != io.EOF { // after which RecvMsg has the status
		s.end(err)
	}
	return err
}
