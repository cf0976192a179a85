package watch

import (
	"fmt"
	"time"
)

// Disk is the state of the disk that holds a directory.
type Disk struct {
	Dir         string
	Free, Total uint64 // bytes; Total 0: not known
}

// Of the free bytes a sample is kept every diskStep, over diskSpan.
const (
	diskStep = 10 * time.Minute
	diskSpan = 3 * time.Hour
	diskLess = 2 * time.Hour // a pace is judged from so much on
)

type diskState struct{ samples []diskSample }

type diskSample struct {
	at   time.Time
	free float64
}

// pace returns how many bytes an hour become used: the slower of the two halves of what is known, so that one large
// merge or one cleaning is not taken for a pace. Zero: it does not fill up, or too little is known.
func (d *diskState) pace() float64 {
	n := len(d.samples)
	if n < 3 || d.samples[n-1].at.Sub(d.samples[0].at) < diskLess {
		return 0
	}
	a, m, b := d.samples[0], d.samples[n/2], d.samples[n-1]
	first := (a.free - m.free) / m.at.Sub(a.at).Hours()
	second := (m.free - b.free) / b.at.Sub(m.at).Hours()
	return max(0, min(first, second))
}

// lookAtDisk judges whether the disk is full or becomes so.
func (w *Watch) lookAtDisk(now time.Time, d Disk) {
	if d.Total == 0 {
		return
	}
	st := &w.disk
	if n := len(st.samples); n == 0 || now.Sub(st.samples[n-1].at) >= diskStep {
		st.samples = append(st.samples, diskSample{now, float64(d.Free)})
		for now.Sub(st.samples[0].at) > diskSpan {
			st.samples = st.samples[1:]
		}
	}
	w.judge(now, Key{DiskFull, d.Dir}, func() (verdict, Condition) { return w.diskVerdict(now, d) })
}

func (w *Watch) diskVerdict(now time.Time, d Disk) (verdict, Condition) {
	percent := 100 * float64(d.Free) / float64(d.Total)
	pace, hours := w.disk.pace(), 0.0
	fills := false
	if pace > 0 {
		hours = float64(d.Free) / pace
		fills = hours < w.cfg.DiskHours
	}
	low := percent < w.cfg.DiskFreePercent
	if !low && !fills {
		// It is over when there is clearly more room than when it was told, or when it has not filled up for long.
		if o := w.open[Key{DiskFull, d.Dir}]; o != nil && (percent < w.cfg.DiskFreePercent+2 ||
			percent < o.Observed+2 && now.Sub(o.Told) < diskSpan || pace > 0 && hours < 2*w.cfg.DiskHours) {
			return unknown, Condition{}
		}
		return over, Condition{Explanation: fmt.Sprintf("%s%% of the disk are free", number(percent))}
	}
	when := "It does not fill up further at present."
	if pace > 0 {
		when = fmt.Sprintf("At the pace of the last hours (%s an hour) it is full in %s.", size(pace), words(time.Duration(hours*float64(time.Hour))))
	}
	return holds, Condition{
		Began: now, Observed: round(percent), Expected: w.cfg.DiskFreePercent, Unit: "% free",
		Critical: percent < w.cfg.DiskFreePercent/3 || fills && hours < 1,
		Explanation: fmt.Sprintf("%s (%s%%) of the disk that holds %s are free. %s When it is full, nothing more is stored or judged: "+
			"agents and TCP senders wait, UDP messages are lost. Enlarge the disk, remove what else lies on it, or keep events for fewer days (store.retention.events_days).",
			size(float64(d.Free)), number(percent), d.Dir, when),
	}
}
