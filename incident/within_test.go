package incident

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// at makes a finding one of a service, counted there alone when local.
func at(service string, local bool) func(*detect.Finding) {
	return func(f *detect.Finding) {
		f.Service, f.Route, f.Explanation = service, "/"+service, "GET /"+service+" was asked for."
		f.Outcome = &detect.Outcome{Verdict: detect.Refused, Reason: "GET /" + service + " answered 403.", At: f.LastSeen, Answers: 1}
		f.Measure.Where = nil
		if local {
			f.Measure.Where = []detect.Condition{{Field: "service", Op: detect.OpEqual, Value: service}}
		}
		for i := range f.Sample {
			f.Sample[i].Service = service
		}
	}
}

func TestWithin(t *testing.T) {
	m := newManager(t, nil, Options{})
	apply(
		t, m, finding("wide", client(1), 0, 1, at("shop", false)), finding("local", client(2), 0, 1, at("shop", true)),
		finding("local", client(3), 0, 1, at("shop", true)), finding("both", client(3), 0, 1, at("shop", true)),
		finding("both", client(3), 0, 2, at("blog", true)), finding("other", client(3), 0, 1, at("blog", true)),
		finding("operational", detect.Entity{Type: detect.EntitySource, Value: "access.log"}, 0, 1, at("", false)),
	)
	for _, inc := range all(t, m) {
		if inc.Within(nil) != inc {
			t.Errorf("%s: without a limit it is another one", inc.ID)
		}
		whole := inc.Within(event.Services{"blog", "shop"})
		shop := inc.Within(event.Services{"shop"})
		if inc.Entity.Type == detect.EntitySource {
			if whole != nil || shop != nil {
				t.Error("what belongs to no service is seen")
			}
			continue
		}
		if shop == nil || inc.Within(event.Services{"web"}) != nil {
			t.Fatalf("%+v", inc)
		}
		text, err := json.Marshal(shop)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "blog") || strings.Contains(shop.Explanation, "GET") && inc.Entity == client(1) || shop.OutcomeReason != "" {
			t.Errorf("%s", text)
		}
		switch inc.Entity {
		case client(1):
			if !inc.Whole(event.Services{"shop"}) || shop.Observed != inc.Observed || shop.Route != "/shop" || shop.Outcome != detect.Refused || shop.Explanation == "" {
				t.Errorf("counted by actor: %s", text)
			}
		case client(2):
			if shop.Explanation != inc.Explanation {
				t.Errorf("counted in the shop: %s", text)
			}
		case client(3):
			var names []string
			for _, s := range shop.Signals {
				names = append(names, s.Detector)
				if s.Detector == "both" && (s.Events != 0 || s.Observed != 0) {
					t.Errorf("numbers over both services: %+v", s)
				}
			}
			if inc.Whole(event.Services{"shop"}) || !slices.Equal(names, []string{"both", "local"}) || shop.Detector == "" || shop.Outcome != "" || shop.Routes == nil {
				t.Errorf("over both services: %s", text)
			}
		}
	}
}

// An incident that was stored before its signals named services shows no more than one that spans others would.
func TestWithinOfOlderStores(t *testing.T) {
	m := newManager(t, nil, Options{})
	apply(t, m, finding("local", client(1), 0, 1, at("shop", true)), finding("other", client(1), 0, 1, at("blog", true)))
	old := *all(t, m)[0]
	old.Signals = slices.Clone(old.Signals)
	for i := range old.Signals {
		old.Signals[i].Services, old.Signals[i].Local = nil, false
	}
	shop := old.Within(event.Services{"shop"})
	if shop == nil || len(shop.Signals) != 0 || shop.Explanation == "" || strings.Contains(shop.Explanation, "GET") || shop.Entity != old.Entity {
		t.Errorf("%+v", shop)
	}
	old.Services = []string{"shop"}
	if shop = old.Within(event.Services{"shop"}); len(shop.Signals) != 2 || strings.Contains(shop.Explanation, "GET") {
		t.Errorf("%+v", shop)
	}
	for i := range maxNames { // there may be more than the list has room for
		old.Services = union(old.Services, maxNames, "s"+string(rune('a'+i)))
	}
	if old.Whole(event.Services(old.Services)) {
		t.Error("a full list passes for all")
	}
}
