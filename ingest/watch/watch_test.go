package watch

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/ingest"
)

// monday is the first minute of a week.
var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// lab is a pipeline whose clock is moved by hand.
type lab struct {
	t       *testing.T
	w       *Watch
	now     time.Time
	reports map[string]*ingest.SourceReport
	lost    map[string]uint64
	disk    Disk
	said    []Change
}

func newLab(t *testing.T, cfg Config) *lab {
	return &lab{
		t: t, w: New(cfg, time.UTC, monday), now: monday,
		reports: map[string]*ingest.SourceReport{}, lost: map[string]uint64{},
	}
}

// send adds lines of a source, the newest request of which is lag old.
func (l *lab) send(source string, lines, failed uint64, lag time.Duration) {
	r := l.reports[source]
	if r == nil {
		r = &ingest.SourceReport{Source: source}
		l.reports[source] = r
	}
	r.Lines, r.Failed, r.Parsed = r.Lines+lines, r.Failed+failed, r.Parsed+lines-failed
	r.LastSeen = l.now
	if lines > failed {
		r.LastEvent = later(r.LastEvent, l.now.Add(-lag))
	}
	if failed > 0 {
		r.Failures = []ingest.Failure{{Error: "no time"}}
	}
}

// look moves the clock on by a step and looks.
func (l *lab) look(step time.Duration) []Change {
	in := Input{Lost: l.lost, Disk: l.disk}
	for _, r := range l.reports {
		in.Sources = append(in.Sources, *r)
	}
	changes := l.w.Look(l.now, in)
	l.said = append(l.said, changes...)
	l.now = l.now.Add(step)
	return changes
}

// run goes on minute by minute until a time; rate says how many lines a source sends in a minute.
func (l *lab) run(until time.Time, rate func(now time.Time) uint64) {
	for l.now.Before(until) {
		if n := rate(l.now); n > 0 {
			l.send("edge:/a.log", n, 0, time.Second)
		}
		l.look(time.Minute)
	}
}

func (l *lab) expect(checks ...string) {
	l.t.Helper()
	var got []string
	for _, c := range l.said {
		word := c.Check
		if !c.Ended.IsZero() {
			word += " over"
		}
		got = append(got, word)
	}
	if strings.Join(got, ", ") != strings.Join(checks, ", ") {
		l.t.Errorf("at %s said %q, want %q", l.now, got, checks)
		for _, c := range l.said {
			l.t.Logf("%s %+v", c.Told, c)
		}
	}
	l.said = nil
}

func always(n uint64) func(time.Time) uint64 { return func(time.Time) uint64 { return n } }

func day(n int, clock time.Duration) time.Time { return monday.AddDate(0, 0, n).Add(clock) }

// office sends by day, never at night and never on Sundays.
func office(now time.Time) uint64 {
	if h := now.Hour(); h < 6 || h >= 22 || now.Weekday() == time.Sunday {
		return 0
	}
	return 5
}

func TestSilence(t *testing.T) {
	for _, tc := range []struct {
		name   string
		days   int // of habit
		rate   func(time.Time) uint64
		stop   time.Duration // on the day after them it falls silent
		within time.Duration // and is told so long after that; 0: never within a day
	}{
		{"a steady source after three days", 3, always(10), 12 * time.Hour, 20 * time.Minute},
		{"a steady source after two weeks", 14, always(10), 12 * time.Hour, 15 * time.Minute},
		{"too little history", 2, always(10), 12 * time.Hour, 0},
		{"by day, stopped by day", 16, office, 12 * time.Hour, 20 * time.Minute},
		{"by day, stopped in the evening: missed in the morning", 15, office, 22 * time.Hour, 8*time.Hour + 20*time.Minute},
		{"an hourly job", 14, func(now time.Time) uint64 {
			if now.Minute() < 5 {
				return 1
			}
			return 0
		}, 12 * time.Hour, 4 * time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t, Config{})
			stop := day(tc.days, tc.stop)
			l.run(stop, tc.rate)
			l.expect()
			l.run(stop.Add(max(tc.within, 24*time.Hour)), always(0))
			if tc.within == 0 {
				l.expect()
				return
			}
			if len(l.said) != 1 || l.said[0].Check != Silent {
				t.Fatalf("said %+v", l.said)
			}
			c := l.said[0]
			if took := c.Told.Sub(stop); took > tc.within || !strings.Contains(c.Explanation, "edge:/a.log has sent nothing for") {
				t.Errorf("told after %s, want %s: %s", took, tc.within, c.Explanation)
			}
			if c.Began.After(stop) || c.Observed != 0 || c.Expected < minActive {
				t.Errorf("%+v", c)
			}
			l.said = nil
			l.run(l.now.Add(time.Minute), always(1))
			l.expect(Silent + " over")
		})
	}
}

