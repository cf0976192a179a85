package incident

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

// crowd applies n findings about n users, with varied severities, counts and times.
func crowd(t testing.TB, m *Manager, n int) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	batch := make([]detect.Finding, 0, n)
	for i := range n {
		at := r.IntN(10000)
		batch = append(batch, finding("scan", detect.Entity{Type: detect.EntityUser, Value: fmt.Sprint("user", i)}, at, at+r.IntN(100),
			func(f *detect.Finding) {
				f.Severity = detect.Severity(1 + r.IntN(4))
				f.Observed = float64(r.IntN(1000))
				f.Service = []string{"shop", "billing"}[i%2]
			}))
	}
	apply(t, m, batch...)
}

func TestFilter(t *testing.T) {
	m := newManager(t, nil, Options{})
	apply(t, m,
		finding("scan", client(1), 0, 5, func(f *detect.Finding) { f.Severity = detect.High }),
		finding("sqli", client(1), 6, 9, func(f *detect.Finding) { f.Route = "/search" }),
		finding("brute", detect.Entity{Type: detect.EntityUser, Value: "alice"}, 100, 110, func(f *detect.Finding) {
			f.Kind, f.Service, f.Severity = detect.KindCredential, "login", detect.Critical
		}))
	bob := "bob"
	alice := all(t, m)[1]
	if _, err := m.Patch(t.Context(), alice.ID, AnyVersion, Patch{Assignee: &bob}, "ann"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		filter Filter
		want   string
	}{
		"everything":       {Filter{}, "client alice"},
		"severity":         {Filter{Severities: []detect.Severity{detect.High}}, "client"},
		"two severities":   {Filter{Severities: []detect.Severity{detect.High, detect.Critical}}, "client alice"},
		"status":           {Filter{Statuses: []Status{StatusResolved}}, ""},
		"kind":             {Filter{Kinds: []detect.Kind{detect.KindCredential}}, "alice"},
		"second detector":  {Filter{Detectors: []string{"sqli"}}, "client"},
		"entity":           {Filter{Entity: "alice"}, "alice"},
		"typed entity":     {Filter{Entity: "client_ip:203.0.113.1"}, "client"},
		"wrongly typed":    {Filter{Entity: "user:203.0.113.1"}, ""},
		"service":          {Filter{Service: "login"}, "alice"},
		"second route":     {Filter{Route: "/search"}, "client"},
		"assignee":         {Filter{Assignee: "bob"}, "alice"},
		"score":            {Filter{MinScore: 70}, "alice"},
		"since":            {Filter{Since: minute(50)}, "alice"},
		"since, inclusive": {Filter{Since: minute(9)}, "client alice"},
		"until, exclusive": {Filter{Until: minute(100)}, "client"},
		"text":             {Filter{Text: "ALICE"}, "alice"},
		"text in a route":  {Filter{Text: "orders"}, "client alice"},
		"both":             {Filter{Service: "login", Kinds: []detect.Kind{detect.KindWebAttack}}, ""},
	} {
		p, err := m.List(c.filter, "first_seen", "", 10)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, inc := range p.Incidents {
			if got != "" {
				got += " "
			}
			got += map[bool]string{true: "alice", false: "client"}[inc.Entity.Value == "alice"]
		}
		if got != c.want || p.Total != len(p.Incidents) {
			t.Errorf("%s: %q of %d, want %q", name, got, p.Total, c.want)
		}
	}
}

// Pages join without gaps and repeats, in every order and with any size.
func TestPages(t *testing.T) {
	m := newManager(t, nil, Options{})
	crowd(t, m, 237)
	for _, name := range SortKeys() {
		for _, sort := range []string{name, "-" + name} {
			whole, err := m.List(Filter{}, sort, "", MaxPage)
			if err != nil || len(whole.Incidents) != 237 || whole.Next != "" {
				t.Fatalf("%s: %d incidents, next %q, %v", sort, len(whole.Incidents), whole.Next, err)
			}
			value := sortKeys[name]
			if !slices.IsSortedFunc(whole.Incidents, func(a, b *Incident) int {
				if sort != name {
					a, b = b, a
				}
				x, y := rowOf(&record{Incident: a}), rowOf(&record{Incident: b})
				return compare(value(&x), value(&y))
			}) {
				t.Errorf("%s: not in order", sort)
			}
			var got []*Incident
			cursor := ""
			for {
				p, err := m.List(Filter{}, sort, cursor, 10)
				if err != nil || p.Total != 237 {
					t.Fatal(err, p.Total)
				}
				got = append(got, p.Incidents...)
				if cursor = p.Next; cursor == "" {
					break
				}
			}
			if !slices.Equal(got, whole.Incidents) {
				t.Errorf("%s: pages differ from the whole", sort)
			}
		}
	}
}

func TestListRefuses(t *testing.T) {
	m := newManager(t, nil, Options{})
	crowd(t, m, 5)
	p, err := m.List(Filter{}, "score", "", 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		sort, cursor string
		limit        int
		field        string
	}{
		{"name", "", 10, "sort"},
		{"--score", "", 10, "sort"},
		{"score", "", 0, "limit"},
		{"score", "", MaxPage + 1, "limit"},
		{"score", "?", 10, "cursor"},
		{"score", "bm8", 10, "cursor"},
		{"-score", p.Next, 10, "cursor"},
	} {
		_, err := m.List(Filter{}, c.sort, c.cursor, c.limit)
		var invalid *InvalidError
		if !errors.As(err, &invalid) || invalid.Field != c.field {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add(position{Sort: "score", Value: 40, ID: "inc_1"}.cursor())
	f.Add("bm8")
	f.Fuzz(func(t *testing.T, cursor string) {
		p, err := parseCursor(cursor, "score")
		if err == nil && cursor != "" && (p.ID == "" || p.Sort != "score") {
			t.Fatalf("%q gave %+v", cursor, p)
		}
	})
}

func BenchmarkList100k(b *testing.B) {
	m := newManager(b, nil, Options{})
	crowd(b, m, 100_000)
	for name, f := range map[string]Filter{
		"all":      {},
		"filtered": {Severities: []detect.Severity{detect.High}, Since: noon.Add(time.Hour)},
		"text":     {Text: "user99999"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := m.List(f, "-score", "", 50); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	m := newManager(b, nil, Options{})
	i := 0
	for b.Loop() {
		i++
		if err := m.Apply(b.Context(), []detect.Finding{finding("scan", client(i%200), i/200*10, i/200*10+1)}); err != nil {
			b.Fatal(err)
		}
	}
}
