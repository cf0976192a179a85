package notify

import (
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04 -0700", text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestQuietUntil(t *testing.T) {
	nights := Quiet{From: "19:00", To: "08:00", TimeZone: "Europe/Berlin"}
	weekend := Quiet{Days: []string{"sat", "sun"}, From: "00:00", To: "00:00", TimeZone: "Europe/Berlin"}
	friday := Quiet{Days: []string{"fri"}, From: "22:00", To: "02:00"}
	for _, c := range []struct {
		name  string
		quiet []Quiet
		now   string
		until string // empty: not quiet
	}{
		{"by day", []Quiet{nights}, "2026-03-02 12:00 +0100", ""},
		{"at its beginning", []Quiet{nights}, "2026-03-02 19:00 +0100", "2026-03-03 08:00 +0100"},
		{"after midnight", []Quiet{nights}, "2026-03-03 03:00 +0100", "2026-03-03 08:00 +0100"},
		{"at its end", []Quiet{nights}, "2026-03-03 08:00 +0100", ""},
		{"over the change to summer time", []Quiet{nights}, "2026-03-28 23:00 +0100", "2026-03-29 08:00 +0200"},
		{"over the change to winter time", []Quiet{nights}, "2026-10-24 23:00 +0200", "2026-10-25 08:00 +0100"},
		{"hours that follow each other", []Quiet{nights, weekend}, "2026-03-06 23:00 +0100", "2026-03-09 08:00 +0100"},
		{"begun on its day", []Quiet{friday}, "2026-03-07 01:59 +0000", "2026-03-07 02:00 +0000"},
		{"not on others", []Quiet{friday}, "2026-03-07 22:30 +0000", ""},
		{"always: at most about a week ahead", []Quiet{{From: "00:00", To: "00:00"}}, "2026-03-02 12:00 +0000", "2026-03-10 00:00 +0000"},
		{"no quiet", nil, "2026-03-02 12:00 +0000", ""},
	} {
		var list []hours
		for _, q := range c.quiet {
			h, err := q.parse()
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, h)
		}
		want := time.Time{}
		if c.until != "" {
			want = at(c.until)
		}
		if got := quietUntil(list, at(c.now)); !got.Equal(want) {
			t.Errorf("%s: quiet until %v, want %v", c.name, got, want)
		}
	}
}

func TestQuietIsChecked(t *testing.T) {
	for member, q := range map[string]Quiet{
		"days":      {Days: []string{"monday"}, From: "19:00", To: "08:00"},
		"time_zone": {From: "19:00", To: "08:00", TimeZone: "Nowhere/Town"},
		"from":      {From: "25:00", To: "08:00"},
		"to":        {From: "19:00"},
	} {
		if _, err := q.parse(); err == nil || err.Error()[:len(member)] != member {
			t.Errorf("%s: %v", member, err)
		}
	}
}

// In the quiet the critical passes, the rest is one message at its end.
func TestQuietTimes(t *testing.T) {
	quiet := func(c *Channel) {
		c.Quiet = []Quiet{{From: "11:00", To: "14:00"}}
	}
	b := newBench(t, syslogTo("people", quiet), syslogTo("silent", quiet, func(c *Channel) { c.QuietPass = "none" }))
	b.apply(finding(1, detect.High))
	b.run(noon.Add(10 * time.Minute))
	b.apply(finding(2, detect.Critical))
	b.run(noon.Add(20 * time.Minute))
	b.start() // a restart changes nothing
	b.apply(finding(3, detect.Medium))
	b.run(noon.Add(119 * time.Minute))
	if got := b.to("people").told(); got != "2:opened" {
		t.Errorf("in the quiet: %s", got)
	}
	if got := b.to("silent").told(); got != "" {
		t.Errorf("in the quiet: %s", got)
	}
	if s := b.Channels()[0]; s.Waiting != 2 || !s.QuietUntil.Equal(noon.Add(2*time.Hour)) {
		t.Errorf("%+v", s)
	}
	b.run(noon.Add(121 * time.Minute))
	if got := b.to("people").told(); got != "2:opened | 1:opened 3:opened" {
		t.Errorf("after it: %s", got)
	}
	if got := b.to("silent").told(); got != "1:opened 2:opened 3:opened" {
		t.Errorf("after it: %s", got)
	}
}
