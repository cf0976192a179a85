package rules

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gatewatch/gatewatch/detect"
)

// Set is a number of rules compiled together. It is immutable and safe for use by several goroutines.
type Set struct {
	rules    []*Rule // all, by id
	perEvent []*Rule // those over single events, by id
	byID     map[string]*Rule
	warnings Faults
	opts     Options // with the lists that stand in the files

	program    *program
	signatures []string // sorted; what Match can write
	scores     []float64
	marks      [][]int32 // by per-event rule: its own signature, and those of correlations that unite several rules
}

// Rules lists all rules by id. The rules are shared: read only.
func (s *Set) Rules() []*Rule { return s.rules }

// Rule returns the rule with that id, or nil.
func (s *Set) Rule(id string) *Rule { return s.byID[id] }

// Options are those that the set was loaded with, and the lists that stand in its files: what further rules beside these
// may refer to.
func (s *Set) Options() Options { return s.opts }

// Warnings are remarks about rules that load but cannot do all they say, such as a comparison of a field that access
// logs never carry.
func (s *Set) Warnings() Faults { return s.warnings }

// Raises reports whether the rule raises findings by itself: signs, and rules that only feed correlations, do not.
func (r *Rule) Raises() bool { return r.raises }

// Infos describes the rules that raise findings, by id.
func (s *Set) Infos() []detect.Info {
	var infos []detect.Info
	for _, r := range s.rules {
		if r.raises {
			infos = append(infos, r.Info())
		}
	}
	return infos
}

// compile turns the drafts into a set; faults are left in the loader.
func (l *loader) compile() *Set {
	s := &Set{program: newProgram(), byID: map[string]*Rule{}}
	l.takePlaceholders()
	s.opts = l.opts
	l.leaveOutDependents()
	for _, d := range l.rules {
		s.byID[d.ID] = &d.Rule
		if d.UUID != "" {
			if _, taken := s.byID[d.UUID]; !taken {
				s.byID[d.UUID] = &d.Rule
			}
		}
	}
	for _, d := range l.rules {
		for _, r := range d.Related { // whoever refers to the former id means this rule
			if _, taken := s.byID[r.ID]; r.Type == "renamed" && !taken {
				s.byID[r.ID] = &d.Rule
			}
		}
	}
	for _, d := range l.rules {
		if d.correlation != nil {
			l.compileCorrelation(s, d)
		} else {
			d.cond = l.compileDetection(d, s.program, d.detection, "detection")
			s.perEvent = append(s.perEvent, &d.Rule)
		}
		s.rules = append(s.rules, &d.Rule)
	}
	for _, f := range l.filters {
		l.applyFilter(s, f)
	}
	l.findCycles()
	if len(l.faults) > 0 {
		return nil
	}
	byID := func(a, b *Rule) int { return cmp.Compare(a.ID, b.ID) }
	slices.SortFunc(s.rules, byID)
	slices.SortFunc(s.perEvent, byID)
	s.decideRaising()
	s.number()
	s.inheritNeeds()
	l.fingerprints(s)
	conditions := make([]node, len(s.perEvent))
	for i, r := range s.perEvent {
		conditions[i] = r.cond
	}
	s.program.finish(conditions)
	s.warnings = l.warnings.sorted()
	return s
}

// decideRaising applies Sigma's generate: a rule that a correlation refers to raises nothing of its own unless a
// correlation over it says generate.
func (s *Set) decideRaising() {
	silent := map[*Rule]bool{}
	for _, r := range s.rules {
		if r.Correlation != nil && !r.Correlation.Generate {
			for _, base := range r.Correlation.bases {
				silent[base] = true
			}
		}
	}
	for _, r := range s.rules {
		if r.Unless != nil {
			silent[s.byID[r.Unless.Rule]] = true
		}
	}
	for _, r := range s.rules {
		if r.Correlation != nil && r.Correlation.Generate {
			for _, base := range r.Correlation.bases {
				delete(silent, base)
			}
		}
	}
	for _, r := range s.rules {
		r.raises = !silent[r] && !r.Signal
	}
}

