package baseline

import (
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// hours walks a detector through whole hours of the clock, each under the model that was in effect when it began. What is
// common to all that count an actor's hour is here: where an hour ends, which events still belong to it, and how the
// episodes of its actors go on.
type hours struct {
	models   *models
	model    *Model // of the present hour; nil: nothing is judged
	hour     int64  // the hour that is being counted
	started  bool
	partial  bool // the hour was not seen from its start: nothing is judged in it
	cut      time.Time
	overflow uint64
}

// arrive starts the clock at the first event and notes the stamp of every one. It reports whether ev belongs to the present
// hour; what is late is judged no more.
func (h *hours) arrive(ev *event.Event) bool {
	if !h.started {
		h.started, h.hour = true, hourOf(ev.Time)
		h.partial = !ev.Time.Equal(hourTime(h.hour))
		h.model = h.models.at(hourTime(h.hour))
	}
	if ev.IngestedAt.After(h.cut) {
		h.cut = ev.IngestedAt
	}
	return hourOf(ev.Time) >= h.hour
}

// judges is arrive for detectors that know nothing but the present hour: it also has to have a model and a beginning.
func (h *hours) judges(ev *event.Event) bool {
	return h.arrive(ev) && h.model != nil && !h.partial
}

// over reports whether the hour that is being counted has ended at t.
func (h *hours) over(t time.Time) bool { return h.started && hourOf(t) > h.hour }

// next moves to the hour of t.
func (h *hours) next(t time.Time) {
	h.hour, h.partial = hourOf(t), false
	h.model = h.models.at(hourTime(h.hour))
}

// start and end of the present hour.
func (h *hours) start() time.Time { return hourTime(h.hour) }
func (h *hours) end() time.Time   { return hourTime(h.hour + 1) }

// voice is one detector among those that share a count of the hour: its episodes, and who crossed its bound in this hour.
type voice struct {
	episodes
	crossed []closing
}

func newVoice(detector string, patience int) voice {
	return voice{episodes: newEpisodes(detector, patience)}
}

// cross notes that the bound was crossed in this hour by the group whose spell is s.
func (v *voice) cross(group string, s *spell) {
	v.crossed = append(v.crossed, closing{group, s})
}

// raise begins an episode with f and ties the spell of this hour to it.
func (v *voice) raise(f detect.Finding, s *spell, at time.Time, emit detect.Emit) {
	v.begin(f, at, emit)
	s.episode, s.added = v.open[groupKey(f.Group)], 0
}

// act is what was done in the present hour, as far as an episode needs it.
type act struct {
	key   ActorKey // who did it; empty when the finding names its entity itself
	group []string
	first time.Time
	n     uint32 // events
}

// tell begins an episode with the given finding, or prolongs the one that is open, and returns its spell. What is the same
// for every such finding is filled in.
func (v *voice) tell(a act, ev *event.Event, emit detect.Emit, finding func() detect.Finding) *spell {
	e := v.of(a.group)
	s := &spell{episode: e, last: ev.Time}
	switch {
	case e == nil:
		f, info := finding(), infoOf(v.detector)
		f.Title, f.Kind, f.Severity, f.OWASP, f.MITRE = info.Title, info.Kind, info.Severity, info.OWASP, info.MITRE
		f.Group, f.FiredAt, f.LastSeen = a.group, ev.Time, ev.Time
		if f.Entity.Value == "" {
			f.Entity = a.key.entity()
		}
		if f.FirstSeen.IsZero() {
			f.FirstSeen = a.first
		}
		if f.EventCount == 0 {
			f.EventCount = uint64(a.n)
		}
		v.raise(f, s, ev.Time, emit)
	case ev.Time.After(e.counted) && !a.first.Before(e.counted):
		s.added = a.n
	}
	v.cross(groupKey(a.group), s)
	return s
}

// more counts a further event of an hour that was told.
func (s *spell) more(ev *event.Event) {
	if ev.Time.After(s.episode.counted) {
		s.added++
		s.last = ev.Time
	}
}

// endHour ends the hour h, and the hours up to the one of t in which nobody was seen.
func (v *voice) endHour(h *hours, t time.Time, emit detect.Emit) {
	v.closeHours(h.hour, hourOf(t), v.crossed, emit)
	clear(v.crossed)
	v.crossed = v.crossed[:0]
}

// of returns the open episode of a group, nil when there is none.
func (v *voice) of(group []string) *episode {
	if len(v.open) == 0 {
		return nil
	}
	return v.open[groupKey(group)]
}
