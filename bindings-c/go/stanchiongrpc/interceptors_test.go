package stanchiongrpc

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"
)

var now = time.UnixMicro(1_700_000_000_000_000)

const oneSlot = `{"name": "p", "circuit": {"consecutive_failures": 1}, "block": {}, "bulkhead": {"max_concurrent": 1}}`

func policyOf(t *testing.T, json string) *stanchion.Policy {
	t.Helper()
	policy, err := stanchion.FromJSON([]byte(json), stanchion.WithClock(func() time.Time { return now }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(policy.Close)
	return policy
}

// server answers as its test says.
type server struct {
	health.UnimplementedHealthServer
	check func(context.Context) error
	watch func(grpc.ServerStreamingServer[health.HealthCheckResponse]) error
}

func (s *server) Check(ctx context.Context, _ *health.HealthCheckRequest) (*health.HealthCheckResponse, error) {
	return &health.HealthCheckResponse{}, s.check(ctx)
}

func (s *server) Watch(_ *health.HealthCheckRequest, out grpc.ServerStreamingServer[health.HealthCheckResponse]) error {
	return s.watch(out)
}

func connect(t *testing.T, s *server, ofServer []grpc.ServerOption, ofClient ...grpc.DialOption) health.HealthClient {
	t.Helper()
	listener := bufconn.Listen(1 << 16)
	serving := grpc.NewServer(ofServer...)
	health.RegisterHealthServer(serving, s)
	go serving.Serve(listener)
	t.Cleanup(serving.Stop)
	dial := grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() })
	ofClient = append(ofClient, dial, grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient("passthrough:///server", ofClient...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return health.NewHealthClient(conn)
}

func guarded(policy *stanchion.Policy) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithUnaryInterceptor(UnaryClientInterceptor(policy)), grpc.WithStreamInterceptor(StreamClientInterceptor(policy)),
	}
}

func refusedBy(policy *stanchion.Policy) string {
	var rejected *stanchion.RejectedError
	if errors.As(policy.Peek(), &rejected) {
		return rejected.By.Gate
	}
	return ""
}

func throttled(t *testing.T, delay time.Duration) error {
	t.Helper()
	said, err := status.New(codes.ResourceExhausted, "slow down").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	if err != nil {
		t.Fatal(err)
	}
	return said.Err()
}

func TestACodeCountsByTheTable(t *testing.T) {
	for _, row := range []struct {
		err error
		by  string
	}{
		{nil, ""}, {status.Error(codes.NotFound, ""), ""}, {status.Error(codes.Unauthenticated, ""), ""},
		{status.Error(codes.Unavailable, ""), "circuit"}, {status.Error(codes.Internal, ""), "circuit"},
		{status.Error(codes.DeadlineExceeded, ""), "circuit"}, {errors.New("unknown"), "circuit"}, {status.Error(99, ""), "circuit"},
		{throttled(t, time.Minute), "block"}, {throttled(t, 0), ""},
	} {
		policy := policyOf(t, oneSlot)
		client := connect(t, &server{check: func(context.Context) error { return row.err }}, nil, guarded(policy)...)
		_, err := client.Check(context.Background(), &health.HealthCheckRequest{})
		if by := refusedBy(policy); status.Code(err) != status.Code(row.err) || by != row.by {
			t.Errorf("%v: %v, held up by %q, not %q", row.err, err, by, row.by)
		}
	}
}

func TestADelayIsRoundedUpToSeconds(t *testing.T) {
	reply := replyOf(context.Background(), throttled(t, 1500*time.Millisecond))
	if reply != (stanchion.Reply{Status: 429, RetryAfter: "2"}) {
		t.Errorf("%+v", reply)
	}
}

func TestARefusalHasAStatus(t *testing.T) {
	policy := policyOf(t, oneSlot)
	client := connect(t, &server{}, nil, guarded(policy)...)
	_, _ = policy.Command(`{"block":{"for_ms":1500}}`)
	_, unary := client.Check(context.Background(), &health.HealthCheckRequest{})
	_, stream := client.Watch(context.Background(), &health.HealthCheckRequest{})
	for _, err := range []error{unary, stream} {
		said := status.Convert(err)
		if !errors.Is(err, stanchion.ErrRejected) || said.Code() != codes.Unavailable || len(said.Details()) != 1 {
			t.Fatalf("%v: %v", err, said)
		}
		if info := said.Details()[0].(*errdetails.RetryInfo); info.RetryDelay.AsDuration() != 1500*time.Millisecond {
			t.Errorf("%v", info)
		}
	}
}

