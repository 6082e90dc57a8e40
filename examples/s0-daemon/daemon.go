package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
	"github.com/stanchion/stanchion/bindings-c/go/stanchionhttp"
)

// lockWait is how long somebody waits at most who finds the state file or the spool locked. It is held for microseconds.
const lockWait = 10 * time.Second

// daemon hands on to a server what it is given, under one policy. It holds all that it needs, so that there may be several.
type daemon struct {
	url    string
	client *http.Client
	store  *stanchion.Store
	policy *stanchion.Policy
	spool  *stanchion.Spool
}

// openDaemon opens a daemon in a folder of its own. What it knew and kept there before it ended, it knows and keeps.
func openDaemon(folder string, rules []byte, url string, opts ...stanchion.Option) (_ *daemon, err error) {
	d := &daemon{url: url, client: &http.Client{}}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if d.store, err = stanchion.OpenFile(filepath.Join(folder, "state"), stanchion.LockWait(lockWait)); err != nil {
		return nil, err
	}
	if d.policy, err = stanchion.FromJSON(rules, append(opts, stanchion.WithStore(d.store, "server"))...); err != nil {
		return nil, err
	}
	d.spool, err = stanchion.OpenSpool(filepath.Join(folder, "spool"), d.policy, stanchion.LockWait(lockWait))
	return d, err
}

func (d *daemon) close() {
	if d.spool != nil {
		d.spool.Close()
	}
	if d.policy != nil {
		d.policy.Close()
	}
	if d.store != nil {
		d.store.Close()
	}
	d.client.CloseIdleConnections()
}

// handle hands a message on, or keeps it where the circuit is open: nil says that it will arrive. Who gets an error still has it.
func (d *daemon) handle(ctx context.Context, id string, payload []byte) error {
	kept, err := d.spool.Report()
	if err != nil {
		return err
	}
	if kept.Items == 0 {
		err := d.policy.Do(ctx, func(ctx context.Context) error {
			return d.send(ctx, id, bytes.NewReader(payload), int64(len(payload)))
		})
		if !errors.Is(err, stanchion.ErrRejected) {
			return err
		}
	}
	// Nothing overtakes what waits: so all arrives in the order in which it came.
	_, err = d.spool.Append(ctx, id, payload)
	return err
}

// deliver delivers what waits, until the context ends.
func (d *daemon) deliver(ctx context.Context) error {
	return d.spool.Deliver(ctx, d.sendKept)
}

func (d *daemon) sendKept(ctx context.Context, item *stanchion.Delivery) error {
	return d.send(ctx, item.ID, item.Reader(), item.Size)
}

// send makes one request. The payload is read as it is sent, so it need not fit into memory.
func (d *daemon) send(ctx context.Context, id string, payload io.Reader, size int64) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, payload)
	if err != nil {
		return err
	}
	request.ContentLength = size
	// A delivery whose acknowledgement was lost comes again: by this the server knows it.
	request.Header.Set("Idempotency-Key", id)
	response, err := d.client.Do(request)
	if err != nil {
		return &stanchion.ReplyError{Reply: stanchion.Reply{Error: stanchionhttp.NetworkErrorOf(err)}, Err: err}
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body) // so that the connection is used again
	reply := &stanchion.ReplyError{
		Reply: stanchion.Reply{Status: response.StatusCode, RetryAfter: response.Header.Get("Retry-After")},
	}
	switch response.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return nil
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: %w", stanchion.ErrUndeliverable, reply) // kept apart, and those behind it go on
	default:
		return reply
	}
}
