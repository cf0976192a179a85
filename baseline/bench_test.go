package baseline

import (
	"testing"

	"github.com/gatewatch/gatewatch/detect"
)

// BenchmarkObserve is the cost of one event in all learned detectors, with a model that judges every endpoint.
func BenchmarkObserve(b *testing.B) {
	l := newLab(2)
	l.minutes(judgedDay, judgedDay.AddDate(0, 0, 1), nil)
	events := l.sorted()
	d := NewDetectors(Config{})
	d.UseModel(labModel())
	list, none := d.List(), func(detect.Finding) {}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		e := events[i%len(events)]
		if i > 0 && i%len(events) == 0 { // the next day
			for _, e := range events {
				e.Time = e.Time.AddDate(0, 0, 1)
			}
		}
		i++
		for _, x := range list {
			x.Observe(e, none)
		}
	}
}
