package api

import (
	"slices"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/ingest"
)

// TestDescribeSource: what a source's log lacks, and the detectors that are off for it.
func TestDescribeSource(t *testing.T) {
	detectors := []detect.Info{
		{ID: "latency", Needs: []string{"duration_ms", "path"}},
		{ID: "brute-force", Needs: []string{"client_ip"}},
		{ID: "account", Needs: []string{"user", "duration_ms"}},
	}
	st := describeSource(ingest.SourceReport{
		Source: "edge", Parsed: 3, Fields: []string{"client_ip", "path"}, LastEvent: noon, LastSeen: noon.Add(2500 * time.Millisecond),
	}, detectors)
	if !slices.Equal(st.FieldsMissing, []string{"duration_ms", "user"}) || st.LagSeconds == nil || *st.LagSeconds != 2.5 {
		t.Errorf("%+v", st)
	}
	if len(st.DetectorsOff) != 2 || st.DetectorsOff[0].ID != "account" || st.DetectorsOff[1].ID != "latency" ||
		!slices.Equal(st.DetectorsOff[1].Missing, []string{"duration_ms"}) {
		t.Errorf("%+v", st.DetectorsOff)
	}
	if st := describeSource(ingest.SourceReport{Source: "new", Failed: 3}, detectors); len(st.DetectorsOff) != 0 || st.LagSeconds != nil {
		t.Errorf("before the first event: %+v", st)
	}
}
