package incident

import (
	"fmt"
	"math"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

// scorer is one part of the score: at most max points, with the reason.
type scorer struct {
	name  string
	max   int
	judge func(*Incident) (points float64, reason string)
}

// scorers are all parts; their maxima add up to 100. Severity weighs most; the rest orders what is equally severe and lifts
// what is large or many-sided by about one step.
func scorers() []scorer {
	return []scorer{
		{"severity", 70, scoreSeverity},
		{"excess", 8, scoreExcess},
		{"volume", 8, scoreVolume},
		{"breadth", 8, scoreBreadth},
		{"persistence", 6, scorePersistence},
	}
}

// severityPoints is what an incident of that severity begins with.
var severityPoints = [...]float64{detect.Low: 10, detect.Medium: 30, detect.High: 50, detect.Critical: 70}

func scoreSeverity(inc *Incident) (float64, string) {
	return severityPoints[inc.Severity], fmt.Sprintf("the most severe finding is %s", inc.Severity)
}

// scoreExcess gives two points for every doubling of the distance from what was expected.
func scoreExcess(inc *Incident) (float64, string) {
	r := ratio(inc.Observed, inc.Expected)
	return 2 * math.Log2(r), fmt.Sprintf("observed %s against %s expected", number(inc.Observed, inc.Unit), number(inc.Expected, ""))
}

// scoreVolume gives two points for every eightfold number of events: a rule fires at its threshold, so what came after it
// shows here and not in the excess.
func scoreVolume(inc *Incident) (float64, string) {
	return math.Log2(float64(max(inc.EventCount, 1))) * 2 / 3, "at least " + detect.Plural(inc.EventCount, "event")
}

func scoreBreadth(inc *Incident) (float64, string) {
	n := len(inc.Signals)
	if n == 1 {
		return 0, "one detector saw it"
	}
	return 4 * math.Log2(float64(n)), fmt.Sprintf("%d detectors saw it", n)
}

// scorePersistence gives a point for every doubling of the number of findings, and of the hours that they span.
func scorePersistence(inc *Incident) (float64, string) {
	hours := inc.LastSeen.Sub(inc.FirstSeen).Hours()
	points := math.Log2(float64(max(inc.FindingCount, 1))) + math.Log2(1+hours)
	return points, fmt.Sprintf("%s within %s", detect.Plural(uint64(max(inc.FindingCount, 0)), "finding"), span(inc.LastSeen.Sub(inc.FirstSeen)))
}

// judge derives severity, leading numbers, score, title and explanation from the signals.
func (inc *Incident) judge() {
	for _, s := range inc.Signals {
		inc.Severity = max(inc.Severity, s.Severity)
	}
	lead := inc.lead()
	inc.Detector = lead.Detector
	inc.Observed, inc.Expected, inc.Unit = lead.Observed, lead.Expected, lead.Unit
	inc.Score, inc.ScoreParts = 0, make([]ScorePart, 0, len(scorers()))
	for _, s := range scorers() {
		points, reason := s.judge(inc)
		p := ScorePart{Name: s.name, Points: min(int(math.Round(points)), s.max), Reason: reason}
		inc.ScoreParts = append(inc.ScoreParts, p)
		inc.Score += p.Points
	}
	inc.weighOutcome()
	inc.Title = inc.title(lead)
	inc.Explanation = inc.explain(lead)
}

// span words a duration for people, coarsely.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return detect.Plural(uint64(max(d, 0).Seconds()), "second")
	case d < time.Hour:
		return detect.Plural(uint64(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return detect.Plural(uint64(d.Hours()), "hour")
	}
	return detect.Plural(uint64(d.Hours()/24), "day")
}
