package stanchiongrpc

import (
	"context"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
	"google.golang.org/grpc"
)

// PolicyOf is the policy by which a call is limited, by its method and what its context says of the caller. Release is called
// when the call has ended; it may be nil. Without a policy the call is not limited. An error is what the caller gets.
type PolicyOf func(ctx context.Context, method string) (policy *stanchion.Policy, release func(), err error)

// UnaryServerInterceptor lets in what the policies admit. Refused callers get ResourceExhausted or Unavailable, with a RetryInfo
// where waiting helps. Calls count by the policy's table, in which each code stands as its HTTP status.
func UnaryServerInterceptor(policyOf PolicyOf, opts ...stanchion.AcquireOption) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (reply any, err error) {
		err = serve(ctx, policyOf, info.FullMethod, opts, func(ctx context.Context) error {
			reply, err = handle(ctx, request)
			return err
		})
		return reply, err
	}
}

// StreamServerInterceptor does the same for streams, each of which is one call.
func StreamServerInterceptor(policyOf PolicyOf, opts ...stanchion.AcquireOption) grpc.StreamServerInterceptor {
	return func(server any, in grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		return serve(in.Context(), policyOf, info.FullMethod, opts, func(ctx context.Context) error {
			return handle(server, &serverStream{in, ctx})
		})
	}
}

func serve(
	ctx context.Context, policyOf PolicyOf, method string, opts []stanchion.AcquireOption, handle func(context.Context) error,
) error {
	policy, release, err := policyOf(ctx, method)
	if err != nil {
		return err
	}
	if release != nil {
		defer release()
	}
	if policy == nil {
		return handle(ctx)
	}
	call, err := begin(ctx, policy, opts)
	if err != nil {
		return err
	}
	defer call.End(stanchion.Failure) // of one that panics
	err = handle(call.Context())
	end(call, policy, ctx, err)
	return err
}

// serverStream has the context of its call.
type serverStream struct {
	grpc.ServerStream
	context context.Context
}

func (s *serverStream) Context() context.Context { return s.context }
