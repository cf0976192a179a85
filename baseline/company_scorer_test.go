package baseline

import (
	"slices"
	"testing"
	"time"
)

// TestEvaluationOfTheScorerOnEndpoints counts how often the scorer, which has no learned season, would alarm on the clean
// traffic of the company's endpoints: ADR 046 keeps the season for that. When it holds the detectors' budget, the season
// can go.
func TestEvaluationOfTheScorerOnEndpoints(t *testing.T) {
	weeks := 1
	if *fullEvaluation {
		weeks = 4
	}
	c := companyBefore(*evaluationSeed)
	first := companyStart.AddDate(0, 0, companyDays)
	end := first.AddDate(0, 0, 7*weeks)
	c.days(first, end)
	busy := companyLearned().busy
	series := map[EndpointKey]map[int64]float64{}
	for _, e := range busy {
		series[e.Key] = map[int64]float64{}
	}
	for _, e := range c.sorted() {
		k := endpointOf(e)
		for _, at := range []EndpointKey{k, k.service()} {
			if counts := series[at]; counts != nil {
				counts[e.Time.Unix()/stepOf(busy, at)]++
			}
		}
	}
	alarms := 0
	for _, e := range busy {
		scorer, step := NewScorer(), int64(e.Step)
		for i := companyStart.Unix() / step; i < end.Unix()/step; i++ {
			at := time.Unix(i*step, 0)
			if scorer.Score(at, series[e.Key][i]) >= alarmScore && !at.Before(first) {
				alarms++
			}
		}
	}
	if len(busy) == 0 {
		t.Fatal("no endpoint is busy enough for a season")
	}
	rate := float64(alarms) / float64(len(busy)*weeks)
	budget := Config{}.withDefaults().budget(EndpointTraffic) * hoursOfWeek
	t.Logf("%d alarms of the scorer on %d endpoints in %d clean weeks: %.2f per endpoint and week, where the budget is %.2f", alarms, len(busy), weeks, rate, budget)
	if rate <= budget {
		t.Error("the scorer holds the budget: endpoints need no season of their own")
	}
}

// stepOf is the width of an endpoint's buckets in seconds.
func stepOf(busy []*Endpoint, k EndpointKey) int64 {
	i := slices.IndexFunc(busy, func(e *Endpoint) bool { return e.Key == k })
	return int64(busy[i].Step)
}
