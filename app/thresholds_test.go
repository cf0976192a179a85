package app

import (
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/rules"
)

type noModel struct{}

func (noModel) ModelAt(time.Time) *baseline.Model { return nil }

func TestNoModelRaisesNoThreshold(t *testing.T) {
	set, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := (learnedRates{noModel{}}).Quantile(set.Rule("rate-abuse"), []string{"203.0.113.7"}, time.Now()); ok {
		t.Error("a threshold was learned from nothing")
	}
}

func TestActorOfAGroup(t *testing.T) {
	for _, tc := range []struct {
		by, group []string
		want      baseline.ActorKey
		ok        bool
	}{
		{[]string{"actor"}, []string{"user=alice"}, baseline.ActorKey{User: true, Value: "alice"}, true},
		{[]string{"actor"}, []string{"203.0.113.7"}, baseline.ActorKey{Value: "203.0.113.7"}, true},
		{[]string{"service", "c-ip"}, []string{"shop", "203.0.113.7"}, baseline.ActorKey{Value: "203.0.113.7"}, true},
		{[]string{"cs-username"}, []string{"bob"}, baseline.ActorKey{User: true, Value: "bob"}, true},
		{[]string{"service"}, []string{"shop"}, baseline.ActorKey{}, false},
		{[]string{"actor"}, nil, baseline.ActorKey{}, false},
	} {
		if got, ok := actorOf(tc.by, tc.group); got != tc.want || ok != tc.ok {
			t.Errorf("actorOf(%v, %v) = %v %v, want %v %v", tc.by, tc.group, got, ok, tc.want, tc.ok)
		}
	}
}