// TestQuietNightsAreAHabit runs three weeks of a source that is silent every night and every Sunday.
func TestQuietNightsAreAHabit(t *testing.T) {
	l := newLab(t, Config{HistoryDays: 1})
	l.run(day(22, 0), office)
	l.expect()
}

func TestSilenceOfTheServerIsNobodysSilence(t *testing.T) {
	l := newLab(t, Config{})
	l.run(day(5, 0), always(10))
	file := filepath.Join(t.TempDir(), "watch.json")
	if err := l.w.Save(file); err != nil {
		t.Fatal(err)
	}
	l.now = day(5, 8*time.Hour) // eight hours later
	l.w = New(Config{}, time.UTC, l.now)
	if err := l.w.Load(file); err != nil {
		t.Fatal(err)
	}
	l.reports = map[string]*ingest.SourceReport{}
	l.look(time.Minute)
	l.run(day(5, 8*time.Hour+5*time.Minute), always(0))
	l.expect()
	l.run(day(5, 8*time.Hour+30*time.Minute), always(0))
	l.expect(Silent)
	l.w.sources["edge:/b.log"] = &source{First: l.now, LastSeen: l.now}
	l.look(time.Minute)
	l.expect(Silent + " over") // a container took the place of another
}

func TestLag(t *testing.T) {
	l := newLab(t, Config{})
	backfill := func(d time.Duration) {
		for lag := d; lag > 0; lag -= time.Hour {
			l.send("edge", 5000, 0, lag)
			l.look(15 * time.Second)
		}
	}
	backfill(100 * time.Hour)
	l.expect()

	l = newLab(t, Config{})
	for range 1000 {
		l.send("edge", 5, 0, 2*time.Second)
		l.look(15 * time.Second)
	}
	late := l.now.Add(-2 * time.Second)
	for range 40 {
		l.send("edge", 5, 0, l.now.Sub(late))
		l.look(15 * time.Second)
	}
	l.expect(Lagging)
	l.send("edge", 5, 0, time.Second)
	l.look(15 * time.Second)
	l.expect(Lagging + " over")
}

func TestUsualLagIsNoLag(t *testing.T) {
	l := newLab(t, Config{})
	for i := range 500 { // delivered every twenty minutes
		if i%80 == 0 {
			l.send("alb", 5, 0, time.Duration(10+i%7)*time.Minute)
		}
		l.look(15 * time.Second)
	}
	for i := range 8000 {
		if i%80 == 0 {
			l.send("alb", 5, 0, time.Duration(10+i%7)*time.Minute)
		}
		l.look(15 * time.Second)
	}
	l.expect()
}

