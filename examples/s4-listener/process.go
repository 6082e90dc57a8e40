package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is one `s4 listen`.
type process struct {
	channel string
	command *exec.Cmd
	errors  bytes.Buffer
	ended   chan struct{}

	mu    sync.Mutex
	lines []line
}

// line is what a process tells.
type line struct {
	What   string `json:"msg"`
	URL    string `json:"url"`
	Step   string `json:"step"`
	Reason string `json:"reason"`
	Error  string `json:"error"`
}

func startListener(ctx context.Context, channel string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{channel: channel, ended: make(chan struct{})}
	p.command = exec.CommandContext(ctx, self, append([]string{"listen", "-channel", channel}, args...)...)
	p.command.Stderr = &p.errors
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			var l line
			if json.Unmarshal(scanner.Bytes(), &l) == nil {
				p.mu.Lock()
				p.lines = append(p.lines, l)
				p.mu.Unlock()
			}
		}
		_ = p.command.Wait() // how it ended is read from its state
	}()
	return p, nil
}

// who is how the server knows it.
func (p *process) who() string { return fmt.Sprintf("%s/%d", p.channel, p.command.Process.Pid) }

// stop asks it to end, and is how it ended.
func (p *process) stop(signal syscall.Signal) *os.ProcessState {
	_ = p.command.Process.Signal(signal) // which fails where it ended by itself, and its state says so
	<-p.ended
	return p.command.ProcessState
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// told is what it told since it had told so many lines.
func (p *process) told(since int) []line {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines[since:len(p.lines):len(p.lines)]
}

// has tells whether it told such a line.
func (p *process) has(since int, is func(line) bool) bool {
	for _, l := range p.told(since) {
		if is(l) {
			return true
		}
	}
	return false
}

func (p *process) healthURL() string {
	for _, l := range p.told(0) {
		if l.URL != "" {
			return l.URL
		}
	}
	return ""
}

// probe is how a process answers a probe over HTTP: the status, 0 where it is not there, and the reasons.
func (p *process) probe(ctx context.Context, kind string) (status int, reasons string) {
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.healthURL()+kind, nil)
	if err != nil {
		return 0, ""
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	var said struct {
		Checks map[string][]struct{ Reasons []string }
	}
	if json.NewDecoder(response.Body).Decode(&said) != nil {
		return 0, ""
	}
	var all []string
	for _, checks := range said.Checks {
		for _, check := range checks {
			all = append(all, check.Reasons...)
		}
	}
	return response.StatusCode, strings.Join(all, ", ")
}
