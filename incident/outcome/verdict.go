package outcome

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// verdict judges what the ledger says of findings of a kind; empty when it says nothing.
func (l *ledger) verdict(k detect.Kind) detect.Verdict {
	if k == detect.KindCredential && len(l.doors) > 0 {
		return l.atDoors().verdict
	}
	if k == detect.KindCredential {
		return ""
	}
	return l.ofAttempts()
}

// ofAttempts judges probes and payloads.
func (l *ledger) ofAttempts() detect.Verdict {
	finds := slices.ContainsFunc(l.probes, func(p probe) bool { return p.found() })
	switch {
	case finds || l.payload != nil:
		return detect.LikelySucceeded
	case l.unclear != nil:
		return detect.Unclear
	case l.refused+l.failed == 0 && len(l.probes) == 0:
		return ""
	case l.refused > l.failed:
		return detect.Refused
	}
	return detect.Failed
}

// outcome words the verdict on findings of a kind, nil when the ledger says nothing about them.
func (l *ledger) outcome(k detect.Kind) *detect.Outcome {
	v := l.verdict(k)
	if v == "" {
		return nil
	}
	o := &detect.Outcome{Verdict: v, Since: l.since, At: l.last, Answers: l.heard}
	if k == detect.KindCredential {
		return l.wordDoors(o)
	}
	switch v {
	case detect.LikelySucceeded:
		l.wordSuccess(o)
	case detect.Unclear:
		o.Reason = named(&l.unclear.event) + " was answered with " + l.unclear.why + l.rest() + "."
		o.Witnesses = []event.Event{l.unclear.event}
	case detect.Refused, detect.Failed:
		o.Reason = l.wordFailure()
	}
	return o
}

// mostWitnesses bounds the events that an outcome shows.
const mostWitnesses = 3

func (l *ledger) wordSuccess(o *detect.Outcome) {
	var told []string
	if l.payload != nil {
		told = append(told, named(&l.payload.event)+" was answered with "+l.payload.why)
		o.Witnesses = append(o.Witnesses, l.payload.event)
	}
	more := 0
	for i := range l.probes {
		p := &l.probes[i]
		switch {
		case !p.found():
		case len(o.Witnesses) == mostWitnesses:
			more++
		default:
			told = append(told, named(&p.first.event)+" was answered with "+p.first.why)
			o.Witnesses = append(o.Witnesses, p.first.event)
		}
	}
	o.Reason = strings.Join(told, "; ")
	if more > 0 {
		o.Reason += fmt.Sprintf("; and %d more", more)
	}
	o.Reason += l.rest() + "."
}

// rest adds what became of the other attempts.
func (l *ledger) rest() string {
	if n := l.refused + l.failed; n > 0 {
		return "; " + detect.Plural(n, "other attempt") + " came to nothing"
	}
	return ""
}

func (l *ledger) wordFailure() string {
	alike := uint64(0)
	for i := range l.probes {
		alike += l.probes[i].count
	}
	var told []string
	if l.refused > 0 {
		told = append(told, detect.Plural(l.refused, "attempt")+" refused")
	}
	if l.failed > 0 {
		told = append(told, detect.Plural(l.failed, "attempt")+" answered with nothing, or with what anybody gets")
	}
	if alike > 0 {
		told = append(told, detect.Plural(alike, "probe")+" answered alike, whatever was asked for")
	}
	return sentence(strings.Join(told, ", ") + " (" + l.answers.statuses() + ").")
}

// doorsJudged is what all doors together say.
type doorsJudged struct {
	verdict               detect.Verdict
	total, refused, taken uint64
	best                  *door // the one with the first login that was taken, else the one with the most answers
	alike                 bool  // every door's answers have one status and one size
}

const (
	// takenShare is the share of logins that are taken above which it may as well be people behind one address.
	takenShare = 0.2
	// refusedShare is the share of refusals from which all count as refused.
	refusedShare = 0.9
)