// number gives each signature its index: the per-event rules, and the correlations over several of them, whose own id
// marks an event of any of their rules, so that one condition on signatures selects their events.
func (s *Set) number() {
	for _, r := range s.perEvent {
		s.signatures = append(s.signatures, r.ID)
	}
	for _, r := range s.rules {
		if r.Correlation != nil && r.Correlation.unites() {
			s.signatures = append(s.signatures, r.ID)
		}
	}
	slices.Sort(s.signatures)
	s.scores = make([]float64, len(s.signatures))
	s.marks = make([][]int32, len(s.perEvent))
	position := map[*Rule]int{}
	for i, r := range s.perEvent {
		index := s.signature(r.ID)
		s.scores[index] = r.Score
		s.marks[i] = []int32{index}
		position[r] = i
	}
	for _, r := range s.rules {
		c := r.Correlation
		if c == nil {
			continue
		}
		for _, base := range c.bases {
			if base.Correlation != nil {
				continue
			}
			c.base = append(c.base, s.signature(base.ID))
			c.signature = s.signature(base.ID)
			if c.unites() {
				c.signature = s.signature(r.ID)
				s.marks[position[base]] = append(s.marks[position[base]], c.signature)
			}
		}
	}
}

func (s *Set) signature(id string) int32 {
	i, _ := slices.BinarySearch(s.signatures, id)
	return int32(i)
}

// unites reports whether the correlation's own name marks the events of its rules.
func (c *Correlation) unites() bool { return len(c.bases) > 1 && !c.chained() }

// inheritNeeds gives a correlation what all of its rules need, and its own fields.
func (s *Set) inheritNeeds() {
	for _, r := range s.rules {
		r.Needs = r.needs()
	}
}

func (r *Rule) needs() []string {
	c := r.Correlation
	if c == nil {
		return r.Needs
	}
	common := slices.Clone(c.bases[0].needs())
	for _, base := range c.bases[1:] {
		theirs := base.needs()
		common = slices.DeleteFunc(common, func(f string) bool { return !slices.Contains(theirs, f) })
	}
	for _, id := range append([]fieldID{c.value}, c.group...) {
		if id != fieldNone && id != fieldActor && id != fieldPath && id != fieldService {
			common = append(common, id.spec().name)
		}
	}
	slices.Sort(common)
	return slices.Compact(common)
}

// findCycles reports correlations that stand on themselves.
func (l *loader) findCycles() {
	state := map[*Rule]int{} // 1: under way, 2: done
	var visit func(r *Rule) bool
	visit = func(r *Rule) bool {
		if state[r] == 1 {
			return false
		}
		if state[r] == 2 || r.Correlation == nil {
			return true
		}
		state[r] = 1
		fine := true
		for _, base := range r.Correlation.bases {
			fine = visit(base) && fine
		}
		state[r] = 2
		return fine
	}
	for _, d := range l.rules {
		if d.Correlation != nil && !visit(&d.Rule) {
			l.file = d.File
			l.fault(d.correlation, "correlation.rules", "the rules stand on each other in a circle")
		}
	}
}

// applyFilter narrows the rules that a Sigma filter names by the filter's condition.
func (l *loader) applyFilter(s *Set, f *draft) {
	l.file = f.File
	if f.filter == nil {
		return
	}
	cond := l.compileDetection(f, s.program, f.filter, "filter")
	list, _ := child(f.filter, "rules")
	if list == nil {
		l.fault(f.filter, "filter.rules", "missing")
		return
	}
	if strings.EqualFold(list.Value, "any") {
		for _, r := range s.perEvent {
			r.cond = andNode{r.cond, cond}
		}
		return
	}
	var ids []string
	l.texts(list, "filter.rules", &ids)
	for _, id := range ids {
		r := s.byID[id]
		if why, out := l.leftOut[id]; r == nil && out {
			l.warn(f, list, "filter.rules", "%q was left out: %s", id, why)
			continue
		}
		if r == nil || r.Correlation != nil {
			l.fault(list, "filter.rules", "%q is not the name or id of a detection rule", id)
			continue
		}
		r.cond = andNode{r.cond, cond}
	}
}
