package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/rules"
)

// learnedRates raises the thresholds of rules that ask for it (learned) by what was learned of the user or client that a
// group is about: its hourly requests, brought to the rule's timespan. All requests bound those that a rule counts, and their different values.
type learnedRates struct{ models modelSource }

// modelSource is *baseline.Detectors.
type modelSource interface {
	ModelAt(t time.Time) *baseline.Model
}

var (
	_ rules.Thresholds = learnedRates{}
	_ modelSource      = (*baseline.Detectors)(nil)
)

// minLearnedDays is the least history that raises a threshold.
const minLearnedDays = 3

// Quantile implements rules.Thresholds. What is learned are the 99th percentile and the largest of the active hours: a
// quantile above 0.99 is the largest.
func (l learnedRates) Quantile(rule *rules.Rule, group []string, at time.Time) (float64, *detect.BaselineRef, bool) {
	c := rule.Correlation
	if c == nil || c.Type != rules.EventCount && c.Type != rules.ValueCount || rule.Learned == nil {
		return 0, nil, false
	}
	key, ok := actorOf(c.GroupBy, group)
	if !ok {
		return 0, nil, false
	}
	m := l.models.ModelAt(at)
	if m == nil {
		return 0, nil, false
	}
	actor, ok := m.Actor(key)
	if !ok || actor.Days < minLearnedDays {
		return 0, nil, false
	}
	hourly := actor.P99
	if rule.Learned.Quantile > 0.99 {
		hourly = actor.Max
	}
	row, err := json.Marshal(actor)
	if err != nil {
		return 0, nil, false
	}
	ref := &detect.BaselineRef{
		Version: m.Version, Key: "actor " + key.Value, Row: row, History: fmt.Sprintf("%d days, %d active hours", actor.Days, actor.Hours),
	}
	return float64(hourly) * c.Timespan.Hours(), ref, true
}

// actorOf finds the user or client among a group's values.
func actorOf(groupBy, group []string) (baseline.ActorKey, bool) {
	if len(groupBy) != len(group) {
		return baseline.ActorKey{}, false
	}
	for i, field := range groupBy {
		switch strings.ToLower(field) {
		case "actor":
			if user, ok := strings.CutPrefix(group[i], "user="); ok {
				return baseline.ActorKey{User: true, Value: user}, true
			}
			return baseline.ActorKey{Value: group[i]}, true
		case "user", "cs-username":
			return baseline.ActorKey{User: true, Value: group[i]}, true
		case "c-ip", "client_ip":
			return baseline.ActorKey{Value: group[i]}, true
		}
	}
	return baseline.ActorKey{}, false
}
