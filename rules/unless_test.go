package rules

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"
)

const unlessRules = windowRules + `---
title: Excused
name: excused
correlation:
  type: event_count
  rules: [hit]
  group-by: [c-ip]
  timespan: 10s
  condition: {gte: 3}
gatewatch:
  unless: {rule: login, share: 0.5}
`

// The condition holds at an event when the last three hits lie within ten seconds and fewer than two logins (half of
// three, rounded up) that are no hits themselves lie after the first of them and before it.
func TestUnlessAgreesWithLookingAtAllEvents(t *testing.T) {
	set := load(t, unlessRules)
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		want := map[string]time.Time{}
		for i := range events {
			ev := &events[i]
			client := ev.ClientIP.String()
			if _, fired := want[client]; fired || ev.Status != 404 {
				continue
			}
			hits, logins := 0, 0
			var first time.Time
			for k := i; k >= 0 && hits < 3; k-- {
				before := &events[k]
				if before.ClientIP != ev.ClientIP || ev.Time.Sub(before.Time) >= 10*time.Second {
					continue
				}
				if before.Status == 404 {
					hits++
					first = before.Time
				}
			}
			for k := i; k >= 0; k-- {
				if before := &events[k]; before.ClientIP == ev.ClientIP && before.Path == "/a" && before.Status != 404 && hits == 3 && before.Time.After(first) {
					logins++
				}
			}
			if hits == 3 && logins < 2 {
				want[client] = ev.Time
			}
		}
		got := map[string]time.Time{}
		for _, f := range judge(set, events) {
			if _, known := got[f.Entity.Value]; f.Detector == "excused" && !known {
				got[f.Entity.Value] = f.FiredAt
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("first fired %v, want %v", got, want)
		}
	})
}

func TestUnlessFaults(t *testing.T) {
	for extension, want := range map[string]string{
		"unless: {share: 1}":                  "gatewatch.unless.rule: missing",
		"unless: {rule: nobody}":              `"nobody" is not the name or id of a rule about single events`,
		"unless: {rule: counted}":             `"counted" is not the name or id of a rule about single events`,
		"unless: {rule: login, share: 0}":     "want a number above 0",
		"unless: {rule: login, shares: 0.5}":  "unknown key: want rule or share",
		"unless: {rule: login, share: often}": "want a number",
	} {
		text := strings.Replace(unlessRules, "unless: {rule: login, share: 0.5}", extension, 1)
		_, err := Load(fstest.MapFS{"rules.yml": {Data: []byte(text)}}, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", extension, err, want)
		}
	}
}
