package store

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMeasureSQLGolden(t *testing.T) {
	from := time.Date(2026, 3, 1, 12, 0, 0, 123, time.UTC)
	to := from.Add(time.Minute)
	cond := func(field string, op detect.Op, value string) detect.Condition {
		return detect.Condition{Field: field, Op: op, Value: value}
	}
	of := func(c detect.Condition) detect.Condition { c.Of = true; return c }
	steps := [][]detect.Condition{
		{cond("signatures", detect.OpHas, "login-refused"), cond("client_ip", detect.OpEqual, "203.0.113.9")},
		{cond("signatures", detect.OpHas, "login-accepted")},
	}
	cases := map[string]detect.Measure{
		"count": {
			Aggregate: detect.AggregateCount, From: from, To: to, Cut: to.Add(time.Second),
			Where: []detect.Condition{
				cond("client_ip", detect.OpEqual, "203.0.113.9"), cond("status", detect.OpGTE, "400"),
				cond("path", detect.OpEqual, `/it's "\x"`),
			},
		},
		"count_until": {
			Aggregate: detect.AggregateCount, From: from, To: to, FromOpen: true,
			Until: &event.Place{Time: to, Source: "a.log", Generation: 7, Position: 1 << 63},
		},
		"absence": {
			Aggregate: detect.AggregateCount,
			Where: []detect.Condition{
				cond("user", detect.OpNot, ""), cond("session", detect.OpEqual, ""), cond("client_ip", detect.OpNot, ""),
				cond("bytes_in", detect.OpEqual, ""), cond("object_ids", detect.OpNot, ""),
			},
		},
		"comparisons": {
			Aggregate: detect.AggregateCount,
			Where: []detect.Condition{
				cond("bytes_out", detect.OpLT, "1000"), cond("duration_ms", detect.OpGTE, "0.5"),
				cond("status", detect.OpNot, "200"), cond("is_bot", detect.OpEqual, "true"),
				cond("signatures", detect.OpHas, "sqli"), cond("lat", detect.OpLT, "-1.5"),
			},
		},
		"distinct":        {Aggregate: detect.AggregateDistinct, Field: "object_ids", Where: []detect.Condition{cond("user", detect.OpEqual, "u")}},
		"distinct_client": {Aggregate: detect.AggregateDistinct, Field: "client_ip"},
		"sum":             {Aggregate: detect.AggregateSum, Field: "bytes_out"},
		"avg":             {Aggregate: detect.AggregateAvg, Field: "duration_ms"},
		"quantile":        {Aggregate: detect.AggregateQuantile, Quantile: 0.95, Field: "duration_ms"},
		"share": {
			Aggregate: detect.AggregateShare,
			Where: []detect.Condition{
				cond("route", detect.OpEqual, "/orders/{id}"), of(cond("status", detect.OpGTE, "500")),
				of(cond("status", detect.OpLT, "600")),
			},
		},
		"significant": {Aggregate: detect.AggregateQuantile, Quantile: 0.95, Bits: 6, Field: "duration_ms"},
		"steps":       {Aggregate: detect.AggregateSteps, Any: steps, From: from, To: to, FromOpen: true},
		"sequence":    {Aggregate: detect.AggregateSequence, Any: steps, From: from, To: to, FromOpen: true},
		"parts": {
			Aggregate: detect.AggregateParts, From: from, To: to,
			Parts: []detect.Part{
				{Measure: detect.Measure{Aggregate: detect.AggregateCount, Where: steps[0], From: from, To: to}, AtLeast: 10},
				{Measure: detect.Measure{Aggregate: detect.AggregateSteps, Any: steps}, AtLeast: 2},
			},
		},
	}
	for name, m := range cases {
		sql, params, err := MeasureSQL(m)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := sql + "\n"
		names := make([]string, 0, len(params))
		for p := range params {
			names = append(names, p)
		}
		sort.Slice(names, func(i, j int) bool {
			return len(names[i]) < len(names[j]) || len(names[i]) == len(names[j]) && names[i] < names[j]
		})
		for _, p := range names {
			got += fmt.Sprintf("-- %s = %q\n", p, params[p])
		}
		path := filepath.Join("testdata", "measure_"+name+".sql")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestMeasureSQLRefuses(t *testing.T) {
	f := func(m detect.Measure, words ...string) {
		t.Helper()
		_, _, err := MeasureSQL(m)
		if !errors.Is(err, ErrRejected) {
			t.Errorf("%+v: got %v, want a rejection", m, err)
			return
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q does not say %q", err, w)
			}
		}
	}
	where := func(field string, op detect.Op, value string) detect.Measure {
		return detect.Measure{Aggregate: detect.AggregateCount, Where: []detect.Condition{{Field: field, Op: op, Value: value}}}
	}
	f(where("nonsense", detect.OpEqual, "x"), `"nonsense"`)
	f(where("time) OR (1=1", detect.OpEqual, "x"), "not a field")
	f(where("ingested_at", detect.OpEqual, "x"), "not a field")
	f(where("user", detect.OpGTE, "x"), "user", "gte", "eq or ne")
	f(where("user", "like", "x"), "like")
	f(where("status", detect.OpHas, "1"), "status", "has")
	f(where("status", detect.OpEqual, "many"), `"many"`, "not a number")
	f(where("status", detect.OpEqual, "NaN"), "not a number")
	f(where("lat", detect.OpEqual, ""), "not a number")
	f(where("client_ip", detect.OpEqual, "1.2.3"), "IP address")
	f(where("is_bot", detect.OpEqual, "yes"), "true nor false")
	f(where("signatures", detect.OpEqual, "x"), "signatures", "has")
	f(where("signatures", detect.OpHas, ""), "has with a value")
	f(detect.Measure{Aggregate: "median", Field: "status"}, `"median"`)
	f(detect.Measure{Aggregate: detect.AggregateSum, Field: "path"}, "not a number")
	f(detect.Measure{Aggregate: detect.AggregateSum}, `""`)
	f(detect.Measure{Aggregate: detect.AggregateQuantile, Field: "status", Quantile: 1.5}, "1.5")
	f(detect.Measure{Aggregate: detect.AggregateQuantile, Field: "status", Quantile: math.NaN()}, "NaN")
	f(detect.Measure{Aggregate: detect.AggregateQuantile, Field: "status", Bits: 60}, "bits 60")
	f(detect.Measure{Aggregate: detect.AggregateSteps}, "alternatives")
	f(detect.Measure{Aggregate: detect.AggregateCount, Any: [][]detect.Condition{{}}}, "without conditions")
	f(detect.Measure{Aggregate: detect.AggregateParts}, "0 parts")
	f(detect.Measure{Aggregate: detect.AggregateShare}, "share")
	f(detect.Measure{
		Aggregate: detect.AggregateCount,
		Where:     []detect.Condition{{Field: "user", Op: detect.OpEqual, Value: "x", Of: true}},
	}, "share")
}

// value is a field's value as the oracle sees it: its text, its number, whether it is there.
type value struct {
	text    string
	number  float64
	list    []string
	present bool
}

func fieldOf(e *event.Event, name string) value {
	text := func(s string) value { return value{text: s, present: s != ""} }
	number := func(v float64) value { return value{number: v, text: fmt.Sprint(v), present: v >= 0} }
	switch name {
	case "user":
		return text(e.User)
	case "path":
		return text(e.Path)
	case "route":
		return text(e.Route)
	case "source":
		return text(e.Source)
	case "client_ip":
		if !e.ClientIP.IsValid() {
			return value{}
		}
		return text(e.ClientIP.String())
	case "object_ids", "signatures":
		list := e.ObjectIDs
		if name == "signatures" {
			list = e.Signatures
		}
		return value{text: fmt.Sprintf("%q", list), list: list, present: len(list) > 0}
	case "status":
		v := number(float64(e.Status))
		v.present = e.Status != 0
		return v
	case "bytes_out":
		return number(float64(e.BytesOut))
	case "duration_ms":
		return number(e.DurationMS)
	case "attack_score":
		v := number(e.AttackScore)
		v.present = true
		return v
	case "is_bot":
		return value{text: strconv.FormatBool(e.IsBot), present: true}
	}
	panic(name)
}

func meets(e *event.Event, c detect.Condition) bool {
	v := fieldOf(e, c.Field)
	numeric := c.Field == "status" || c.Field == "bytes_out" || c.Field == "duration_ms" || c.Field == "attack_score"
	if c.Value == "" && (c.Op == detect.OpEqual || c.Op == detect.OpNot) {
		return v.present == (c.Op == detect.OpNot)
	}
	number, _ := strconv.ParseFloat(c.Value, 64)
	switch c.Op {
	case detect.OpEqual, detect.OpNot:
		equal := v.text == c.Value
		if numeric {
			equal = v.present && v.number == number
		}
		return equal == (c.Op == detect.OpEqual)
	case detect.OpHas:
		return slices.Contains(v.list, c.Value)
	case detect.OpGTE:
		return v.present && v.number >= number
	case detect.OpLT:
		return v.present && v.number < number
	}
	panic(c.Op)
}

// evaluate is the measure over events in Go: what the SQL must agree with.
func evaluate(m detect.Measure, events []*event.Event) (result float64, counted []*event.Event) {
	if m.Aggregate == detect.AggregateParts {
		return evaluateParts(m, events)
	}
	var values []float64
	distinct := map[string]bool{}
	all, of := 0, 0
	for _, e := range events {
		if !m.From.IsZero() && (e.Time.Before(m.From) || m.FromOpen && e.Time.Equal(m.From)) ||
			!m.To.IsZero() && (e.Time.After(m.To) || !m.FromOpen && e.Time.Equal(m.To)) ||
			m.Until != nil && e.Place().Compare(*m.Until) > 0 || !m.Cut.IsZero() && e.IngestedAt.After(m.Cut) {
			continue
		}
		in, numerator := true, true
		for _, c := range m.Where {
			if c.Of {
				numerator = numerator && meets(e, c)
			} else {
				in = in && meets(e, c)
			}
		}
		if !in || len(m.Any) > 0 && !slices.ContainsFunc(m.Any, func(a []detect.Condition) bool { return meetsAll(e, a) }) {
			continue
		}
		all++
		if numerator {
			of++
		}
		has := true
		if m.Field != "" {
			v := fieldOf(e, m.Field)
			if has = v.present; has {
				values = append(values, cut(v.number, m.Bits))
				distinct[v.text] = true
			}
		}
		if numerator && has {
			counted = append(counted, e)
		}
	}
	slices.SortFunc(counted, event.Compare)
	slices.Sort(values)
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	switch n := len(values); m.Aggregate {
	case detect.AggregateCount:
		return float64(all), counted
	case detect.AggregateShare:
		return float64(of) / float64(max(all, 1)), counted
	case detect.AggregateSteps:
		met := 0
		for _, a := range m.Any {
			if slices.ContainsFunc(counted, func(e *event.Event) bool { return meetsAll(e, a) }) {
				met++
			}
		}
		return float64(met), counted
	case detect.AggregateSequence:
		done := 0
		for _, e := range counted {
			if done < len(m.Any) && meetsAll(e, m.Any[done]) {
				done++
			}
		}
		return float64(done), counted
	case detect.AggregateDistinct:
		return float64(len(distinct)), counted
	case detect.AggregateSum:
		return sum, counted
	case detect.AggregateAvg:
		return sum / float64(max(n, 1)), counted
	case detect.AggregateQuantile:
		if n == 0 {
			return 0, counted
		}
		at := m.Quantile * float64(n-1)
		lo := int(at)
		hi := min(lo+1, n-1)
		return values[lo] + (at-float64(lo))*(values[hi]-values[lo]), counted
	}
	panic(m.Aggregate)
}

func evaluateParts(m detect.Measure, events []*event.Event) (result float64, counted []*event.Event) {
	for _, p := range m.Parts {
		value, of := evaluate(p.Measure, events)
		if value >= p.AtLeast {
			result++
		}
		for _, e := range of {
			if !slices.Contains(counted, e) {
				counted = append(counted, e)
			}
		}
	}
	slices.SortFunc(counted, event.Compare)
	return result, counted
}

func meetsAll(e *event.Event, all []detect.Condition) bool {
	return !slices.ContainsFunc(all, func(c detect.Condition) bool { return !meets(e, c) })
}

// cut keeps so many bits of a number's significand.
func cut(v float64, bits int) float64 {
	if bits == 0 {
		return v
	}
	return math.Float64frombits(math.Float64bits(v) &^ (1<<(52-bits) - 1))
}

// drawMeasure draws measures that hit: bounds and values are mostly those of the events.
func drawMeasure(t *rapid.T, events []*event.Event) detect.Measure {
	some := rapid.SampledFrom(events)
	m := detect.Measure{Aggregate: rapid.SampledFrom([]detect.Aggregate{
		detect.AggregateCount, detect.AggregateDistinct, detect.AggregateSum, detect.AggregateAvg,
		detect.AggregateQuantile, detect.AggregateShare, detect.AggregateSteps, detect.AggregateSequence, detect.AggregateParts,
	}).Draw(t, "aggregate")}
	if m.Aggregate == detect.AggregateParts {
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			part := drawMeasure(t, events)
			part.Aggregate, part.Field, part.Parts = detect.AggregateCount, "", nil
			part.Where = slices.DeleteFunc(part.Where, func(c detect.Condition) bool { return c.Of })
			m.Parts = append(m.Parts, detect.Part{Measure: part, AtLeast: float64(rapid.IntRange(0, 4).Draw(t, "at least"))})
		}
		return m
	}
	numbers := []string{"status", "bytes_out", "duration_ms", "attack_score"}
	switch m.Aggregate {
	case detect.AggregateDistinct:
		m.Field = rapid.SampledFrom([]string{"user", "path", "client_ip", "object_ids", "status"}).Draw(t, "field")
	case detect.AggregateSum, detect.AggregateAvg, detect.AggregateQuantile:
		m.Field = rapid.SampledFrom(numbers).Draw(t, "field")
		m.Quantile = rapid.SampledFrom([]float64{0, 0.5, 0.95, 1}).Draw(t, "quantile")
		if m.Aggregate == detect.AggregateQuantile {
			m.Bits = rapid.SampledFrom([]int{0, 6, 52}).Draw(t, "bits")
		}
	case detect.AggregateSteps, detect.AggregateSequence:
		for range rapid.IntRange(1, 3).Draw(t, "steps") {
			m.Any = append(m.Any, []detect.Condition{drawCondition(t, some.Draw(t, "like"))})
		}
	}
	if rapid.Bool().Draw(t, "bounded") {
		m.From, m.To = some.Draw(t, "from").Time, some.Draw(t, "to").Time
		m.FromOpen = rapid.Bool().Draw(t, "open")
	}
	if rapid.Bool().Draw(t, "until") {
		p := some.Draw(t, "last").Place()
		m.Until = &p
	}
	for range rapid.IntRange(0, 2).Draw(t, "conditions") {
		m.Where = append(m.Where, drawCondition(t, some.Draw(t, "like")))
	}
	if m.Aggregate == detect.AggregateShare {
		c := drawCondition(t, some.Draw(t, "like"))
		c.Of = true
		m.Where = append(m.Where, c)
	}
	return m
}

