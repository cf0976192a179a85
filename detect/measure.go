package detect

import (
	"slices"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// Measure is a number over stored events, as data: the store compiles it to SQL (store.MeasureSQL), so that a
// finding carries its own reproduction without the detectors knowing SQL.
//
// It means: Aggregate(Field) over the events that meet every condition in Where and all conditions of at least one
// alternative in Any (when there are some), have a time in the interval (From, To] when FromOpen, else [From, To), are at
// or before Until in judging order (when Until is not zero), and were ingested at or before Cut (when Cut is not zero).
type Measure struct {
	Aggregate Aggregate `json:"aggregate"`
	Field     string    `json:"field,omitempty"`    // event field (snake_case); empty for count
	Quantile  float64   `json:"quantile,omitempty"` // for AggregateQuantile
	// Bits is how many bits of a value's significand AggregateQuantile keeps, the others being zero; 0 keeps all 52.
	Bits  int         `json:"bits,omitempty"`
	Where []Condition `json:"where"`
	// Any are alternatives; for AggregateSteps and AggregateSequence each is a step.
	Any [][]Condition `json:"any,omitempty"`
	// Parts are the measures that AggregateParts counts; it has no conditions of its own, and its bounds span theirs.
	Parts    []Part       `json:"parts,omitempty"`
	From     time.Time    `json:"from"`
	To       time.Time    `json:"to"`
	FromOpen bool         `json:"from_open,omitempty"`
	Until    *event.Place `json:"until,omitempty"`
	Cut      time.Time    `json:"cut"` // ingested_at of the newest event judged when it was taken
}

// within reports whether the measure counts events of that service alone.
func (m *Measure) within(service string) bool {
	for i := range m.Parts {
		if !m.Parts[i].Measure.within(service) {
			return false
		}
	}
	return len(m.Parts) > 0 || slices.Contains(m.Where, Condition{Field: "service", Op: OpEqual, Value: service})
}

// Aggregate names how events become a number.
type Aggregate string

// The aggregates. Distinct and quantile are exact.
const (
	AggregateCount    Aggregate = "count"
	AggregateDistinct Aggregate = "count_distinct" // absent values are not counted
	AggregateSum      Aggregate = "sum"
	AggregateAvg      Aggregate = "avg"
	AggregateQuantile Aggregate = "quantile"
	AggregateShare    Aggregate = "share" // of Where's events, the share that also meets Of; see Condition.Of
	// AggregateSteps is how many of the alternatives in Any some event meets; AggregateSequence, how many of them from the
	// first on are met one after the other, in judging order, each by an event of its own.
	AggregateSteps    Aggregate = "steps"
	AggregateSequence Aggregate = "sequence"
	AggregateParts    Aggregate = "parts" // how many of Parts measure their AtLeast
)

// Part is a measure inside another one: what a rule over rules counts.
type Part struct {
	Measure Measure `json:"measure"`
	AtLeast float64 `json:"at_least"`
}

// Condition is one comparison of an event field (snake_case) with a value.
type Condition struct {
	Field string `json:"field"`
	Op    Op     `json:"op"`
	Value string `json:"value"`
	// Of marks a condition that selects the numerator of AggregateShare instead of the events at large.
	Of bool `json:"of,omitempty"`
}

// Op is a comparison.
type Op string

// The operators. Numeric fields compare as numbers. Has tests membership in an array field (signatures, object_ids).
const (
	OpEqual Op = "eq"
	OpNot   Op = "ne"
	OpHas   Op = "has"
	OpGTE   Op = "gte"
	OpLT    Op = "lt"
)
