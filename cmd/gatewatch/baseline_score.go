package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/gatewatch/gatewatch/baseline"
)

type baselineScoreCmd struct {
	File string `arg:"" help:"CSV with the columns timestamp and value; - reads stdin."`
}

// Run writes the rows with their scores to stdout and a summary to stderr.
func (c *baselineScoreCmd) Run(std streams) (err error) {
	in := std.In
	if c.File != "-" {
		f, oerr := os.Open(c.File)
		if oerr != nil {
			return oerr
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		in = f
	}
	r, err := baseline.ScoreCSV(in, std.Out)
	if err != nil {
		return fmt.Errorf("score %s: %w", c.File, err)
	}
	_, _ = fmt.Fprintf(std.Err, "%d rows, %d alarms (score 0.5 or more), %d missing values, %d timestamps not understood\n",
		r.Rows, r.Alarms, r.Missing, r.Untimed)
	return nil
}
