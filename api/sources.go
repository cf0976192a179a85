package api

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/ingest"
)

// sourceState is what was seen of a source, and what its log does not let Gatewatch do.
type sourceState struct {
	ingest.SourceReport
	// LagSeconds is how old the newest event was when the last batch came; absent before the first event.
	LagSeconds *float64 `json:"lag_seconds,omitempty"`
	// FieldsMissing are those that some detector needs and no event of this source carried.
	FieldsMissing []string      `json:"fields_missing"`
	DetectorsOff  []detectorOff `json:"detectors_off"`
}

// detectorOff is a detector that a source's log has too little for.
type detectorOff struct {
	ID      string   `json:"id"`
	Missing []string `json:"missing"`
}

// listSources answers GET /v1/sources: each source's counters, and the detectors that are off for it. Nothing is said to be
// off for a source before its first event.
func (s *Server) listSources(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	if s.deps.Sources == nil {
		return missing("ingest")
	}
	list, detectors := []sourceState{}, s.detectors()
	for _, r := range s.deps.Sources.Report() {
		list = append(list, describeSource(r, detectors))
	}
	return c.JSON(http.StatusOK, map[string]any{"sources": list})
}

func describeSource(r ingest.SourceReport, detectors []detect.Info) sourceState {
	st := sourceState{SourceReport: r, FieldsMissing: []string{}, DetectorsOff: []detectorOff{}}
	if r.Parsed == 0 {
		return st
	}
	if !r.LastEvent.IsZero() && !r.LastSeen.IsZero() {
		lag := max(0, r.LastSeen.Sub(r.LastEvent).Seconds())
		st.LagSeconds = &lag
	}
	available := map[string]bool{}
	for _, f := range r.Fields {
		available[f] = true
	}
	for id, fields := range detect.Missing(detectors, available) {
		st.DetectorsOff = append(st.DetectorsOff, detectorOff{id, fields})
		st.FieldsMissing = append(st.FieldsMissing, fields...)
	}
	slices.SortFunc(st.DetectorsOff, func(a, b detectorOff) int { return compareText(a.ID, b.ID) })
	slices.Sort(st.FieldsMissing)
	st.FieldsMissing = slices.Compact(st.FieldsMissing)
	return st
}
