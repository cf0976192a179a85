package decision

import (
	"strconv"
	"testing"
	"time"
)

// An erased identity's decision is ended, bouncers are told, and after a restart nothing is left but the id, which no other
// decision gets.
func TestForget(t *testing.T) {
	b := newBench(t, Config{})
	over := b.add(t, New{Value: "203.0.113.9", Duration: "1m"})
	b.now = b.now.Add(time.Hour)
	other := b.add(t, New{Value: "203.0.113.10", Duration: "4h"})
	ban := b.add(t, New{Value: "203.0.113.9", Duration: "4h"})
	b.Acknowledge(b.Changes("bouncer", true, Filter{}))
	if err := b.Forget(t.Context(), ScopeIP, []string{"203.0.113.9"}, "dpo"); err != nil {
		t.Fatal(err)
	}
	delta := b.Changes("bouncer", false, Filter{})
	if len(delta.New) != 0 || len(delta.Deleted) != 1 || delta.Deleted[0].ID != ban.ID {
		t.Errorf("the bouncer is told %+v", delta)
	}
	if _, err := b.End(t.Context(), over.ID, "ann", ""); err == nil {
		t.Error("what was over is still known")
	}
	for _, id := range []uint64{over.ID, ban.ID} { // as the store does
		b.repo.rows[id] = Row{Decision: Decision{ID: id}, Version: 9, Body: []byte(`{"id":` + strconv.FormatUint(id, 10) + `,"erased":true}`)}
	}
	if err := b.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list := b.List(Filter{}); len(list) != 1 || list[0].ID != other.ID {
		t.Errorf("after a restart: %+v", list)
	}
	if next := b.add(t, New{Value: "203.0.113.11", Duration: "4h"}); next.ID <= ban.ID {
		t.Errorf("the id %d is given again", next.ID)
	}
}
