package rules

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// unit is what the rule counts, in words.
func (t *tracker) unit() string {
	switch {
	case t.rule.Unit != "":
		return t.rule.Unit
	case t.kind == ValueCount:
		return "distinct values of " + t.value.spec().name
	case t.kind.numeric():
		return valueWords[t.kind] + " of " + t.value.spec().name
	case t.kind == Temporal, t.kind == TemporalOrdered:
		return "different signs"
	}
	return "requests"
}

var valueWords = map[CorrelationType]string{ValueSum: "sum", ValueAvg: "average", ValuePercentile: "percentile"}

// explain fills the rule's template, or says the same from its title. The template's words in braces are who,
// observed, threshold, unit, timespan, request and examples.
func (t *tracker) explain(ev *event.Event, f *detect.Finding, v verdict) string {
	examples := make([]string, len(v.examples))
	for i, e := range v.examples {
		examples[i] = readable(e)
	}
	if len(examples) == 0 {
		examples = []string{request(ev)}
	}
	words := []string{
		"{who}", who(f.Entity), "{observed}", worded(f.Observed),
		"{threshold}", worded(f.Expected), "{unit}", f.Unit,
		"{timespan}", humanSpan(time.Duration(t.span)), "{request}", request(ev),
		"{examples}", strings.Join(examples, ", "),
	}
	template := t.rule.Explanation
	if template == "" {
		template = "{title}: {who} sent {request}."
		if t.rule.Correlation != nil {
			template = "{title}: {who} " + reached(t.rule.Correlation.Type) + " {observed} {unit} within {timespan} (threshold {threshold}), for example {examples}."
		}
		words = append(words, "{title}", f.Title)
	}
	if f.Observed == 1 {
		template = observedNouns.ReplaceAllString(template, "{observed} $1")
	}
	return strings.NewReplacer(words...).Replace(template)
}

// reached is the verb between the actor and what was counted.
func reached(t CorrelationType) string {
	switch t {
	case ValueCount:
		return "was seen with"
	case ValueSum, ValueAvg, ValuePercentile:
		return "reached"
	}
	return "made"
}

// worded is what was counted: with commas when it is whole.
func worded(v float64) string {
	if v == math.Trunc(v) && v >= 0 && v < 1e15 {
		return detect.Thousands(uint64(v))
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// observedNouns matches a plural that follows the number, for the case that there is one.
var observedNouns = regexp.MustCompile(`\{observed\} ((?:different )?[a-z]+)s\b`)

func who(e detect.Entity) string {
	switch e.Type {
	case detect.EntityClient:
		return "client " + e.Value
	case detect.EntityUser:
		return "user " + readable(e.Value)
	case detect.EntitySession:
		return "session " + e.Value
	case detect.EntityEndpoint:
		return "endpoint " + readable(e.Value)
	}
	if e.Value == "" {
		return "the service"
	}
	return "service " + e.Value
}

// request describes a request shortly: method, target, status.
func request(ev *event.Event) string {
	target := ev.Path
	if ev.Query != "" {
		target += "?" + ev.Query
	}
	s := strings.TrimSpace(ev.Method + " " + readable(target))
	if ev.RequestLine != "" {
		s = readable(ev.RequestLine)
	}
	if s == "" {
		s = "a request that the log does not show"
	}
	if ev.Status != 0 {
		s += " (" + strconv.Itoa(ev.Status) + ")"
	}
	return s
}

// readable cuts a text from a log to a length and to printable characters.
func readable(s string) string {
	const limit = 120
	cut := len(s) > limit
	if cut {
		s = s[:limit]
	}
	s = strings.Map(func(r rune) rune {
		if r == '\ufffd' || !strconv.IsPrint(r) {
			return '.'
		}
		return r
	}, s)
	if cut {
		s += "..."
	}
	return s
}

// humanSpan writes a duration in the largest unit that divides it: "5 minutes".
func humanSpan(d time.Duration) string {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if d >= u.size && d%u.size == 0 {
			if n := int(d / u.size); n != 1 {
				return fmt.Sprintf("%d %ss", n, u.name)
			}
			return "1 " + u.name
		}
	}
	return d.String()
}
