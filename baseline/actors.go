package baseline

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// who is the actor of an event without a copy: the user, else the client.
type who struct {
	user string
	ip   netip.Addr
}

func whoOf(ev *event.Event) who {
	if ev.User != "" {
		return who{user: ev.User}
	}
	return who{ip: ev.ClientIP}
}

// parseAddr reads an address that is known to be one, or none.
func parseAddr(s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a
}

func (w who) known() bool { return w.user != "" || w.ip.IsValid() }

func (w who) clone() who { return who{strings.Clone(w.user), w.ip.WithZone("")} }

func (w who) key() ActorKey {
	if w.user != "" {
		return ActorKey{true, w.user}
	}
	return ActorKey{false, w.ip.String()}
}

// entity returns the actor as a finding names it.
func (k ActorKey) entity() detect.Entity {
	if k.User {
		return detect.Entity{Type: detect.EntityUser, Value: k.Value}
	}
	return detect.Entity{Type: detect.EntityClient, Value: k.Value}
}

// where selects the actor's events as learning counted them: a client's are those without a user.
func (k ActorKey) where() []detect.Condition {
	if k.User {
		return []detect.Condition{is("user", k.Value)}
	}
	return []detect.Condition{is("client_ip", k.Value), is("user", "")}
}

// rowKey names the actor within a version.
func (k ActorKey) rowKey() string {
	if k.User {
		return "user " + k.Value
	}
	return "client " + k.Value
}

func (k ActorKey) group(more ...string) []string {
	return append([]string{string(k.entity().Type), k.Value}, more...)
}

// anonymity is how many times the written floor a client without an identity must reach: an address may be many people.
const anonymity = 4

// actorBound mixes an actor's own bound, known from so many hours, with the crowd's, on a logarithmic scale: with no
// hours it is the crowd's, with 12 it is half way.
func actorBound(own float64, hours uint16, crowd float64) float64 {
	if hours == 0 || own <= 0 {
		return crowd
	}
	w := float64(hours) / (float64(hours) + 12)
	return math.Exp(w*math.Log(own) + (1-w)*math.Log(max(crowd, 1)))
}

// leastCrowd is the actor-hours from which a crowd's quantiles are believed.
const leastCrowd = 50

func (c Crowd) judgeable(minDays int) bool { return c.Hours >= leastCrowd && c.Days >= minDays }

// spell is what an actor did in the present hour, as far as its episode needs it.
type spell struct {
	n           uint32 // events
	added       uint32 // events that its open episode does not count yet
	first, last time.Time
	crossed     bool // the bound was crossed in this hour
	episode     *episode
}

// count adds ev to the spell.
func (s *spell) count(ev *event.Event) {
	if s.n == 0 {
		s.first = ev.Time
	}
	s.n++
	s.last = ev.Time
	if s.episode == nil || ev.Time.After(s.episode.counted) || s.crossed {
		s.added++
	}
}

// closing is the end of an hour for one group of an actor detector.
type closing struct {
	group string
	spell *spell
}

// closeHour prolongs the episodes of the spells that crossed and calms the others.
func (s episodes) closeHour(end time.Time, crossed []closing, emit detect.Emit) {
	slices.SortFunc(crossed, func(a, b closing) int { return strings.Compare(a.group, b.group) })
	said := map[string]bool{}
	for _, c := range crossed {
		said[c.group] = true
		e := c.spell.episode
		e.quiet, e.counted = 0, end
		if c.spell.added == 0 {
			continue
		}
		e.finding.EventCount += uint64(c.spell.added)
		e.finding.LastSeen = c.spell.last
		e.finding.Revision++
		emit(e.finding)
	}
	for _, key := range sortedStrings(s.open) {
		if !said[key] {
			s.calm(key, emit)
		}
	}
}

// closeHours closes hour, in which crossed did, and the hours up to next, in which nobody was seen.
func (s episodes) closeHours(hour, next int64, crossed []closing, emit detect.Emit) {
	s.closeHour(hourTime(hour+1), crossed, emit)
	for h := hour + 1; h < next && len(s.open) > 0; h++ {
		s.closeHour(hourTime(h+1), nil, emit)
	}
}

// ownPlace returns ev's place with a source string of its own.
func ownPlace(ev *event.Event) *event.Place {
	p := ev.Place()
	p.Source = strings.Clone(p.Source)
	return &p
}
