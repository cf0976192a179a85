package main

import (
	"context"
	"errors"

	"github.com/gatewatch/gatewatch/app"
)

type parseCmd struct {
	formatFlags
	Explain bool   `help:"Name the recognised format, its score, the fields seen and the detectors that are off."`
	Detect  bool   `help:"Add route, signatures and attack_score, judged one request at a time."`
	File    string `arg:"" help:"A log, plain, gzip or zstd; - is standard input."`
}

// Run prints one normalised event a line; the exit status is 1 when none could be read.
func (c *parseCmd) Run(ctx context.Context, std streams) error {
	spec, opts, err := c.spec()
	if err != nil {
		return err
	}
	err = app.Parse(ctx, app.ParseOptions{
		Path: c.File, Format: spec, Options: opts, Explain: c.Explain, Detect: c.Detect, In: std.In, Out: std.Out, Err: std.Err,
	})
	if errors.Is(err, app.ErrNothingParsed) {
		return exitCode(1)
	}
	return err
}
