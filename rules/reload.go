package rules

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
	"go.yaml.in/yaml/v3"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// fingerprints gives each rule the hash of its document, of the filters over it, of the lists that it may name, and of
// the rules that it stands on.
func (l *loader) fingerprints(s *Set) {
	own := map[*Rule]uint64{}
	lists, _ := yaml.Marshal(l.opts.Placeholders) // of texts: it cannot fail
	filters := xxhash.New()
	for _, f := range l.filters {
		text, _ := yaml.Marshal(f.node) // it was read from YAML
		_, _ = filters.Write(text)      // never fails
	}
	for _, d := range l.rules {
		h := xxhash.New()
		text, _ := yaml.Marshal(d.node) // it was read from YAML
		_, _ = h.Write(text)            // never fails
		_, _ = h.Write(lists)
		_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, filters.Sum64()))
		own[&d.Rule] = h.Sum64()
	}
	var of func(r *Rule) uint64
	of = func(r *Rule) uint64 {
		sum := own[r]
		if r.Correlation == nil {
			return sum
		}
		under := slices.Clone(r.Correlation.bases)
		if r.Unless != nil {
			under = append(under, s.byID[r.Unless.Rule])
		}
		for _, base := range under {
			sum = xxhash.Sum64(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, sum), of(base)))
		}
		return sum
	}
	for _, r := range s.rules {
		r.fingerprint = of(r)
	}
}

// Reloaded says what became of the rules that have windows.
type Reloaded struct {
	Kept    int `json:"kept"`    // unchanged: their windows and open findings go on
	Started int `json:"started"` // new or changed: they begin empty
	Ended   int `json:"ended"`   // gone or changed: their open findings are closed
}

// Reload goes on with the rules of another set. A rule that did not change, nor those that it stands on, keeps what its
// groups remember. Events judged from now on may still carry signatures of the former set.
func (w *Windows) Reload(set *Set, emit detect.Emit) Reloaded {
	former := map[string]*tracker{}
	for _, t := range w.trackers {
		former[t.rule.ID] = t
	}
	w.set, w.trackers, w.chains = set, nil, nil
	w.led = map[string]*led{}
	w.nextEnd = never
	var out Reloaded
	for _, r := range set.running(w.opts.Only) {
		t := former[r.ID]
		if t == nil || t.rule.fingerprint != r.fingerprint {
			w.track(newTracker(w, r))
			out.Started++
			continue
		}
		delete(former, r.ID)
		t.rule, t.outer = r, nil
		w.track(t)
		w.nextEnd = min(w.nextEnd, t.end)
		out.Kept++
	}
	out.Ended = len(former)
	w.end(former, emit)
	w.assign()
	w.connect(w.opts.Only)
	return out
}

// end closes the findings of rules that are no more, in the order of their ids.
func (w *Windows) end(gone map[string]*tracker, emit detect.Emit) {
	var open []*episode
	for _, t := range gone {
		t.each(func(g *group) {
			if g.episode != nil {
				open = append(open, g.episode)
			}
		})
	}
	slices.SortFunc(open, func(a, b *episode) int { return cmp.Compare(a.f.ID, b.f.ID) })
	for _, e := range open {
		w.closed(e)
		e.finish(emit)
	}
	for _, t := range gone {
		t.clear()
	}
}

// Beyond returns the signatures of rules whose state reaches back further than limit, and how far the furthest does. Events
// with one of these, older than what a restart replays whole, are to be given to Recall first.
func (w *Windows) Beyond(limit time.Duration) (signatures []string, reach time.Duration) {
	for _, t := range w.beyond(limit) {
		reach = max(reach, t.rule.reach())
		for _, r := range t.rule.detections() {
			signatures = append(signatures, r.ID)
		}
		if t.rule.Unless != nil {
			signatures = append(signatures, t.rule.Unless.Rule)
		}
	}
	slices.Sort(signatures)
	return slices.Compact(signatures), min(reach, maxBacktestWarmUp)
}

// beyond are the trackers that reach back further than limit, with those that feed them.
func (w *Windows) beyond(limit time.Duration) []*tracker {
	long := map[*Rule]bool{}
	var mark func(r *Rule)
	mark = func(r *Rule) {
		long[r] = true
		if r.Correlation != nil {
			for _, base := range r.Correlation.bases {
				mark(base)
			}
		}
	}
	for _, t := range w.trackers {
		if t.rule.reach() > limit {
			mark(t.rule)
		}
	}
	return slices.DeleteFunc(slices.Clone(w.trackers), func(t *tracker) bool { return !long[t.rule] })
}

// detections are the rules about single events that the rule stands on.
func (r *Rule) detections() []*Rule {
	if r.Correlation == nil {
		return []*Rule{r}
	}
	var all []*Rule
	for _, base := range r.Correlation.bases {
		all = append(all, base.detections()...)
	}
	return all
}

// Recall gives the events that Beyond asks for, in judging order, to the rules that reach back further than limit, and to
// them alone. What these find is known.
func (w *Windows) Recall(limit time.Duration, events func(yield func(*event.Event)) error) error {
	all, chains := w.led, w.chains
	defer func() { w.led, w.chains = all, chains }()
	w.led, w.chains = map[string]*led{}, nil
	for _, t := range w.beyond(limit) {
		w.lead(t)
	}
	slices.SortStableFunc(w.chains, func(a, b *tracker) int { return a.rule.depth() - b.rule.depth() })
	known := func(detect.Finding) {}
	return events(func(ev *event.Event) { w.Observe(ev, known) })
}
