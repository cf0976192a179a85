package tail

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/parsers"
)

// discarder takes every batch.
type discarder struct{ lines chan uint64 }

func (d discarder) Write(_ context.Context, b *ingest.Batch) error {
	d.lines <- b.Lines
	return nil
}

// BenchmarkCatchUp reads a log from its beginning, checkpoints on disk included, with the parser of nginx's default.
func BenchmarkCatchUp(b *testing.B) {
	const lines = 200_000
	dir := b.TempDir()
	line := `203.0.113.5 - alice [01/Mar/2026:12:00:00 +0000] "GET /orders/7?a=1 HTTP/1.1" 200 512 "https://shop.example.com/" "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"` + "\n"
	if err := os.WriteFile(dir+"/access.log", []byte(strings.Repeat(line, lines)), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(line) * lines))
	for b.Loop() {
		state := b.TempDir()
		sink := discarder{make(chan uint64, 16)}
		f, err := New(Options{
			Sources: []Source{{
				Name: "edge", Files: []string{dir + "/access.log"},
				NewParser: func() (parsers.Parser, error) {
					return parsers.New(parsers.Spec{Name: "nginx_combined"}, parsers.Options{})
				},
			}},
			StateDir: state, Sink: sink,
		})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		for got := uint64(0); got < lines; {
			got += <-sink.lines
		}
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
