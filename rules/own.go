package rules

import (
	"slices"
	"strings"

	"github.com/gatewatch/gatewatch/detect"
)

// An event's strings alias large buffers: what outlives the event is copied here.

func ownString(s string) string { return strings.Clone(s) }

// cloneFinding returns a copy whose slices may be changed without touching f's.
func cloneFinding(f *detect.Finding) detect.Finding {
	out := *f
	out.Group = slices.Clone(f.Group)
	out.Sample = slices.Clone(f.Sample)
	out.Measure.Where = slices.Clone(f.Measure.Where)
	if f.Measure.Until != nil {
		until := *f.Measure.Until
		out.Measure.Until = &until
	}
	return out
}
