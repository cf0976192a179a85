package outcome

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// door is an endpoint at which one actor submitted credentials, with what it was answered.
type door struct {
	method, route string
	total         uint64
	refused       uint64
	unauthorised  uint64 // of these, 401
	taken         uint64
	before        uint64 // answers before the first that was taken
	first         *witness
	byStatus      map[int]span
}

// span is how many answers had a status, and between which sizes.
type span struct {
	count     uint64
	low, high int64
}

// leastBefore is how many other answers come before a login that is worth a word: people mistype.
const leastBefore = 3

// login notes an event at a door, or what an actor does after a login was taken. It reports whether that says anything new.
func (l *ledger) login(ev *event.Event, sign Sign) bool {
	d := l.door(ev, sign.Login)
	if d == nil {
		if ev.Status >= 200 && ev.Status < 300 && l.taken() {
			l.used++
			return told(l.used)
		}
		return false
	}
	taken := sign.Taken || d.unauthorised >= leastBefore && ev.Status >= 200 && ev.Status < 300
	if taken && d.total-d.taken >= leastBefore {
		d.taken++
		if d.first == nil {
			d.before = d.total
			d.first = &witness{event: ev.Clone()}
		}
	}
	d.total++
	if ev.Status >= 400 {
		d.refused++
	}
	if ev.Status == 401 {
		d.unauthorised++
	}
	d.count(ev.Status, ev.BytesOut)
	return true
}

// count notes an answer's status and size.
func (d *door) count(status int, size int64) {
	s, known := d.byStatus[status]
	switch {
	case known:
		s.low, s.high = min(s.low, size), max(s.high, size)
	case len(d.byStatus) >= maxStatuses:
		return
	case d.byStatus == nil:
		d.byStatus = map[int]span{}
		fallthrough
	default:
		s.low, s.high = size, size
	}
	s.count++
	d.byStatus[status] = s
}

// told reports whether so many uses of what a login gave are worth another word: the first, the tenth and so on.
func told(uses uint64) bool {
	for uses >= 10 && uses%10 == 0 {
		uses /= 10
	}
	return uses == 1
}

// maxStatuses bounds the statuses that a door counts one by one.
const maxStatuses = 16

func (l *ledger) taken() bool {
	for i := range l.doors {
		if l.doors[i].taken > 0 {
			return true
		}
	}
	return false
}

// door returns the door that an event is at, nil when it is at none; a login makes one.
func (l *ledger) door(ev *event.Event, login bool) *door {
	for i := range l.doors {
		if d := &l.doors[i]; d.route == ev.Route && d.method == ev.Method {
			return d
		}
	}
	if !login || len(l.doors) >= maxDoors {
		return nil
	}
	l.doors = append(l.doors, door{method: strings.Clone(ev.Method), route: strings.Clone(ev.Route)})
	return &l.doors[len(l.doors)-1]
}
