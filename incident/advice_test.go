package incident

import (
	"slices"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/detect"
)

// Whatever happened, somebody is told what to do, and the worst outcome is told something else than the best.
func TestAdviceForEveryKindAndOutcome(t *testing.T) {
	outcomes := []detect.Verdict{"", detect.Refused, detect.Failed, detect.Unclear, detect.LikelySucceeded}
	for _, kind := range detect.Kinds() {
		told := map[detect.Verdict][]string{}
		for _, o := range outcomes {
			inc := &Incident{Kind: kind, Outcome: o, Status: StatusOpen, Entity: detect.Entity{Type: detect.EntityClient, Value: "203.0.113.9"}}
			told[o] = inc.Advice()
			if plan := advice[kind]; o == "" || plan.succeeded != nil {
				if len(told[o]) < 2 || slices.ContainsFunc(told[o], func(s string) bool { return !strings.HasSuffix(s, ".") }) {
					t.Errorf("%s %q: %q", kind, o, told[o])
				}
			}
		}
		if advice[kind].succeeded != nil && told[detect.LikelySucceeded][0] == told[detect.Refused][0] {
			t.Errorf("%s: what succeeded is told as what was refused: %q", kind, told[detect.Refused][0])
		}
	}
}

func TestAdviceHoldsOffTheActor(t *testing.T) {
	inc := &Incident{Kind: detect.KindWebAttack, Outcome: detect.Unclear, Status: StatusOpen, Entity: detect.Entity{Type: detect.EntityUser, Value: "ann"}}
	if !slices.Contains(inc.Advice(), holds[detect.EntityUser]) {
		t.Errorf("an open attack by a user does not say how to hold it off: %q", inc.Advice())
	}
	inc.Status = StatusResolved
	if slices.Contains(inc.Advice(), holds[detect.EntityUser]) {
		t.Errorf("a resolved one does: %q", inc.Advice())
	}
	outage := &Incident{Kind: detect.KindAvailability, Status: StatusOpen, Entity: detect.Entity{Type: detect.EntityClient, Value: "203.0.113.9"}}
	if slices.Contains(outage.Advice(), holds[detect.EntityClient]) {
		t.Errorf("an outage says to ban somebody: %q", outage.Advice())
	}
}
