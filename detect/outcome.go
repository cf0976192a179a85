package detect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// Verdict says, as far as answers tell, whether an attack did what it was meant to.
type Verdict string

// The verdicts, in order of urgency; see Rank. The empty one belongs to what is no attack.
const (
	Refused         Verdict = "refused"          // the server said no: not authorised, forbidden, too many
	Failed          Verdict = "failed"           // nothing there, or the answer that everybody gets
	Unclear         Verdict = "unclear"          // the answers do not tell
	LikelySucceeded Verdict = "likely_succeeded" // an answer of another kind, or what was not to be read was sent
)

// Verdicts lists all verdicts.
func Verdicts() []Verdict { return []Verdict{Refused, Failed, Unclear, LikelySucceeded} }

// Rank orders verdicts by urgency: 0 for none; what was refused and what failed are equally harmless.
func (v Verdict) Rank() int {
	switch v {
	case Refused, Failed:
		return 1
	case Unclear:
		return 2
	case LikelySucceeded:
		return 3
	}
	return 0
}

// ParseVerdict accepts the name of a verdict.
func ParseVerdict(word string) (Verdict, error) {
	if v := Verdict(word); slices.Contains(Verdicts(), v) {
		return v, nil
	}
	names := make([]string, 0, len(Verdicts()))
	for _, v := range Verdicts() {
		names = append(names, string(v))
	}
	return "", fmt.Errorf("outcome %q: want one of %s", word, strings.Join(names, ", "))
}

// After reports whether o was said later than something said at a time after so many answers.
func (o *Outcome) After(at time.Time, answers uint64) bool {
	c := o.At.Compare(at)
	return c > 0 || c == 0 && o.Answers > answers
}

// Outcome is a verdict with its reason.
type Outcome struct {
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason"` // one sentence for a person
	// Since is the event time from which the actor's answers were followed. Of two outcomes with one beginning the later
	// knows more; one that began later may have forgotten a success.
	Since time.Time `json:"since"`
	// At is the event time of the newest answer that was heard of, Answers how many there were: they order outcomes.
	At      time.Time `json:"at"`
	Answers uint64    `json:"answers"`
	// Witnesses are the events that decided it, a few at most. They own their strings and are not part of the JSON.
	Witnesses []event.Event `json:"-"`
}
