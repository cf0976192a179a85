//go:build race

package rules

// raceEnabled: the evaluation over the corpus runs on one goroutine, where the race detector finds nothing and costs a
// factor of ten; it is skipped then.
const raceEnabled = true
