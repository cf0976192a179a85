package incident

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

func set(t testing.TB, m *Manager, id string, status Status) *Incident {
	t.Helper()
	inc, err := m.Patch(t.Context(), id, AnyVersion, Patch{Status: &status, Reason: "looked at it"}, "ann")
	if err != nil {
		t.Fatal(err)
	}
	return inc
}

func TestPatch(t *testing.T) {
	m := newManager(t, nil, Options{Now: func() time.Time { return noon.Add(time.Hour) }})
	apply(t, m, finding("scan", client(1), 0, 5))
	inc := all(t, m)[0]
	status, who := StatusAcknowledged, "bea"
	got, err := m.Patch(t.Context(), inc.ID, inc.Version, Patch{Status: &status, Assignee: &who, Reason: "mine"}, "ann")
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != status || got.Assignee != who || got.Version != inc.Version+1 || len(got.History) != 3 {
		t.Fatalf("%+v", got)
	}
	last := got.History[2]
	if last.Actor != "ann" || last.Field != "assignee" || last.To != "bea" || !last.At.Equal(noon.Add(time.Hour)) {
		t.Fatalf("history %+v", last)
	}
	if inc.Status != StatusOpen || len(inc.History) != 1 {
		t.Fatal("a published incident changed")
	}
	same, err := m.Patch(t.Context(), inc.ID, got.Version, Patch{Status: &status}, "ann")
	if err != nil || same.Version != got.Version {
		t.Fatalf("no change made version %d: %v", same.Version, err)
	}
}

func TestPatchRefuses(t *testing.T) {
	m := newManager(t, nil, Options{})
	apply(t, m, finding("scan", client(1), 0, 5))
	inc := all(t, m)[0]
	word := func(s string) *string { return &s }
	status := func(s Status) *Status { return &s }
	for name, c := range map[string]struct {
		id      string
		version uint64
		patch   Patch
		field   string // of the InvalidError; empty: see is
		is      func(error) bool
	}{
		"nothing":          {inc.ID, 0, Patch{Reason: "x"}, "status", nil},
		"unknown status":   {inc.ID, 0, Patch{Status: status("gone")}, "status", nil},
		"long assignee":    {inc.ID, 0, Patch{Assignee: word(strings.Repeat("x", 201))}, "assignee", nil},
		"control in text":  {inc.ID, 0, Patch{Assignee: word("a\x1b[2J")}, "assignee", nil},
		"not UTF-8":        {inc.ID, 0, Patch{Status: status(StatusOpen), Reason: "\xff"}, "reason", nil},
		"unknown incident": {"inc_x", 0, Patch{Status: status(StatusOpen)}, "", func(err error) bool { return errors.Is(err, ErrNotFound) }},
		"old version": {inc.ID, inc.Version + 7, Patch{Status: status(StatusResolved)}, "", func(err error) bool {
			var c *ConflictError
			return errors.As(err, &c) && c.Have == inc.Version && c.Want == inc.Version+7
		}},
	} {
		_, err := m.Patch(t.Context(), c.id, c.version, c.patch, "ann")
		var invalid *InvalidError
		if c.field != "" && (!errors.As(err, &invalid) || invalid.Field != c.field) {
			t.Errorf("%s: %v, want field %s", name, err, c.field)
		}
		if c.is != nil && !c.is(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of many who change the same version at once, one succeeds.
func TestPatchComparesAndSets(t *testing.T) {
	m := newManager(t, nil, Options{})
	apply(t, m, finding("scan", client(1), 0, 5))
	inc := all(t, m)[0]
	var wg sync.WaitGroup
	won := make(chan string, 20)
	for range 20 {
		wg.Go(func() {
			status := StatusAcknowledged
			if _, err := m.Patch(t.Context(), inc.ID, inc.Version, Patch{Status: &status}, "ann"); err == nil {
				won <- "one"
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d changes of one version succeeded", len(won))
	}
}

func TestReopening(t *testing.T) {
	const hour = 60
	first := finding("scan", client(1), 0, 10)
	for _, c := range []struct {
		name   string
		closed Status
		then   detect.Finding
		want   Status
		count  int // incidents afterwards
	}{
		{"a new finding reopens", StatusResolved, finding("sqli", client(1), 20, 21), StatusOpen, 1},
		{"a late finding does not", StatusResolved, finding("sqli", client(1), 1, 2), StatusResolved, 1},
		{"going on within the grace does not", StatusResolved, again(first, 2, 10+hour, 5), StatusResolved, 1},
		{"going on beyond it does", StatusResolved, again(first, 2, 11+hour, 5), StatusOpen, 1},
		{"far later it is another", StatusResolved, finding("scan", client(1), 25*hour, 26*hour), StatusResolved, 2},
		{"false stays false", StatusFalsePositive, finding("scan", client(1), 20, 21), StatusFalsePositive, 1},
		{"false and going on", StatusFalsePositive, again(first, 2, 500, 5), StatusFalsePositive, 1},
		{"another detector is not hidden by it", StatusFalsePositive, finding("sqli", client(1), 20, 21), StatusFalsePositive, 2},
		{"something worse is not hidden by it", StatusFalsePositive, finding("scan", client(1), 20, 21, func(f *detect.Finding) {
			f.Severity = detect.Critical
		}), StatusFalsePositive, 2},
		{"acknowledged stays so", StatusAcknowledged, finding("sqli", client(1), 20, 21), StatusAcknowledged, 1},
	} {
		m := newManager(t, nil, Options{})
		apply(t, m, first)
		id := all(t, m)[0].ID
		set(t, m, id, c.closed)
		apply(t, m, c.then)
		inc, err := m.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if inc.Status != c.want || len(all(t, m)) != c.count {
			t.Errorf("%s: %s and %d incidents, want %s and %d", c.name, inc.Status, len(all(t, m)), c.want, c.count)
		}
		if last := inc.History[len(inc.History)-1]; inc.Status == StatusOpen && (last.Actor != systemActor || last.From != "resolved") {
			t.Errorf("%s: history ends with %+v", c.name, last)
		}
	}
}

func TestNotes(t *testing.T) {
	m := newManager(t, nil, Options{})
	apply(t, m, finding("scan", client(1), 0, 5))
	id := all(t, m)[0].ID
	for range maxNotes {
		if _, err := m.AddNote(t.Context(), id, " seen it before\nand blocked it ", "ann"); err != nil {
			t.Fatal(err)
		}
	}
	inc, err := m.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	n := inc.Notes[maxNotes-1]
	if n.ID != "note_200" || n.Author != "ann" || n.Text != "seen it before\nand blocked it" || inc.Notes[0].ID != "note_1" {
		t.Fatalf("%+v", n)
	}
	var invalid *InvalidError
	for what, text := range map[string]string{
		"one too many": "x", "empty": " \n", "long": strings.Repeat("x", 4001), "control": "\x00",
	} {
		if _, err := m.AddNote(t.Context(), id, text, "ann"); !errors.As(err, &invalid) || invalid.Field != "text" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := m.AddNote(t.Context(), "inc_x", "x", "ann"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown incident: %v", err)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	m := newManager(t, nil, Options{})
	apply(t, m, finding("scan", client(1), 0, 5))
	id := all(t, m)[0].ID
	for range 300 {
		set(t, m, id, StatusResolved)
		set(t, m, id, StatusOpen)
	}
	inc, _ := m.Get(t.Context(), id)
	if len(inc.History) != maxHistory || !strings.HasPrefix(inc.History[0].Reason, "first finding") {
		t.Fatalf("%d entries, the first %+v", len(inc.History), inc.History[0])
	}
}
