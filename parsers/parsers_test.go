package parsers

import (
	"testing"

	"github.com/gatewatch/gatewatch/event"
)

func BenchmarkParse(b *testing.B) {
	for _, f := range Formats() {
		b.Run(f.Name, func(b *testing.B) { benchmarkFormat(b, f) })
	}
}

func benchmarkFormat(b *testing.B, f Format) {
	p, err := f.New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	var ev event.Event
	line := f.Samples[0]
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		ev.Reset()
		if err := p.Parse(line, &ev); err != nil {
			b.Fatal(err)
		}
	}
}

func TestSamplesParse(t *testing.T) {
	for _, f := range Formats() {
		p, err := f.New(Options{})
		if err != nil {
			t.Fatal(f.Name, err)
		}
		var ev event.Event
		for _, s := range f.Samples {
			ev.Reset()
			if err := p.Parse(s, &ev); err != nil {
				t.Errorf("%s: %v\n%s", f.Name, err, s)
			}
			t.Log(string(ev.AppendJSON(nil)))
		}
		r, err := Recognize(f.Samples)
		t.Log(r.Format, r.Confidence, err)
		if r.Format != f.Name {
			t.Error(f.Name, r.Scores[:3])
		}
	}
}
