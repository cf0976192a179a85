package outcome

import (
	"slices"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// Sign says what a signature means for the outcome.
type Sign struct {
	Attack bool // the request itself is an attempt: a probe, a payload, a tool
	Path   bool // of an attempt: it is the path that was probed for
	Tool   bool // of an attempt: only the user agent gave it away
	Login  bool // credentials were submitted, or refused
	Taken  bool // credentials were submitted and taken, as far as the answer tells
}

func (s Sign) suspicious() bool { return s.Attack || s.Login }

// Rule is what SignsOf has to know of a rule.
type Rule struct {
	ID      string
	Kind    detect.Kind
	Reads   []string // the rule fields that a rule about single events looks at
	Signal  bool     // it only feeds others
	Counts  []string // the rules whose events a correlation counts; nil for a rule about single events
	Excuses string   // the rule whose events speak for a group
}

// SignsOf derives what signatures mean from the rules that use them: what a credential rule counts is a login, what
// excuses it is one that was taken, and what a rule of another attack kind sees in a single request is an attempt.
func SignsOf(rules []Rule) map[string]Sign {
	signs := map[string]Sign{}
	by := map[string]Rule{}
	for _, r := range rules {
		by[r.ID] = r
	}
	change := func(id string, fn func(*Sign)) {
		s := signs[id]
		fn(&s)
		signs[id] = s
	}
	attempt := func(r Rule) {
		if r.Signal || slices.Contains(r.Reads, "status") {
			return
		}
		change(r.ID, func(s *Sign) {
			s.Attack = true
			payload := reads(r, "query", "uri", "payload", "request_line")
			s.Path = !payload && reads(r, "path", "extension")
			s.Tool = !payload && !s.Path && reads(r, "user_agent")
		})
	}
	for _, r := range rules {
		if r.Kind == detect.KindCredential && r.Counts != nil {
			for _, id := range append([]string{r.ID}, r.Counts...) {
				change(id, func(s *Sign) { s.Login = true })
			}
			if x := by[r.Excuses]; x.Signal {
				change(x.ID, func(s *Sign) { s.Taken = true })
			}
			continue
		}
		if r.Counts == nil && (r.Kind == detect.KindWebAttack || r.Kind == detect.KindDataAccess) {
			attempt(r)
		}
	}
	return signs
}

func reads(r Rule, fields ...string) bool {
	return slices.ContainsFunc(fields, func(f string) bool { return slices.Contains(r.Reads, f) })
}

// signOf joins what an event's signatures mean. Of an attempt that several saw, the path counts when one of them saw it
// there, and a tool is one only when no other saw more.
func (t *Tracker) signOf(ev *event.Event) Sign {
	var all Sign
	tool := true
	for _, id := range ev.Signatures {
		s, ok := t.opts.Signs[id]
		if !ok {
			continue
		}
		all.Attack = all.Attack || s.Attack
		all.Path = all.Path || s.Path
		all.Login = all.Login || s.Login
		all.Taken = all.Taken || s.Taken
		tool = tool && (s.Tool || !s.Attack)
	}
	all.Tool = all.Attack && tool
	return all
}