func drawCondition(t *rapid.T, like *event.Event) detect.Condition {
	name := rapid.SampledFrom([]string{
		"user", "path", "route", "source", "client_ip", "is_bot", "status", "bytes_out", "duration_ms", "attack_score", "signatures", "object_ids",
	}).Draw(t, "field")
	v := fieldOf(like, name)
	c := detect.Condition{Field: name, Value: v.text}
	ops := []detect.Op{detect.OpEqual, detect.OpNot}
	switch name {
	case "status", "bytes_out", "duration_ms", "attack_score":
		c.Value = strconv.FormatFloat(v.number, 'f', -1, 64)
		ops = append(ops, detect.OpGTE, detect.OpLT)
	case "signatures", "object_ids":
		c.Value, ops = "", append(ops, detect.OpHas)
	}
	if c.Op = rapid.SampledFrom(ops).Draw(t, "op"); c.Op == detect.OpHas {
		c.Value = "nothing has this"
		if len(v.list) > 0 && v.list[0] != "" {
			c.Value = v.list[0]
		}
	}
	return c
}

func TestMeasureAgreesWithGo(t *testing.T) {
	s := openTestStore(t)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var events []*event.Event
	for block := range 2 {
		rapid.Check(t, func(rt *rapid.T) {
			if len(events) > 200*(block+1) {
				return
			}
			at = at.Add(time.Second)
			list := drawBlock(rt, at, 60)
			if err := s.InsertEvents(t.Context(), at.String(), list); err != nil {
				rt.Fatal(err)
			}
			events = append(events, list...)
		})
	}
	if len(events) < 200 {
		t.Fatalf("only %d events to measure", len(events))
	}
	measures := 0
	rapid.Check(t, func(rt *rapid.T) {
		if measures++; measures > 60 { // each is four statements
			return
		}
		m := drawMeasure(rt, events)
		m.Cut = at.Add(-time.Duration(rapid.IntRange(0, 5).Draw(rt, "cut")) * time.Second)
		want, counted := evaluate(m, events)
		checkSelector(rt, m, events, counted)
		got, err := s.Measure(t.Context(), m)
		if err != nil {
			rt.Fatalf("%+v: %v", m, err)
		}
		if math.Abs(got-want) > 1e-9*math.Abs(want)+float64(len(events))*1e-6 {
			rt.Fatalf("%+v: store %v, Go %v", m, got, want)
		}
		limit := rapid.IntRange(1, 9).Draw(rt, "limit")
		checkEvidence(rt, s, m, limit, counted)
	})
}

