package parsers

import (
	"errors"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// BenchmarkParse reads each format's samples: BenchmarkParse/text/NAME and BenchmarkParse/json/NAME.
func BenchmarkParse(b *testing.B) {
	for _, f := range Formats() {
		kind := "text"
		if strings.HasPrefix(f.Samples[0], "{") {
			kind = "json"
		}
		b.Run(kind+"/"+f.Name, func(b *testing.B) { benchmarkFormat(b, f) })
	}
}

// settleRounds is how often the samples are read before the clock starts: what is inside a wrapper is recognised by then.
const settleRounds = 4 * settleLines

// benchmarkFormat reads a format's samples and reports lines per second of processor time, which other work on the
// machine does not change, and allocations per line.
func benchmarkFormat(b *testing.B, f Format) {
	p, err := f.New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	var ev event.Event
	bytes := 0
	for range settleRounds {
		for _, line := range f.Samples {
			ev.Reset()
			_ = p.Parse(line, &ev) // the W3C header and the recognition inside wrappers
		}
	}
	for _, line := range f.Samples {
		bytes += len(line)
	}
	b.SetBytes(int64(bytes))
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	allocated := memory.Mallocs
	before := cpuTime(b)
	for b.Loop() {
		for _, line := range f.Samples {
			ev.Reset()
			if err := p.Parse(line, &ev); err != nil && !errors.Is(err, ErrNoRequest) {
				b.Fatal(err)
			}
		}
	}
	lines := float64(b.N * len(f.Samples))
	took := cpuTime(b) - before
	runtime.ReadMemStats(&memory)
	b.ReportMetric(lines/took.Seconds(), "lines/cpu-s")
	b.ReportMetric(float64(memory.Mallocs-allocated)/lines, "allocs/line")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRecognize tells what the first look at a source costs.
func BenchmarkRecognize(b *testing.B) {
	lines := combined().Samples
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Recognize(lines); err != nil {
			b.Fatal(err)
		}
	}
}
