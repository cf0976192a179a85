package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/gatewatch/gatewatch/app"
	"github.com/gatewatch/gatewatch/parsers"
)

type serveCmd struct {
	Config  string   `help:"Configuration file (YAML); every key is also GATEWATCH_SECTION_KEY." placeholder:"FILE"`
	DataDir string   `help:"Where the embedded store, checkpoints and the admin socket lie (default: gatewatch-data)." placeholder:"DIR"`
	Listen  string   `help:"Address of REST, console and ingest (default: 127.0.0.1:8642)." placeholder:"HOST:PORT"`
	Log     []string `help:"Log or glob to follow, besides the configured sources; may be given several times." placeholder:"GLOB" sep:"none"`
	Format  string   `help:"Format of --log." default:"auto"`
	Demo    bool     `help:"Follow a sample log that is written while the server runs."`
	Print   bool     `help:"Print incidents on stdout as they appear (--demo does)."`
}

// Run serves until the process is told to stop.
func (c *serveCmd) Run(ctx context.Context, kctx *kong.Context, std streams, log *slog.Logger) error {
	cfg, err := app.LoadConfig(c.Config, os.Environ())
	if err != nil {
		return err
	}
	for _, name := range app.StrayVariables(c.Config, os.Environ(), flagVariables(kctx.Model.Node)) {
		log.Warn("an environment variable is no setting and is left alone: is it misspelt?", "name", name)
	}
	if c.DataDir != "" {
		cfg.DataDir = c.DataDir
	}
	if c.Listen != "" {
		cfg.Listen = c.Listen
	}
	if len(c.Log) > 0 {
		cfg.Sources = append(cfg.Sources, app.Source{Files: c.Log, Format: parsers.ParseSpec(c.Format)})
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	return app.Serve(ctx, cfg, app.ServeOptions{
		Hangup: hangup,
		Logger: log, Out: std.Out, Print: c.Print || c.Demo, Demo: c.Demo, Version: buildVersion(),
	})
}

// flagVariables are the environment variables of all flags below node.
func flagVariables(node *kong.Node) (names []string) {
	for _, f := range node.Flags {
		names = append(names, f.Envs...)
	}
	for _, child := range node.Children {
		names = append(names, flagVariables(child)...)
	}
	return names
}
