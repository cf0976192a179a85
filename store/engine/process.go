package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// child is one engine process.
type child struct {
	cmd    *exec.Cmd
	input  io.WriteCloser // its standard input: closing it asks the child to stop
	stderr *lineLogger
	ended  chan struct{} // closed when the process is gone
	err    error         // why, once ended is closed
}

// spawn starts a child and waits until it answers.
func (s *Supervisor) spawn(ctx context.Context) (*child, error) {
	c := &child{ended: make(chan struct{}), stderr: &lineLogger{log: s.log}}
	c.cmd = exec.Command(s.opts.Command[0], s.opts.Command[1:]...) //nolint:gosec // our own binary
	c.cmd.Env = append(os.Environ(), ChildEnv+"=1")
	c.cmd.ExtraFiles = []*os.File{s.socket}
	c.cmd.Stderr = c.stderr
	c.cmd.WaitDelay = time.Second
	detach(c.cmd)
	order, err := json.Marshal(childOrder{s.opts.Library, s.opts.Path, s.token, s.opts.Config})
	if err != nil {
		return nil, err
	}
	if c.input, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	_, err = c.input.Write(append(order, '\n'))
	if err == nil {
		err = s.awaitReady(ctx, c)
	}
	if err != nil {
		c.stop(time.Second)
		return nil, err
	}
	return c, nil
}

// awaitReady asks the child for a sign of life. The socket takes the connection before the child does, so a request
// simply waits until the engine has loaded.
func (s *Supervisor) awaitReady(ctx context.Context, c *child) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	answered := make(chan error, 1)
	go func() { answered <- s.ping(ctx) }()
	select {
	case <-c.ended:
		cancel()
		<-answered //nolint:errcheck // it was cancelled; the process tells more
		return c.reason()
	case err := <-answered:
		return err
	}
}

// ping asks until there is an answer or ctx ends. A connection that an earlier child had taken breaks; that is no answer.
func (s *Supervisor) ping(ctx context.Context) error {
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr()+"/ping", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the engine does not answer: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// killAfter is what a child has beyond Config.StopTimeout, to kill the statements that still run and to close the engine.
const killAfter = 10 * time.Second

// stop asks the child to end and kills it when it has not within patience and killAfter.
func (c *child) stop(patience time.Duration) {
	_ = c.input.Close()
	select {
	case <-c.ended:
	case <-time.After(patience + killAfter):
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
}

// reason says why the child is gone: what it said last on standard error, and how it exited.
func (c *child) reason() error {
	state := c.err
	if state == nil {
		state = errors.New("exited")
	}
	if last := c.stderr.tail(); last != "" {
		return fmt.Errorf("%s (%w)", last, state)
	}
	return fmt.Errorf("the engine process ended: %w", state)
}

// lineLogger passes a process's standard error on to a log, line by line, and keeps the last lines.
type lineLogger struct {
	log *slog.Logger

	mu      sync.Mutex
	partial []byte
	last    []string
}

const (
	maxLine   = 4 << 10
	keepLines = 5
)

// Write implements io.Writer.
func (l *lineLogger) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, p...)
	for {
		line, rest, found := strings.Cut(string(l.partial), "\n")
		if !found {
			if len(l.partial) > maxLine {
				l.partial = l.partial[:0]
			}
			return len(p), nil
		}
		l.partial = []byte(rest)
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		line = line[:min(len(line), maxLine)]
		l.log.Info("engine: " + line)
		if l.last = append(l.last, line); len(l.last) > keepLines {
			l.last = l.last[1:]
		}
	}
}

func (l *lineLogger) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.last, "; ")
}