func TestParseFailures(t *testing.T) {
	l := newLab(t, Config{})
	for range 400 {
		l.send("edge", 20, 2, time.Second) // one in ten is usual
		l.look(15 * time.Second)
	}
	l.expect()
	for range 20 {
		l.send("edge", 20, 19, time.Second)
		l.look(15 * time.Second)
	}
	l.expect(Unparsed, Unparsed) // the second: critical
	l.look(time.Hour)
	l.look(time.Hour)
	l.expect()
	for range 5 {
		l.send("edge", 20, 0, time.Second)
		l.look(15 * time.Second)
	}
	l.expect(Unparsed + " over")

	l = newLab(t, Config{})
	for range 4 {
		l.send("new", 30, 30, 0)
		l.look(15 * time.Second)
	}
	l.expect(Unparsed)
}

func TestLostMessages(t *testing.T) {
	l := newLab(t, Config{})
	l.lost["lb"] = 0
	l.look(10 * time.Minute)
	l.lost["lb"] = 7
	l.look(time.Minute)
	l.look(time.Minute)
	l.expect(Lost)
	l.look(10 * time.Minute)
	l.look(time.Minute)
	l.expect(Lost + " over")
}

func TestDisk(t *testing.T) {
	const gib = 1 << 30
	l := newLab(t, Config{})
	l.disk = Disk{Dir: "/data", Free: 50 * gib, Total: 100 * gib}
	for range 24 { // a merge takes ten and gives them back
		l.look(10 * time.Minute)
		l.disk.Free = 40 * gib
		l.look(10 * time.Minute)
		l.disk.Free = 50 * gib
	}
	l.expect()
	for range 18 { // six GiB an hour: full in eight hours
		l.disk.Free -= gib
		l.look(10 * time.Minute)
	}
	l.expect(DiskFull)
	l.disk.Free = 60 * gib
	l.look(10 * time.Minute)
	l.expect(DiskFull + " over")
	l.disk.Free = 9 * gib
	l.look(10 * time.Minute)
	l.disk.Free = 11 * gib
	l.look(10 * time.Minute)
	l.expect(DiskFull) // a little more than the bound is not the end
	l.disk.Free = 2 * gib
	l.look(10 * time.Minute)
	l.expect(DiskFull) // critical
}

func TestRestoredConditionsEnd(t *testing.T) {
	l := newLab(t, Config{})
	l.w.Restore(Condition{Key: Key{Unparsed, "edge"}, Told: monday.Add(-time.Hour)})
	l.w.Restore(Condition{Key: Key{Lagging, "gone"}, Told: monday.Add(-time.Hour)})
	l.look(time.Minute)
	l.expect()
	l.send("edge", 100, 0, time.Second)
	l.look(25 * time.Hour)
	l.expect(Unparsed + " over")
	l.look(time.Minute)
	l.expect(Lagging + " over")
}

func TestMinutesCount(t *testing.T) {
	var b minutes
	base := minuteOf(monday)
	for m := base; m < base+200; m += 3 {
		b.set(m)
	}
	for _, tc := range [][3]int64{{0, 200, 67}, {0, 1, 1}, {1, 3, 0}, {63, 65, 1}, {10, 130, 40}, {5, 5, 0}} {
		if n := b.count(base+tc[0], base+tc[1]); int64(n) != tc[2] {
			t.Errorf("[%d, %d): %d, want %d", tc[0], tc[1], n, tc[2])
		}
	}
	b.clear(base+10, base+20)
	if n := b.count(base, base+200); n != 64 {
		t.Errorf("after clear %d", n)
	}
	text, err := b.MarshalText()
	var again minutes
	if err != nil || again.UnmarshalText(text) != nil || again != b {
		t.Error("the text is not the same ring")
	}
}

func TestConfigNamesItsFaults(t *testing.T) {
	bad := Config{Silence: time.Second, HistoryDays: 20, Lag: -1, FailedPercent: 101, MinFailed: -1, DiskFreePercent: 99, DiskHours: -1}
	if faults := bad.Validate(); len(faults) != 7 {
		t.Errorf("%d faults: %v", len(faults), faults)
	}
	if faults := (Config{}).Validate(); len(faults) != 0 {
		t.Errorf("defaults: %v", faults)
	}
}
