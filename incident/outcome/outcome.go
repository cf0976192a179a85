// Package outcome judges whether attacks succeeded, from the answers alone: it follows the events in judging order,
// remembers what ordinary answers of each route look like and what each suspicious actor was answered, and writes the
// verdict into the findings that pass through it.
//
// It does no I/O, knows no rule by name and keeps bounded state. What it says depends on the order of events and on its
// options alone, never on batches.
package outcome

import (
	"net/netip"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// Options are what a Tracker is built with.
type Options struct {
	// Signs says what signatures mean; see SignsOf. A signature that is not in it means nothing here.
	Signs map[string]Sign
	// Learned returns what baselines know of a route's successful answers at a moment: their number, and between which sizes
	// in bytes they stay (both 0: not learned). Nil: nothing is known but what the Tracker saw itself.
	Learned func(service, method, route string, at time.Time) (answers uint64, low, high float64)
}

// Tracker judges outcomes. It is a detect.Detector that has to stand before all others, and its Emit between all of
// them and whoever takes findings. It is used by one goroutine.
type Tracker struct {
	opts     Options
	normal   normals
	clients  ledgers[netip.Addr]
	users    ledgers[string]
	sessions ledgers[string]
	next     detect.Emit
}

var _ detect.Detector = (*Tracker)(nil)

// New returns a Tracker that hands findings on to next.
func New(opts Options, next detect.Emit) *Tracker {
	return &Tracker{
		opts: opts, next: next, normal: newNormals(),
		clients: newLedgers(func(a, b netip.Addr) int { return a.Compare(b) }), users: newLedgers(compareText), sessions: newLedgers(compareText),
	}
}

// Observe implements detect.Detector: it learns from the event and follows its actor.
func (t *Tracker) Observe(ev *event.Event, _ detect.Emit) {
	sign := t.signOf(ev)
	suspicious := sign.suspicious()
	t.follow(t.clients.of(ev.ClientIP, ev.ClientIP.IsValid(), suspicious, ev.Time), ev, sign)
	t.follow(t.users.of(ev.User, ev.User != "", suspicious, ev.Time), ev, sign)
	t.follow(t.sessions.of(ev.Session, ev.Session != "", suspicious, ev.Time), ev, sign)
	if ev.Status >= 200 && ev.Status < 300 && !sign.Attack {
		t.normal.learn(ev)
	}
}

// follow notes the event in its actor's ledger, if there is one, and tells when that changes what was said of a finding.
func (t *Tracker) follow(l *ledger, ev *event.Event, sign Sign) {
	if l == nil {
		return
	}
	changed := false
	l.heard++
	if sign.Attack {
		l.attempt(ev, t.weigh(ev, sign))
		changed = true
	}
	if l.login(ev, sign) {
		changed = true
	}
	if !changed {
		return
	}
	for i := range l.watched {
		w := &l.watched[i]
		v := l.verdict(w.finding.Kind)
		used := w.finding.Kind == detect.KindCredential && l.used != w.used && told(l.used)
		if v != "" && (v != w.verdict || used) {
			w.verdict, w.used = v, l.used
			f := w.finding
			f.Outcome = l.outcome(f.Kind)
			t.next(f)
		}
	}
}

// Emit takes a finding from a detector, writes the outcome so far into it and hands it on.
func (t *Tracker) Emit(f detect.Finding) {
	if judged(f.Kind) {
		t.annotate(&f)
	}
	t.next(f)
}

// judged reports whether findings of the kind are attacks, which succeed or not.
func judged(k detect.Kind) bool {
	switch k {
	case detect.KindCredential, detect.KindWebAttack, detect.KindDataAccess, detect.KindAbuse:
		return true
	case detect.KindAvailability, detect.KindExposure, detect.KindOperational:
	}
	return false
}

func (t *Tracker) annotate(f *detect.Finding) {
	l := t.ledgerOf(f.Entity, f.FiredAt)
	if l != nil {
		if o := l.outcome(f.Kind); o != nil && t.decides(f) {
			l.watch(f, o.Verdict)
			f.Outcome = o
			return
		}
	}
	f.Outcome = bySample(f)
}

// decides reports whether what was followed says more about the finding than its own sample: not when the finding is
// about requests that its rule picks by their status.
func (t *Tracker) decides(f *detect.Finding) bool {
	if f.Kind != detect.KindDataAccess && f.Kind != detect.KindAbuse {
		return true
	}
	for _, c := range f.Measure.Where {
		if c.Op == detect.OpHas && c.Field == "signatures" {
			return t.opts.Signs[c.Value].Attack
		}
	}
	return false
}

// ledgerOf returns the actor's ledger, nil for what is no actor.
func (t *Tracker) ledgerOf(e detect.Entity, at time.Time) *ledger {
	switch e.Type {
	case detect.EntityClient:
		if addr, err := netip.ParseAddr(e.Value); err == nil {
			return t.clients.of(addr, true, true, at)
		}
	case detect.EntityUser:
		return t.users.of(e.Value, true, true, at)
	case detect.EntitySession:
		return t.sessions.of(e.Value, true, true, at)
	case detect.EntityEndpoint, detect.EntityService:
	}
	return nil
}

// Advance implements detect.Detector. Ledgers are judged by events alone.
func (t *Tracker) Advance(time.Time, detect.Emit) {}

// Restore implements detect.Detector. What was followed comes back with the replay, as far as that reaches.
func (t *Tracker) Restore([]detect.Finding) {}

// Lookback implements detect.Detector.
func (t *Tracker) Lookback() time.Duration { return time.Hour }
