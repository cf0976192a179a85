package baseline

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRollingBack(t *testing.T) {
	h := madeHistory{made: func(t time.Time) float64 {
		if back(t) <= 6*dayLong {
			return 3 * shopDay(t)
		}
		return shopDay(t)
	}}
	m := learnMade(t, h)
	at := driftEnd.AddDate(0, 0, 2)
	r, err := m.RolledBack(RollBack{By: "ann", Reason: "the newest learned an attack", At: at})
	if err != nil {
		t.Fatal(err)
	}
	if !r.EffectiveFrom.Equal(at) || r.Version == m.Version || r.Snapshot.RolledBack.To != m.Version {
		t.Errorf("version %s from %v: %+v", r.Version, r.EffectiveFrom, r.Snapshot.RolledBack)
	}
	if c := r.Changes(); len(c) != 1 || c[0].New || c[0].Told {
		t.Errorf("it tells again: %+v", c)
	}
	h.key, h.days = driftKey, 28
	learned, err := Recompute(t.Context(), Config{}, h, r.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(rowsOf(t, r), rowsOf(t, learned)); d != "" || learned.Version != r.Version {
		t.Errorf("learning from its snapshot gives something else, %s (-rolled back +learned):\n%s", learned.Version, d)
	}
	twice, err := r.RolledBack(RollBack{At: at.Add(time.Hour)})
	if err != nil || twice.Snapshot.RolledBack.To != m.Version {
		t.Errorf("a roll back to a roll back: %+v, %v", twice.Snapshot.RolledBack, err)
	}
	if _, err := m.RolledBack(RollBack{At: driftEnd}); err == nil {
		t.Error("a version was put into effect before it was learned")
	}

	before := Acceptance{Endpoint: driftKey, Measure: MeasuredSize, Since: driftEnd, At: at.Add(-time.Hour), By: "bea"}
	after := before
	after.At, after.By = at.Add(time.Hour), "cem"
	got := Accepted(r, []Acceptance{before, after}, r.Snapshot.From())
	if len(got) != 2 || got[1].By != "cem" {
		t.Errorf("after the roll back is accepted %+v", got)
	}
}

func TestCompare(t *testing.T) {
	a := learnMade(t, madeHistory{made: shopDay})
	b := learnMade(t, madeHistory{made: func(t time.Time) float64 {
		if back(t) <= 6*dayLong {
			return 3 * shopDay(t)
		}
		return shopDay(t)
	}})
	if d := Compare(a, a, 10); d.Total != 0 || len(d.Changes) > 0 {
		t.Errorf("a version and itself: %+v", d)
	}
	d := Compare(a, b, 10)
	if d.Total != 1 || d.Differences[0].Measure != "requests_per_day" || d.Differences[0].Entity.Value != "GET /products" ||
		d.Differences[0].After/d.Differences[0].Before < 2.5 || len(d.Changes) != 1 {
		t.Errorf("differences %+v, changes %+v", d.Differences, d.Changes)
	}
	labs := Compare(a, labModel(), 3)
	if len(labs.Differences) != 3 || labs.Total < 4 || labs.Added.Users == 0 || labs.Added.Endpoints < 3 ||
		labs.Differences[0].Size < labs.Differences[1].Size || labs.Differences[1].Size < labs.Differences[2].Size {
		t.Errorf("%d differences, added %+v: %+v", labs.Total, labs.Added, labs.Differences)
	}
}