func TestACallThatIsGivenUpIsIgnored(t *testing.T) {
	policy := policyOf(t, oneSlot)
	ctx, cancel := context.WithCancel(context.Background())
	client := connect(t, &server{check: func(inside context.Context) error { cancel(); <-inside.Done(); return nil }}, nil, guarded(policy)...)
	_, err := client.Check(ctx, &health.HealthCheckRequest{})
	if by := refusedBy(policy); status.Code(err) != codes.Canceled || by != "" {
		t.Errorf("%v, held up by %q", err, by)
	}
	if _, err := client.Check(ctx, &health.HealthCheckRequest{}); status.Code(err) != codes.Canceled {
		t.Errorf("asked with a context that has ended: %v", err)
	}
}

func TestAStreamHoldsThePermitUntilItEnds(t *testing.T) {
	for name, row := range map[string]struct {
		err error
		by  string
	}{"well": {nil, ""}, "in failure": {status.Error(codes.Unavailable, ""), "circuit"}} {
		policy := policyOf(t, oneSlot)
		goOn := make(chan struct{})
		client := connect(t, &server{watch: func(out grpc.ServerStreamingServer[health.HealthCheckResponse]) error {
			_ = out.Send(&health.HealthCheckResponse{})
			<-goOn
			return row.err
		}}, nil, guarded(policy)...)
		stream, err := client.Watch(context.Background(), &health.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		if by := refusedBy(policy); by != "bulkhead" {
			t.Errorf("%s: while open, held up by %q", name, by)
		}
		close(goOn)
		if _, err := stream.Recv(); err != io.EOF && status.Code(err) != status.Code(row.err) {
			t.Errorf("%s: %v", name, err)
		}
		if by := refusedBy(policy); by != row.by {
			t.Errorf("%s: held up by %q", name, by)
		}
	}
}

func TestAStreamThatIsGivenUpIsIgnored(t *testing.T) {
	settled := make(chan stanchion.Outcome, 1)
	policy, err := stanchion.FromJSON([]byte(oneSlot), stanchion.WithEvents(func(event stanchion.Event) {
		if event.Name == stanchion.EventSettled {
			settled <- event.Outcome
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer policy.Close()
	ctx, cancel := context.WithCancel(context.Background())
	watch := func(out grpc.ServerStreamingServer[health.HealthCheckResponse]) error {
		<-out.Context().Done()
		return nil
	}
	client := connect(t, &server{watch: watch}, nil, guarded(policy)...)
	if _, err := client.Watch(ctx, &health.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	cancel() // and never receives
	if outcome := <-settled; outcome != stanchion.Ignored || refusedBy(policy) != "" {
		t.Errorf("settled as %v", outcome)
	}
}

func TestAServerLetsInWhatItsPoliciesAdmit(t *testing.T) {
	policy := policyOf(t, `{"name": "p", "circuit": {"consecutive_failures": 1},
		"limits": [{"name": "calls", "capacity": 2, "refill_tokens": 1, "refill_interval_ms": 1500}]}`)
	var released atomic.Int32
	of := func(_ context.Context, method string) (*stanchion.Policy, func(), error) {
		if method != health.Health_Check_FullMethodName && method != health.Health_Watch_FullMethodName {
			return nil, nil, errors.New("another method")
		}
		return policy, func() { released.Add(1) }, nil
	}
	s := &server{
		check: func(context.Context) error { return nil },
		watch: func(grpc.ServerStreamingServer[health.HealthCheckResponse]) error { return nil },
	}
	interceptors := []grpc.ServerOption{
		grpc.UnaryInterceptor(UnaryServerInterceptor(of)), grpc.StreamInterceptor(StreamServerInterceptor(of)),
	}
	client := connect(t, s, interceptors)
	if _, err := client.Check(context.Background(), &health.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
	stream, err := client.Watch(context.Background(), &health.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != io.EOF {
		t.Error(err)
	}
	_, err = client.Check(context.Background(), &health.HealthCheckRequest{})
	said := status.Convert(err)
	if said.Code() != codes.ResourceExhausted || len(said.Details()) != 1 || released.Load() != 3 {
		t.Errorf("the third call: %v, released %d times", said, released.Load())
	}
}

func TestAHandlersErrorCountsAndNobodyIsLimitedWithoutAPolicy(t *testing.T) {
	policy := policyOf(t, `{"name": "p", "circuit": {"consecutive_failures": 1}}`)
	policies := make(chan *stanchion.Policy, 3)
	of := func(context.Context, string) (*stanchion.Policy, func(), error) { return <-policies, nil, nil }
	s := &server{check: func(context.Context) error { return status.Error(codes.Internal, "broken") }}
	client := connect(t, s, []grpc.ServerOption{grpc.UnaryInterceptor(UnaryServerInterceptor(of))})
	for _, row := range []struct {
		policy *stanchion.Policy
		want   codes.Code
	}{{policy, codes.Internal}, {policy, codes.Unavailable}, {nil, codes.Internal}} {
		policies <- row.policy
		if _, err := client.Check(context.Background(), &health.HealthCheckRequest{}); status.Code(err) != row.want {
			t.Errorf("%v, not %v", err, row.want)
		}
	}
}
