package baseline

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// data-volume fires when the response bodies sent to one user in an hour of the clock are more than min_user_megabytes and
// more than the mix of three times the user's own highest hour and one and a half times the 99.9th percentile of all
// users' hours. Known false positives: an export that runs for the first time.
//
// off-hours fires at the 20th request of a user within an hour that lies three hours or more from every hour of the day at
// which the user was ever active, known from ten active days and thirty active hours, five for each hour of the day: who
// comes now and then may come whenever. Known false positives: travel across time zones, a deadline.
//
// dormant-account fires at the 20th request within an hour of a user who was active before (three hours or more) and not
// in the last 14 days. Known false positives: a colleague who comes back from a long leave.
const (
	wakingRequests = 20
	offHoursDays   = 10
	offHoursHours  = 30
	offHoursEach   = 5
	offHoursAway   = 3
	dormantDays    = 14
)

func (d *profile) judgeVolume(ev *event.Event, u *userHour, emit detect.Emit) {
	d.raise(profileVolume, u, ev, emit, func() detect.Finding {
		m := d.measure(u, ev)
		m.Aggregate, m.Field = detect.AggregateSum, "bytes_out"
		crowd := d.model.volume
		known := history(crowd.Days, crowd.Hours, "hours of "+plural(crowd.Actors, ActorKey{User: true}))
		habit := "it is not known by itself"
		if u.known {
			habit = fmt.Sprintf("its own highest hour is %s", size(float64(u.own.MaxKiB)*1024))
		}
		return detect.Finding{
			FirstSeen: u.first, EventCount: uint64(u.n), Observed: float64(u.sent), Expected: float64(u.volume), Unit: "bytes", Measure: m,
			Explanation: fmt.Sprintf("%s was sent %s in %s; %s and the 99.9th percentile of all users is %s an hour, from %s",
				u.user, size(float64(u.sent)), lasted(ev.Time.Sub(u.first)), habit, size(crowd.P999*1024), known),
			Baseline: d.ref(u, crowd, known),
		}
	})
}

// judgeHour judges the hour of a user who has made enough requests in it: is it one at which, or after a time after
// which, this user comes?
func (d *profile) judgeHour(ev *event.Event, u *userHour, emit detect.Emit) {
	hour := d.start()
	base := func() detect.Finding {
		return detect.Finding{
			FirstSeen: u.first, EventCount: uint64(u.n), Observed: float64(u.n), Expected: wakingRequests - 1, Unit: "requests",
			Measure: d.measure(u, ev),
		}
	}
	known := history(int(u.own.Days), uint64(u.own.Hours), "active hours")
	last := hourTime(int64(u.own.Last))
	idle := hour.Sub(last)
	// Since the model was learned the user may have come and gone: all but a day of the absence is in the model.
	seen := d.model.Snapshot.Until.Sub(last)
	if u.own.Last > 0 && idle >= dormantDays*24*time.Hour && seen >= (dormantDays-1)*24*time.Hour && u.own.Hours >= leastReaderHours {
		d.raise(profileDormant, u, ev, emit, func() detect.Finding {
			f := base()
			f.Explanation = fmt.Sprintf("%s sent %d requests in %s after not having been seen for %d days (last on %s), from %s before",
				u.user, u.n, lasted(ev.Time.Sub(u.first)), int(idle.Hours()/24), last.Format("2 January 2006"), known)
			f.Baseline = d.ref(u, Crowd{}, known)
			return f
		})
		return
	}
	if u.own.Days < offHoursDays || u.own.Clock == 0 || int(u.own.Hours) < max(offHoursHours, offHoursEach*bits.OnesCount32(u.own.Clock)) {
		return
	}
	at := d.model.slot(hour) % 24
	if near(u.own.Clock, at, offHoursAway-1) {
		return
	}
	d.raise(profileOffHours, u, ev, emit, func() detect.Finding {
		f := base()
		f.Explanation = fmt.Sprintf("%s sent %d requests after %02d:00; it was never seen within %d hours of that, but at %d other hours of the day, from %s",
			u.user, u.n, at, offHoursAway-1, bits.OnesCount32(u.own.Clock), known)
		f.Baseline = d.ref(u, Crowd{}, known)
		return f
	})
}

// near reports whether one of the hours of the day in clock is at most so many hours away from at.
func near(clock uint32, at, away int) bool {
	for i := -away; i <= away; i++ {
		if clock&(1<<((at+i+24)%24)) != 0 {
			return true
		}
	}
	return false
}

func (d *profile) ref(u *userHour, crowd Crowd, known string) *detect.BaselineRef {
	row := struct {
		Actor Actor  `json:"actor"`
		Crowd *Crowd `json:"crowd,omitempty"`
	}{Actor: u.own}
	if crowd.Actors > 0 {
		row.Crowd = &crowd
	}
	return ref(d.model, ActorKey{true, u.user}.rowKey(), row, known)
}

// size writes a number of bytes for people.
func size(n float64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", n/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", n/(1<<20))
	default:
		return fmt.Sprintf("%.0f KiB", n/1024)
	}
}
