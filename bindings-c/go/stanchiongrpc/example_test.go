package stanchiongrpc_test

import (
	"context"
	"fmt"
	"net"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
	"github.com/stanchion/stanchion/bindings-c/go/stanchiongrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
)

// A server that takes in two calls of each caller, and its client, which leaves it alone after five failures.
func Example() {
	ofServer, err := stanchion.FromJSON([]byte(`{"name": "callers", "limits": [{"name": "calls", "capacity": 2, "refill_tokens": 2,
		"refill_interval_ms": 3600000}]}`))
	if err != nil {
		panic(err)
	}
	callers := stanchion.NewKeyed(ofServer, 1000)
	defer callers.Close()
	byMethod := func(_ context.Context, method string) (*stanchion.Policy, func(), error) {
		return callers.Policy(method)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(stanchiongrpc.UnaryServerInterceptor(byMethod)))
	defer server.Stop()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	listener := bufconn.Listen(1 << 16)
	go server.Serve(listener)

	ofClient, err := stanchion.FromJSON([]byte(`{"name": "upstream", "circuit": {"consecutive_failures": 5}}`))
	if err != nil {
		panic(err)
	}
	defer ofClient.Close()
	conn, err := grpc.NewClient("passthrough:///server", grpc.WithUnaryInterceptor(stanchiongrpc.UnaryClientInterceptor(ofClient)),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	for range 3 {
		_, err := grpc_health_v1.NewHealthClient(conn).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
		fmt.Println(status.Code(err))
	}
	// Output:
	// OK
	// OK
	// ResourceExhausted
}
