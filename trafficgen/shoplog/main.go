// Command shoplog writes the generated shop's access log to standard output: for benchmarks and for trying things out.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/gatewatch/gatewatch/trafficgen"
)

func main() {
	lines := flag.Int("lines", 100_000, "lines to write")
	days := flag.Float64("days", 7, "days that they span, about")
	seed := flag.Uint64("seed", 1, "the same seed gives the same log")
	format := flag.String("format", "combined", "combined or json")
	flag.Parse()
	if err := write(*lines, *days, *seed, *format); err != nil {
		fmt.Fprintln(os.Stderr, "shoplog:", err)
		os.Exit(1)
	}
}

func write(lines int, days float64, seed uint64, format string) error {
	forms := map[string]trafficgen.Append{"combined": trafficgen.AppendCombined, "json": trafficgen.AppendJSON}
	form, ok := forms[format]
	if !ok || lines <= 0 || days <= 0 {
		return fmt.Errorf("want -format combined or json, and -lines and -days above 0")
	}
	span := time.Duration(days * float64(24*time.Hour))
	gen := trafficgen.New(trafficgen.Config{
		Seed: seed, Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Duration: span,
		Rate: 1.3 * float64(lines) / span.Seconds(), // attacks come on top; what is too much is cut off
	})
	w := bufio.NewWriterSize(os.Stdout, 1<<20)
	n, err := trafficgen.Write(w, gen, form, lines)
	if err != nil {
		return err
	}
	if n < lines {
		return fmt.Errorf("only %d lines came together", n)
	}
	return w.Flush()
}
