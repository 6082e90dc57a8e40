package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

//go:embed policy.json
var defaultPolicy []byte

// The longest message that is taken: max_item_bytes of the policy, by default.
const longest = 16 << 20

// serveMain is the daemon: it takes messages over HTTP and hands them on.
func serveMain(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("s0 serve", flag.ExitOnError)
	server := flags.String("server", "", "where messages go")
	listen := flags.String("listen", "127.0.0.1:8080", "where messages are taken")
	folder := flags.String("folder", "s0", "what is kept lies there")
	_ = flags.Parse(args) // which exits where it fails
	if err := serve(ctx, *server, *listen, *folder); err != nil {
		fmt.Fprintln(os.Stderr, "s0 serve:", err)
		return exitFailed
	}
	return exitDone
}

func serve(ctx context.Context, url, listen, folder string) error {
	d, err := openDaemon(folder, defaultPolicy, url)
	if err != nil {
		return err
	}
	defer d.close()
	server := &http.Server{Addr: listen, Handler: d, ReadHeaderTimeout: 10 * time.Second}
	ctx, stop := context.WithCancelCause(ctx)
	go func() { stop(server.ListenAndServe()) }()
	err = d.deliver(ctx) // until a signal, or until nothing can be taken in any more
	last, stopWaiting := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stopWaiting()
	if unfinished := server.Shutdown(last); unfinished != nil || !errors.Is(err, context.Canceled) {
		return errors.Join(err, unfinished)
	}
	return nil
}

// ServeHTTP takes a message in: 202 says that it will arrive. Whoever gets anything else still has it.
func (d *daemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longest))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	err = d.handle(r.Context(), r.Header.Get("Idempotency-Key"), payload)
	switch {
	case err == nil:
		w.WriteHeader(http.StatusAccepted)
	case errors.Is(err, stanchion.ErrSpoolFull):
		http.Error(w, err.Error(), http.StatusInsufficientStorage)
	default:
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}
