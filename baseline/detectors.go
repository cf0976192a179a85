package baseline

import (
	"slices"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

func infoOf(id string) detect.Info {
	for _, i := range Infos() {
		if i.ID == id {
			return i
		}
	}
	panic("baseline: no detector " + id) // the ids are constants of this package
}

// Detectors are the learned detectors over one sequence of models.
type Detectors struct {
	models  *models
	slow    *slowRead
	conduct *conduct
	refused *refused
	all     []detect.Detector
	hourly  []*hours
}

// NewDetectors returns the learned detectors. Until the first UseModel they judge nothing.
func NewDetectors(cfg Config) *Detectors {
	cfg = cfg.withDefaults()
	m := &models{}
	traffic, errs, shifts := newTraffic(cfg, m), newErrorBurst(cfg, m), newShift(cfg, m)
	users, objects, slow := newUserSpike(cfg, m), newEnumeration(cfg, m), newSlowRead(cfg, m)
	surface, profile := newSurface(cfg, m), newProfile(cfg, m)
	conduct, refused, swarm := newConduct(cfg, m), newRefused(cfg, m), newSwarm(cfg, m)
	return &Detectors{
		models: m, slow: slow, conduct: conduct, refused: refused,
		all: []detect.Detector{traffic, errs, shifts, users, objects, slow, surface, profile, conduct, refused, swarm, newLasting(m)},
		hourly: []*hours{
			&users.hours, &objects.hours, &slow.hours, &surface.hours, &profile.hours, &conduct.hours, &refused.hours, &swarm.hours,
		},
	}
}

// List returns the detectors for detect.NewJudge.
func (d *Detectors) List() []detect.Detector { return slices.Clone(d.all) }

// UseModel adds a model. Buckets that begin at or after its EffectiveFrom are judged with it; call it before the first
// event at or after that moment is observed.
func (d *Detectors) UseModel(m *Model) { d.models.use(m) }

// Overflow is the number of events of users, clients and (user, route) pairs that were not counted because
// Config.MaxEntities others were being counted in that hour.
func (d *Detectors) Overflow() (n uint64) {
	for _, h := range d.hourly {
		n += h.overflow
	}
	return n
}

// models are the models in use, the newest last.
type models struct{ list []*Model }

func (ms *models) use(m *Model) {
	at, found := slices.BinarySearchFunc(ms.list, m, func(a, b *Model) int { return a.EffectiveFrom.Compare(b.EffectiveFrom) })
	if found {
		ms.list[at] = m
		return
	}
	ms.list = slices.Insert(ms.list, at, m)
	// A bucket is an hour at most; three models back nobody asks for any more.
	if extra := len(ms.list) - 4; extra > 0 {
		ms.list = slices.Delete(ms.list, 0, extra)
	}
}

// at returns the newest model that was in effect at t, nil when there was none.
func (ms *models) at(t time.Time) *Model {
	for i := len(ms.list) - 1; i >= 0; i-- {
		if !ms.list[i].EffectiveFrom.After(t) {
			return ms.list[i]
		}
	}
	return nil
}

// is builds the conditions of a measure.
func is(field, value string) detect.Condition {
	return detect.Condition{Field: field, Op: detect.OpEqual, Value: value}
}

func atLeast(field, value string) detect.Condition {
	return detect.Condition{Field: field, Op: detect.OpGTE, Value: value}
}

func below(field, value string) detect.Condition {
	return detect.Condition{Field: field, Op: detect.OpLT, Value: value}
}

// where selects an endpoint's events, or a service's.
func (k EndpointKey) where() []detect.Condition {
	if k.Whole() {
		return []detect.Condition{is("service", k.Service)}
	}
	return []detect.Condition{is("service", k.Service), is("method", k.Method), is("route", k.Route)}
}

// entity returns the endpoint or service as a finding names it.
func (k EndpointKey) entity() detect.Entity {
	if k.Whole() {
		return detect.Entity{Type: detect.EntityService, Value: k.Service}
	}
	return detect.Entity{Type: detect.EntityEndpoint, Value: k.String()}
}
