package rules

import (
	"math"
	"slices"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

// Rule is one loaded rule: a detection over single events, or a correlation over other rules.
type Rule struct {
	ID             string // the Sigma name, else the Sigma id, else a slug of the title
	UUID           string // the Sigma id as written
	Title          string
	Description    string
	Status         string
	Level          string // informational, low, medium, high, critical
	Author         string
	References     []string
	Related        []Related
	FalsePositives []string
	Tags           []string
	Needs          []string // event fields without which the rule cannot match
	Reads          []string // rule fields that its condition looks at; nil for correlations

	Kind        detect.Kind
	Severity    detect.Severity
	OWASP       []string
	MITRE       []string
	Explanation string        // template of the finding's sentence; empty: built from the title
	Unit        string        // what is counted, for people
	Signal      bool          // fills signatures and feeds correlations, never raises a finding by itself
	Score       float64       // what the rule adds to a request's attack score, 0..1
	Quiet       time.Duration // how long a rule about single events stays one finding
	Learned     *Learned
	Unless      *Unless // nil: nothing excuses
	Scenarios   []Scenario

	Correlation *Correlation // nil for rules about single events

	File string
	Line int

	fingerprint uint64 // of all that decides what its windows hold: equal rules may share their state

	raises bool // whether matches become findings: not a signal, and not only a part of correlations
	cond   node
}

// Related says how the rule came from others (Sigma's related).
type Related struct {
	ID   string
	Type string // derived, obsolete, merged, renamed, similar or correlation
}

// Learned asks for a threshold that was learned, with the written one as the floor.
type Learned struct {
	Quantile float64 // of the measure, over the history of By; 0 < q < 1
	Factor   float64 // the learned quantile is multiplied by it
	By       string  // "endpoint", "user", "client_ip" or "service"
}

// Unless excuses a group: its condition does not hold while the events of another rule, later than the first of the events
// that make it hold and not counted themselves, come to Share of the threshold or more. So a client that also does what clients do is told from one
// that does nothing else.
type Unless struct {
	Rule  string  // the id of a rule about single events
	Share float64 // of the threshold, above 0
}

// limit is how many events of the other rule excuse.
func (u *Unless) limit(threshold int) int { return max(1, int(math.Ceil(u.Share*float64(threshold)))) }

// CorrelationType is a Sigma correlation type.
type CorrelationType string

// The correlation types of Sigma 2.
const (
	EventCount      CorrelationType = "event_count"
	ValueCount      CorrelationType = "value_count"
	ValueSum        CorrelationType = "value_sum"
	ValueAvg        CorrelationType = "value_avg"
	ValuePercentile CorrelationType = "value_percentile"
	Temporal        CorrelationType = "temporal"
	TemporalOrdered CorrelationType = "temporal_ordered"
)

// temporal reports whether the type is about which rules matched, not about how much.
func (t CorrelationType) temporal() bool { return t == Temporal || t == TemporalOrdered }

// numeric reports whether the type is about the numbers in a field.
func (t CorrelationType) numeric() bool {
	return t == ValueSum || t == ValueAvg || t == ValuePercentile
}

// Correlation is the condition of a correlation rule.
type Correlation struct {
	Type       CorrelationType
	Rules      []string // ids of the base rules
	GroupBy    []string // as written: event fields or aliases
	Timespan   time.Duration
	Bounds     []Bound // all must hold
	Threshold  int     // counts and temporal types: fires at this many; gte N is N, gt N is N+1
	Closing    bool    // a bound is from above: judged when the window closes
	Field      string  // value types: the field whose values count (event name)
	Percentile float64 // value_percentile: 0 to 100
	Aliases    map[string]map[string]string
	Generate   bool // whether the base rules raise findings of their own as well

	bases     []*Rule
	base      []int32     // signature indexes of the rules; of correlations none
	signature int32       // the one that marks events of any of them
	group     []fieldID   // what GroupBy stands for
	perRule   [][]fieldID // the same for each rule, where aliases mean different fields; else nil
	value     fieldID
}

// Bound is one comparison of a correlation's number.
type Bound struct {
	Op    string // gt, gte, lt, lte, eq or neq
	Value float64
}

func (b Bound) holds(v float64) bool {
	switch b.Op {
	case "gt":
		return v > b.Value
	case "gte":
		return v >= b.Value
	case "lt":
		return v < b.Value
	case "lte":
		return v <= b.Value
	case "neq":
		return v != b.Value
	}
	return v == b.Value
}

func boundsHold(bounds []Bound, v float64) bool {
	for _, b := range bounds {
		if !b.holds(v) {
			return false
		}
	}
	return true
}

// chained reports whether one of the base rules is a correlation itself.
func (c *Correlation) chained() bool {
	return slices.ContainsFunc(c.bases, func(r *Rule) bool { return r.Correlation != nil })
}

// Info describes the rule as a detector.
func (r *Rule) Info() detect.Info {
	return detect.Info{
		ID: r.ID, Title: r.Title, Description: r.Description, Kind: r.Kind, Severity: r.Severity, Needs: r.Needs,
		Learned: r.Learned != nil, OWASP: r.OWASP, MITRE: r.MITRE,
	}
}
