package incident

import (
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// ended returns f with an outcome.
func ended(f detect.Finding, v detect.Verdict, since time.Time, answers int, witnesses ...event.Event) detect.Finding {
	f.Outcome = &detect.Outcome{
		Verdict: v, Reason: "Because " + string(v) + ".", Since: since, At: f.LastSeen, Answers: uint64(answers), Witnesses: witnesses,
	}
	return f
}

func TestOutcomeOfIncident(t *testing.T) {
	m := newManager(t, nil, Options{})
	f := finding("brute-force", client(9), 0, 1)
	var witness event.Event
	witness.Reset()
	witness.Time, witness.Source, witness.Status = f.FiredAt, "w", 200

	type want struct {
		outcome detect.Verdict
		changed bool
	}
	scores := map[detect.Verdict]int{}
	var last uint64
	for i, step := range []struct {
		f    detect.Finding
		want want
	}{
		{ended(f, detect.Refused, f.FiredAt, 1), want{detect.Refused, true}},
		{ended(f, detect.Unclear, f.FiredAt, 1), want{detect.Refused, false}},
		{ended(f, detect.LikelySucceeded, f.FiredAt, 2, witness), want{detect.LikelySucceeded, true}},
		{ended(f, detect.Failed, f.FiredAt.Add(time.Hour), 3), want{detect.LikelySucceeded, true}}, // it may have forgotten
		{ended(f, detect.Unclear, f.FiredAt, 4), want{detect.Unclear, true}},                       // it knows more
	} {
		apply(t, m, step.f)
		inc := only(t, m, Filter{})
		if inc.Outcome != step.want.outcome || (inc.Version != last) != step.want.changed {
			t.Errorf("step %d: %s at version %d after %d, want %+v", i, inc.Outcome, inc.Version, last, step.want)
		}
		last = inc.Version
		scores[inc.Outcome] = inc.Score
		sum := 0
		for _, p := range inc.ScoreParts {
			sum += p.Points
		}
		if sum != inc.Score {
			t.Errorf("step %d: the parts add up to %d of %d", i, sum, inc.Score)
		}
	}
	if scores[detect.LikelySucceeded] <= scores[detect.Unclear] || scores[detect.Unclear] <= scores[detect.Refused] {
		t.Errorf("scores %v do not follow the outcome", scores)
	}
	inc := only(t, m, Filter{})
	full, err := m.Get(t.Context(), inc.ID)
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for _, e := range full.Evidence {
		if strings.Contains(string(e), `"source":"w"`) {
			kept++
		}
	}
	if kept != 1 {
		t.Errorf("the deciding event is kept %d times", kept)
	}
	for v, n := range map[detect.Verdict]int{detect.Unclear: 1, detect.Refused: 0} {
		page, err := m.List(Filter{Outcomes: []detect.Verdict{v}}, "", "", 10)
		if err != nil || page.Total != n {
			t.Errorf("%s: %d incidents, %v", v, page.Total, err)
		}
	}
}
