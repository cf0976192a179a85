package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

// ChildEnv is set in the environment of a supervised engine process.
const ChildEnv = "GATEWATCH_ENGINE_CHILD"

// childOrder is what the supervisor tells the child over its standard input; secrets are neither arguments nor
// environment. The input stays open as long as the supervisor lives.
type childOrder struct {
	Library string
	Path    string
	Token   string
	Config  Config
}

const listenerFD = 3 // the first of exec.Cmd's extra files

// RunIfChild turns the process into the engine and never returns when a Supervisor started it; otherwise it does
// nothing. A test binary calls it first in TestMain, so that a supervisor can start the same binary again.
func RunIfChild() {
	if os.Getenv(ChildEnv) == "" {
		return
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := RunChild(context.Background(), os.Stdin, log); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// RunChild is the engine process of a supervisor: it reads its order from input, serves on the inherited listener, and
// stops, after the running statements, when input ends or ctx does. Signals do not stop it: a service manager sends them to
// all processes at once, while the server still has to store what it gathered.
func RunChild(ctx context.Context, input io.Reader, log *slog.Logger) error {
	signal.Ignore(os.Interrupt, unix.SIGTERM)
	in := bufio.NewReader(input)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the supervisor's order: %w", err)
	}
	var order childOrder
	if err := json.Unmarshal(line, &order); err != nil {
		return fmt.Errorf("read the supervisor's order: %w", err)
	}
	file := os.NewFile(listenerFD, "listener")
	listener, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("take the listener over: %w", err)
	}
	_ = file.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	return ServeDir(ctx, order.Library, order.Path, order.Token, order.Config, listener, log)
}

// ServeDir opens the directory path, which it creates and locks, and serves the engine on listener until ctx ends.
func ServeDir(ctx context.Context, library, path, token string, cfg Config, listener net.Listener, log *slog.Logger) error {
	defer func() { _ = listener.Close() }()
	// The engine's memory is not Go's; what Go needs here is a few copy buffers.
	debug.SetGCPercent(50)
	unlock, err := lockDir(ctx, path)
	if err != nil {
		return err
	}
	defer unlock()
	if err := forgetUncommitted(path, log); err != nil {
		return err
	}
	server, err := NewServer(library, path, token, cfg, log)
	if err != nil {
		return err
	}
	return server.Run(ctx, listener)
}

// lockDir makes sure that one process at a time has the directory. An engine whose supervisor died may still be
// finishing its statements, so it waits a while.
func lockDir(ctx context.Context, path string) (unlock func(), err error) {
	return lockDirWithin(ctx, path, lockPatience)
}

const lockPatience = 30 * time.Second

func lockDirWithin(ctx context.Context, path string, patience time.Duration) (unlock func(), err error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("create the store's directory: %w", err)
	}
	name := filepath.Join(path, "gatewatch.lock")
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the configured directory
	if err != nil {
		return nil, fmt.Errorf("lock the store's directory: %w", err)
	}
	deadline := time.After(patience)
	for {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			_ = file.Close()
			return nil, fmt.Errorf("lock the store's directory %s: %w", path, err)
		}
		select {
		case <-deadline:
			_ = file.Close()
			return nil, fmt.Errorf("the store's directory %s is in use by another engine process", path)
		case <-ctx.Done():
			_ = file.Close()
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
