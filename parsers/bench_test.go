package parsers

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// BenchmarkParse reads each format's samples.
func BenchmarkParse(b *testing.B) {
	for _, f := range Formats() {
		b.Run(f.Name, func(b *testing.B) { benchmarkFormat(b, f) })
	}
}

// benchmarkFormat reads a format's samples and reports lines per second of processor time, which other work on the
// machine does not change.
func benchmarkFormat(b *testing.B, f Format) {
	p, err := f.New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	var ev event.Event
	bytes := 0
	for _, line := range f.Samples {
		bytes += len(line)
		ev.Reset()
		_ = p.Parse(line, &ev) // the W3C header and the recognition inside wrappers
	}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
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
	b.ReportMetric(lines/(cpuTime(b)-before).Seconds(), "lines/cpu-s")
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
