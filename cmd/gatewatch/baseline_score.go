package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/ingest/logfile"
)

type baselineScoreCmd struct {
	File string `arg:"" help:"CSV with the columns timestamp and value, plain, gzip or zstd; - reads stdin."`
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
	plain, closes, err := logfile.Plain(in)
	if err != nil {
		return fmt.Errorf("read %s: %w", c.File, err)
	}
	defer func() {
		for _, c := range closes {
			_ = c.Close() // it was only read, and reading told what is wrong
		}
	}()
	r, err := baseline.ScoreCSV(plain, std.Out)
	if err == nil || r.Rows > 0 {
		writeScoreReport(std.Err, r)
	}
	if err != nil {
		return fmt.Errorf("score %s: %w", c.File, err)
	}
	return nil
}

// writeScoreReport tells how scoring went; what is unusual about the rows only where there is any.
func writeScoreReport(w io.Writer, r baseline.ScoreReport) {
	_, _ = fmt.Fprintf(w, "%d rows, %d alarms (score 0.5 or more), %d missing values\n", r.Rows, r.Alarms, r.Missing)
	for _, c := range []struct {
		n    int
		what string
	}{
		{r.NotANum, "values are no numbers and score 0"},
		{r.Untimed, "timestamps are not understood: their rows are judged without a time of day"},
		{r.Earlier, "timestamps are earlier than the one before: the rows are judged in the order of the file"},
		{r.Repeated, "timestamps repeat the one before"},
	} {
		if c.n > 0 {
			_, _ = fmt.Fprintf(w, "%d %s\n", c.n, c.what)
		}
	}
	for _, s := range r.Sample {
		_, _ = fmt.Fprintf(w, "for example %s\n", s)
	}
}