// checkSelector compares the measure's own selection in Go with the oracle's.
func checkSelector(rt *rapid.T, m detect.Measure, events, counted []*event.Event) {
	selects := m.Selector()
	n := 0
	for _, e := range events {
		if selects(e) {
			n++
			if !slices.Contains(counted, e) {
				rt.Fatalf("%+v: selects %v", m, e.Place())
			}
		}
	}
	if n != len(counted) {
		rt.Fatalf("%+v: selects %d events, want %d", m, n, len(counted))
	}
}

// checkEvidence compares MeasureEvents with the first and the last of the events that the measure counts.
func checkEvidence(rt *rapid.T, s *Store, m detect.Measure, limit int, counted []*event.Event) {
	got, err := s.MeasureEvents(rt.Context(), m, limit)
	if err != nil {
		rt.Fatalf("%+v: %v", m, err)
	}
	want := counted
	if len(counted) > limit {
		last := limit / 2
		want = append(slices.Clone(counted[:limit-last]), counted[len(counted)-last:]...)
	}
	if len(got) != len(want) {
		rt.Fatalf("%+v: %d events, want %d", m, len(got), len(want))
	}
	for i := range got {
		if got[i].Place() != want[i].Place() {
			rt.Fatalf("%+v: event %d is %v, want %v", m, i, got[i].Place(), want[i].Place())
		}
	}
}
