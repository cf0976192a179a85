package app

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/trafficgen"
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

// benchLog is the log that benchmarks read: GATEWATCH_BENCH_LOG, or lines of the generated shop in combined form.
func benchLog(b *testing.B, lines int) string {
	b.Helper()
	if path := os.Getenv("GATEWATCH_BENCH_LOG"); path != "" {
		return path
	}
	path := filepath.Join(b.TempDir(), "shop.log")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	gen := trafficgen.New(trafficgen.Config{
		Seed: 1, Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Duration: 7 * 24 * time.Hour, Rate: 1.3 * float64(lines) / (7 * 86400),
	})
	n, err := trafficgen.Write(w, gen, trafficgen.AppendCombined, lines)
	if err != nil || n != lines {
		b.Fatalf("%d of %d lines written: %v", n, lines, err)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkAnalyze takes a log of 1,000,000 lines through parse, enrichment, store and detection, the engine included.
// It reports lines per CPU-second of all processes together, and the peak of their resident memory.
func BenchmarkAnalyze(b *testing.B) {
	requireEngine(b)
	path := benchLog(b, 1_000_000)
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(AnalyzeMemory)) // as the command does
	defer debug.SetGCPercent(debug.SetGCPercent(AnalyzeGCPercent))
	var lines uint64
	var peak int64
	own0, children0 := cpuSeconds(b)
	for b.Loop() {
		watch := watchMemory()
		report, err := Analyze(context.Background(), AnalyzeOptions{
			Paths: []string{path}, TempDir: b.TempDir(), engineCommand: testEngine(),
		})
		if err != nil {
			b.Fatal(err)
		}
		peak = max(peak, watch())
		lines += report.Logs[0].Lines
		b.Logf("%s: %d lines, %d incidents, %d models", filepath.Base(path), report.Logs[0].Lines, len(report.Incidents), report.Models)
	}
	own, children := cpuSeconds(b)
	own, children = own-own0, children-children0
	b.ReportMetric(float64(lines)/(own+children), "lines/CPU-s")
	b.ReportMetric(own/float64(lines)*1e6, "gatewatch-us/line")
	b.ReportMetric(children/float64(lines)*1e6, "engine-us/line")
	b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
}

// watchMemory samples the resident memory of this process and its children until the returned function is called, which
// returns the peak of the sum in bytes. Children are looked for less often: that takes more time than all else here.
func watchMemory() (peak func() int64) {
	stop, result := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		var pids []int
		for n := 0; ; n++ {
			select {
			case <-stop:
				result <- most
				return
			case <-time.After(20 * time.Millisecond):
				if n%50 == 0 {
					pids = append(childrenOf(os.Getpid()), os.Getpid())
				}
				total := int64(0)
				for _, pid := range pids {
					total += resident(pid)
				}
				most = max(most, total)
			}
		}
	}()
	return func() int64 { close(stop); return <-result }
}

// childrenOf lists a process's direct children.
func childrenOf(pid int) (list []int) {
	threads, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the thread ended
		}
		for _, child := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(child); err == nil {
				list = append(list, n)
			}
		}
	}
	return list
}

func resident(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0 // it ended
	}
	f := strings.Fields(string(text))
	if len(f) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