// atDoors judges logins.
func (l *ledger) atDoors() doorsJudged {
	j := doorsJudged{alike: true}
	for i := range l.doors {
		d := &l.doors[i]
		j.total += d.total
		j.refused += d.refused
		j.taken += d.taken
		if j.best == nil || (d.first != nil) == (j.best.first != nil) && d.total > j.best.total || d.first != nil && j.best.first == nil {
			j.best = d
		}
		j.alike = j.alike && d.alike()
	}
	switch {
	case j.taken > 0 && float64(j.taken) <= takenShare*float64(j.total):
		j.verdict = detect.LikelySucceeded
	case j.taken > 0:
		j.verdict = detect.Unclear
	case float64(j.refused) >= refusedShare*float64(j.total):
		j.verdict = detect.Refused
	case j.alike:
		j.verdict = detect.Failed
	default:
		j.verdict = detect.Unclear
	}
	return j
}

// alike reports whether all answers but refusals are one page: a form that shows itself again. Redirects say nothing.
func (d *door) alike() bool {
	pages := 0
	for status, s := range d.byStatus {
		if status >= 400 {
			continue
		}
		if status >= 300 || s.low < 0 || s.high > s.low+s.low/2+256 {
			return false
		}
		pages++
	}
	return pages <= 1
}

func (l *ledger) wordDoors(o *detect.Outcome) *detect.Outcome {
	j := l.atDoors()
	at := strings.TrimSpace(j.best.method + " " + j.best.route)
	if at == "" {
		at = "the login"
	}
	switch {
	case j.verdict == detect.LikelySucceeded:
		o.Reason = fmt.Sprintf("%s was answered with %d after %s that were not taken (%s)", at, j.best.first.event.Status, detect.Plural(j.best.before, "login"), j.best.statuses())
		if l.used > 0 {
			o.Reason += ", and " + detect.Plural(l.used, "further request") + " of this actor " + were(l.used) + " answered since"
		}
		o.Reason += "."
	case j.taken > 0:
		o.Reason = fmt.Sprintf("%d of %s were taken: that may as well be people behind one address.", j.taken, detect.Plural(j.total, "login"))
	case j.verdict == detect.Refused:
		o.Reason = fmt.Sprintf("%d of %s were refused, none was taken (%s at %s).", j.refused, detect.Plural(j.total, "login"), j.best.statuses(), at)
	case j.verdict == detect.Failed:
		o.Reason = fmt.Sprintf("No answer of %s differs from the others (%s at %s).", detect.Plural(j.total, "login"), j.best.statuses(), at)
	default:
		o.Reason = fmt.Sprintf("The answers do not tell whether one of %s was taken (%s at %s).", detect.Plural(j.total, "login"), j.best.statuses(), at)
	}
	for i := range l.doors {
		if w := l.doors[i].first; w != nil && len(o.Witnesses) < mostWitnesses {
			o.Witnesses = append(o.Witnesses, w.event)
		}
	}
	return o
}

// statuses words a door's answers: the most frequent first.
func (d *door) statuses() string {
	list := make([]int, 0, len(d.byStatus))
	for s := range d.byStatus {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b int) int {
		if x, y := d.byStatus[a].count, d.byStatus[b].count; x != y {
			return int(y) - int(x) //nolint:gosec // counts of one actor's logins
		}
		return a - b
	})
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		if s == 0 {
			fmt.Fprintf(&b, "%d without a status", d.byStatus[s].count)
		} else {
			fmt.Fprintf(&b, "%d x %d", d.byStatus[s].count, s)
		}
		if i == 3 {
			break
		}
	}
	return b.String()
}

// named is a request as a sentence names it.
func named(ev *event.Event) string {
	const most = 80
	target := ev.Path
	if target == "" {
		target = ev.RequestLine
	}
	if ev.Query != "" {
		target += "?" + ev.Query
	}
	if len(target) > most {
		target = strings.ToValidUTF8(target[:most], "") + "…"
	}
	return strings.TrimSpace(ev.Method + " " + target)
}

func were(n uint64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
