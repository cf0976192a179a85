package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/gatewatch/gatewatch/store/engine"
)

// engineCmd is `gatewatch engine`.
type engineCmd struct {
	Install engineInstallCmd `cmd:"" help:"Fetch the pinned engine library into the user's cache and check it."`
	Run     engineRunCmd     `cmd:"" help:"Serve the ClickHouse HTTP interface over a data directory (serve does this by itself)."`
}

// engineInstallCmd fetches the library.
type engineInstallCmd struct {
	Tarball string `help:"Install from this file instead of fetching it; its library's checksum must be the pinned one." env:"-" type:"existingfile"`
}

// Run prints the path of the library.
func (c *engineInstallCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	path, err := engine.Install(ctx, engine.InstallOptions{Tarball: c.Tarball, Logger: log})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.Out, path)
	return err
}

// engineRunCmd runs the engine in this process.
type engineRunCmd struct {
	Path        string        `help:"Directory of the engine's data." default:"gatewatch-engine" type:"path" env:"GATEWATCH_ENGINE_PATH"`
	Listen      string        `help:"Address of the ClickHouse HTTP interface." default:"127.0.0.1:8123" env:"GATEWATCH_ENGINE_LISTEN"`
	Token       string        `help:"Password of the user default (better in the environment than on the command line)." env:"GATEWATCH_ENGINE_TOKEN"`
	MemoryLimit int64         `help:"Cap on the engine's memory in bytes; 0 is a quarter of the machine's." default:"0" env:"GATEWATCH_ENGINE_MEMORY_LIMIT"`
	StopTimeout time.Duration `help:"How long running statements may take to finish." default:"20s" env:"GATEWATCH_ENGINE_STOP_TIMEOUT"`
}

// Run serves until ctx ends. Started by a supervisor, it takes everything from it instead of the flags.
func (c *engineRunCmd) Run(ctx context.Context, log *slog.Logger) error {
	if os.Getenv(engine.ChildEnv) != "" {
		return engine.RunChild(context.WithoutCancel(ctx), os.Stdin, log) // signals are not the child's to follow
	}
	if len(c.Token) < 8 {
		return fmt.Errorf("engine run: --token: %d characters: want 8 or more", len(c.Token))
	}
	library, err := engine.LibraryPath()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("engine run: %w", err)
	}
	log.Info("engine: serving", "address", listener.Addr().String(), "path", c.Path)
	cfg := engine.Config{MemoryLimit: c.MemoryLimit, StopTimeout: c.StopTimeout}
	return engine.ServeDir(ctx, library, c.Path, c.Token, cfg, listener, log)
}
