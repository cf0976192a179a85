package baseline

import "time"

// ModelAt returns the model in effect at t, nil when there was none. Rules with learned thresholds ask for it.
func (d *Detectors) ModelAt(t time.Time) *Model { return d.models.at(t) }
