package ingest

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// maxSources bounds the report: further sources are still ingested and counted under OtherSources.
const maxSources = 10_000

// OtherSources is the name under which sources beyond the bound of the report are counted together.
const OtherSources = "(other)"

// SourceReport says what was seen of a source since the process started.
type SourceReport struct {
	Source     string    `json:"source"`
	Format     string    `json:"format,omitempty"`     // the parser's name; "mixed" when several
	Confidence float64   `json:"confidence,omitempty"` // of the recognition; 0 when configured
	Fields     []string  `json:"fields"`               // event fields (snake_case) that some event carried
	Lines      uint64    `json:"lines"`                // received
	Parsed     uint64    `json:"parsed"`               // events in them
	Failed     uint64    `json:"failed"`               // lines that did not parse
	Skipped    uint64    `json:"skipped"`              // lines without a request
	Stored     uint64    `json:"stored"`               // events accepted as new
	Duplicate  uint64    `json:"duplicate"`            // events dropped because the store has them
	LagBytes   uint64    `json:"lag_bytes"`            // not yet read of the file, as its agent last said
	LastEvent  time.Time `json:"last_event,omitzero"`  // newest event time
	LastSeen   time.Time `json:"last_seen,omitzero"`   // when its last batch came
	Failures   []Failure `json:"failures,omitempty"`   // sample of the newest failed lines
}

// Sources counts by source. It is safe for concurrent use.
type Sources struct {
	mu sync.Mutex
	m  map[string]*sourceState
}

type sourceState struct {
	SourceReport
	fields event.FieldSet
}

// NewSources returns an empty report.
func NewSources() *Sources { return &Sources{m: map[string]*sourceState{}} }

// Report returns one row a source, by name.
func (s *Sources) Report() []SourceReport {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := make([]SourceReport, 0, len(s.m))
	for _, st := range s.m {
		row := st.SourceReport
		row.Fields = st.fields.Names()
		row.Failures = slices.Clone(row.Failures)
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b SourceReport) int { return cmp.Compare(a.Source, b.Source) })
	return rows
}

// Fields returns the event fields that some event of any source carried, for detect.Missing.
func (s *Sources) Fields() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all event.FieldSet
	for _, st := range s.m {
		all |= st.fields
	}
	available := map[string]bool{}
	for _, name := range all.Names() {
		available[name] = true
	}
	return available
}

// record adds one batch. b.Events still holds all of its events, new or not.
func (s *Sources) record(b *Batch, stored, duplicate int, now time.Time) {
	var fields event.FieldSet
	var newest time.Time
	format := b.Format
	for i := range b.Events {
		ev := &b.Events[i]
		fields.Add(ev)
		if ev.Time.After(newest) {
			newest = ev.Time
		}
		if format == "" {
			format = ev.Format
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state(b.Source)
	st.fields |= fields
	st.Lines += max(b.Lines, uint64(len(b.Events)))
	st.Parsed += uint64(len(b.Events))
	st.Failed += b.Failed
	st.Skipped += b.Skipped
	st.Stored += uint64(stored)
	st.Duplicate += uint64(duplicate)
	st.LagBytes, st.LastSeen = b.Lag, now
	if newest.After(st.LastEvent) {
		st.LastEvent = newest
	}
	switch {
	case format == "":
	case st.Format == "":
		st.Format, st.Confidence = format, b.Confidence
	case st.Format != format:
		st.Format, st.Confidence = "mixed", 0
	}
	if len(b.Failures) > 0 {
		st.Failures = append(st.Failures, b.Failures...)
		st.Failures = slices.Clone(st.Failures[max(0, len(st.Failures)-MaxFailures):])
	}
}

func (s *Sources) state(name string) *sourceState {
	st := s.m[name]
	if st == nil && len(s.m) >= maxSources {
		name = OtherSources
		st = s.m[name]
	}
	if st == nil {
		st = &sourceState{SourceReport: SourceReport{Source: name}}
		s.m[name] = st
	}
	return st
}
