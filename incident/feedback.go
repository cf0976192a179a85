package incident

import (
	"fmt"
	"math"

	"github.com/gatewatch/gatewatch/detect"
)

// tally is what people said of closed incidents: how many there were, and how many of them they called false.
type tally struct{ closed, wrong int }

// alike is what people's feedback is held against: incidents of one leading detector in one service.
type alike struct{ detector, service string }

// maxFeedback is how many points feedback takes at most.
const maxFeedback = 20

// count adds n incidents like inc to the tallies, when it is closed. What resolves itself says nothing. The caller holds mu.
func (m *Manager) count(inc *Incident, n int) {
	if !inc.Status.Terminal() || inc.Kind == detect.KindOperational && inc.Status == StatusResolved {
		return
	}
	k := alike{inc.Detector, inc.Service}
	t := m.feedback[k]
	t.closed += n
	if inc.Status == StatusFalsePositive {
		t.wrong += n
	}
	m.feedback[k] = t
}

// said returns what people said of incidents like inc.
func (m *Manager) said(inc *Incident) tally {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.feedback[alike{inc.Detector, inc.Service}]
}

// heed takes points off the score for what people keep calling false: none before the second time, and of maxFeedback the
// share that they called false among those that were closed, shrunk by two that were not. It follows judge.
func (inc *Incident) heed(said tally) {
	if said.wrong < 2 {
		return
	}
	points := -int(math.Round(maxFeedback * float64(said.wrong) / float64(said.closed+2)))
	points = max(points, -inc.Score)
	inc.ScoreParts = append(inc.ScoreParts, ScorePart{
		Name: "feedback", Points: points,
		Reason: fmt.Sprintf("%d of %d closed incidents of this detector here were called false", said.wrong, said.closed),
	})
	inc.Score += points
}

// suppresses asks who suppresses the finding.
func (m *Manager) suppresses(f *detect.Finding) string {
	if m.opts.Suppresses == nil {
		return ""
	}
	return m.opts.Suppresses(f)
}
