// Command gatewatch reads API gateways' access logs, learns how endpoints and users behave, and raises explained
// incidents. Each subcommand is one file of this folder; it maps flags to options and calls one constructor.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the whole command line. Every flag can be given as GATEWATCH_<FLAG> in the environment.
type cli struct {
	LogLevel  slog.Level `help:"Least level of what is logged to stderr: debug, info, warn, error." default:"info" placeholder:"LEVEL"`
	LogFormat string     `help:"Form of the log on stderr: text or json." enum:"text,json" default:"text"`

	Serve     serveCmd     `cmd:"" help:"Run everything in one process tree: ingest, store, detection, REST, console."`
	Agent     agentCmd     `cmd:"" help:"Tail, parse and ship logs to a server."`
	Analyze   analyzeCmd   `cmd:"" help:"One-shot report over logs."`
	Parse     parseCmd     `cmd:"" help:"Print one normalised event per log line."`
	Rules     rulesCmd     `cmd:"" help:"List, lint, test and backtest detection rules."`
	Baseline  baselineCmd  `cmd:"" help:"Recompute and show baselines; score a series."`
	Incidents incidentsCmd `cmd:"" help:"List, show and work on incidents of a running server."`
	Decisions decisionsCmd `cmd:"" help:"Ban, throttle and freeze by hand; list and undo what is decided."`
	Keys      keysCmd      `cmd:"" help:"Create, list and revoke API keys of a running server."`
	Privacy   privacyCmd   `cmd:"" help:"Keys of pseudonyms, and whom they stand for."`
	Import    importCmd    `cmd:"" help:"Load history into a running server."`
	Migrate   migrateCmd   `cmd:"" help:"Bring the store's schema up to date, or show where it stands."`
	Engine    engineCmd    `cmd:"" help:"Install or run the embedded ClickHouse engine."`
	Version   versionCmd   `cmd:"" help:"Print the version."`
}

// streams are the command's input and outputs, so that a test can take the place of the terminal.
type streams struct {
	In  io.Reader
	Out io.Writer // results
	Err io.Writer // everything else
}

// exitCode is an error that only carries the exit status: what there was to say has been said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// run parses args, runs the subcommand and returns the exit status: 0 done, 1 failed, 2 the command line is wrong.
func run(ctx context.Context, args []string, std streams) int {
	var c cli
	parser, err := kong.New(&c,
		kong.Name("gatewatch"),
		kong.Description("Reads gateways' access logs, learns normal behaviour, raises explained incidents."),
		kong.Writers(std.Out, std.Err),
		kong.DefaultEnvars("GATEWATCH"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.UsageOnError(),
		kong.Exit(func(code int) { panic(exitCode(code)) }),
	)
	if err != nil {
		_, _ = fmt.Fprintln(std.Err, "gatewatch:", err)
		return 2
	}
	kctx, code, done := parse(parser, args, std.Err)
	if done {
		return code
	}
	logger := newLogger(std.Err, c.LogLevel, c.LogFormat)
	kctx.BindTo(ctx, (*context.Context)(nil))
	kctx.Bind(std, logger)
	err = kctx.Run()
	var exit exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	default:
		_, _ = fmt.Fprintln(std.Err, "gatewatch:", err)
		return 1
	}
}

// parse turns kong's exits (after --help) into a return.
func parse(parser *kong.Kong, args []string, stderr io.Writer) (kctx *kong.Context, code int, done bool) {
	defer func() {
		if r := recover(); r != nil {
			exit, ok := r.(exitCode)
			if !ok {
				panic(r)
			}
			code, done = int(exit), true
		}
	}()
	kctx, err := parser.Parse(args)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "gatewatch: %v (%s --help lists what there is)\n", err, asked(err))
		return nil, 2, true
	}
	return kctx, 0, false
}

// asked is the command that a line did not fit.
func asked(err error) string {
	words := []string{"gatewatch"}
	var wrong *kong.ParseError
	if errors.As(err, &wrong) {
		for _, step := range wrong.Context.Path {
			if step.Command != nil {
				words = append(words, step.Command.Name)
			}
		}
	}
	return strings.Join(words, " ")
}

func newLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
