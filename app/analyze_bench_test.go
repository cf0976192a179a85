package app

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// cpuSeconds is the CPU time of this process, and of its children that have ended.
func cpuSeconds(tb testing.TB) (own, children float64) {
	tb.Helper()
	read := func(who int) float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			tb.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	}
	return read(syscall.RUSAGE_SELF), read(syscall.RUSAGE_CHILDREN)
}

// BenchmarkAnalyze takes a whole log (GATEWATCH_BENCH_LOG) through parse, enrichment, store and detection, the engine
// included, and reports lines per CPU-second of all processes together.
func BenchmarkAnalyze(b *testing.B) {
	path := os.Getenv("GATEWATCH_BENCH_LOG")
	if path == "" {
		b.Skip("GATEWATCH_BENCH_LOG names no log")
	}
	requireEngine(b)
	var lines uint64
	own0, children0 := cpuSeconds(b)
	for b.Loop() {
		report, err := Analyze(context.Background(), AnalyzeOptions{
			Paths: []string{path}, TempDir: b.TempDir(), engineCommand: testEngine(),
		})
		if err != nil {
			b.Fatal(err)
		}
		lines += report.Logs[0].Lines
		b.Logf("%s: %d lines, %d incidents, %d models", filepath.Base(path), report.Logs[0].Lines, len(report.Incidents), report.Models)
	}
	own, children := cpuSeconds(b)
	own, children = own-own0, children-children0
	b.ReportMetric(float64(lines)/(own+children), "lines/CPU-s")
	b.ReportMetric(own/float64(lines)*1e6, "us-gatewatch/line")
	b.ReportMetric(children/float64(lines)*1e6, "us-engine/line")
}
