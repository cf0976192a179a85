package app

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/ingest/watch"
)

const (
	watchEvery = 15 * time.Second
	habitEvery = 5 * time.Minute // how often the habits of sources are saved
	habitFile  = "watch.json"
)

// pipelineInfos describe the checks of the pipeline's own state.
func pipelineInfos() []detect.Info {
	return []detect.Info{
		{
			ID: watch.Silent, Title: "Source fell silent", Kind: detect.KindOperational, Severity: detect.High, Learned: true,
			Description: "A source sends nothing at a time at which it always sent something.",
		},
		{
			ID: watch.Lagging, Title: "Source lags", Kind: detect.KindOperational, Severity: detect.Medium, Learned: true,
			Description: "A source's newest requests are older on arrival than they used to be.",
		},
		{
			ID: watch.Unparsed, Title: "Lines cannot be read", Kind: detect.KindOperational, Severity: detect.Medium, Learned: true,
			Description: "More of a source's lines than usual cannot be read: high when nearly none can.",
		},
		{
			ID: watch.Lost, Title: "Messages lost", Kind: detect.KindOperational, Severity: detect.High,
			Description: "A syslog listener drops messages because its buffer or its disk is full.",
		},
		{
			ID: watch.Unreadable, Title: "Log cannot be followed", Kind: detect.KindOperational, Severity: detect.High,
			Description: "A followed log or its checkpoint cannot be read.",
		},
		{
			ID: watch.DiskFull, Title: "Disk fills up", Kind: detect.KindOperational, Severity: detect.High,
			Description: "The disk of the data directory has little room or will soon be full: critical when it is nearly so.",
		},
	}
}

// pipeline raises operational incidents and resolves them when their conditions end.
type pipeline struct {
	incidents *incident.Manager
	log       *slog.Logger
	watch     *watch.Watch
	gather    func() watch.Input
	now       func() time.Time
	file      string // of the habits

	infos   map[string]detect.Info
	open    map[watch.Key]detect.Finding
	pending []watch.Change // that the store did not take yet
	saved   time.Time
}

// watchPipeline begins to watch the pipeline itself.
func (b *builder) watchPipeline(ctx context.Context) error {
	if b.cfg.Pipeline.Off {
		return nil
	}
	zone, err := time.LoadLocation(b.cfg.Baseline.TimeZone)
	if err != nil {
		return fmt.Errorf("baseline.time_zone: %w", err)
	}
	now := b.opts.now
	if now == nil {
		now = time.Now
	}
	p, err := newPipeline(ctx, pipeline{
		incidents: b.server.incidents, log: b.log, gather: b.pipelineState, now: now,
		watch: watch.New(b.cfg.Pipeline, zone, now()), file: filepath.Join(b.cfg.DataDir, habitFile),
	})
	if err != nil {
		return err
	}
	b.life.run("pipeline watch", p.run)
	return nil
}

// newPipeline takes up the habits that were saved, and the conditions that were open when the process stopped.
func newPipeline(ctx context.Context, parts pipeline) (*pipeline, error) {
	p := &parts
	p.infos, p.open = map[string]detect.Info{}, map[watch.Key]detect.Finding{}
	for _, info := range pipelineInfos() {
		p.infos[info.ID] = info
	}
	if err := p.watch.Load(p.file); err != nil {
		p.log.Error("what is usual for sources is learned anew", "err", err)
	}
	open, err := p.incidents.OpenFindings(ctx)
	if err != nil {
		return nil, fmt.Errorf("load open findings: %w", err)
	}
	for _, f := range open {
		if _, ours := p.infos[f.Detector]; ours {
			key := watch.Key{Check: f.Detector, Subject: f.Entity.Value}
			p.open[key] = f
			p.watch.Restore(watch.Condition{
				Key: key, Began: f.FirstSeen, Told: f.FiredAt, Critical: f.Severity > p.infos[f.Detector].Severity, Observed: f.Observed,
			})
		}
	}
	return p, nil
}

func (p *pipeline) run(ctx context.Context) error {
	err := every(ctx, watchEvery, func() { p.look(ctx) })
	if err := p.watch.Save(p.file); err != nil {
		p.log.Error("what is usual for sources was not saved", "err", err)
	}
	return err
}

// look judges the state once and makes incidents of what changed. What the store does not take is tried again at the next
// look.
func (p *pipeline) look(ctx context.Context) {
	now := p.now()
	p.pending = append(p.pending, p.watch.Look(now, p.gather())...)
	for len(p.pending) > 0 {
		if err := p.tell(ctx, p.pending[0]); err != nil {
			p.log.Warn("the store takes no operational incident; trying again", "err", err)
			break
		}
		p.pending = p.pending[1:]
	}
	if now.Sub(p.saved) >= habitEvery {
		p.saved = now
		if err := p.watch.Save(p.file); err != nil {
			p.log.Error("what is usual for sources was not saved", "err", err)
		}
	}
}

// pipelineState gathers what is looked at.
func (b *builder) pipelineState() watch.Input {
	in := watch.Input{Sources: b.server.committer.Sources().Report(), Problems: map[string]string{}, Disk: diskOf(b.cfg.DataDir)}
	if b.server.syslog != nil {
		in.Lost = b.server.syslog.Lost()
	}
	if b.follower != nil {
		for _, s := range b.follower.Report() {
			if in.Problems[s.Source] == "" {
				in.Problems[s.Source] = s.Problem
			}
		}
	}
	return in
}

// tell makes a finding of a change, or ends one.
func (p *pipeline) tell(ctx context.Context, c watch.Change) error {
	f, known := p.open[c.Key]
	if !c.Ended.IsZero() {
		if !known {
			return nil
		}
		f.Revision++
		f.LastSeen = c.Ended
		if err := p.incidents.Over(ctx, f, "it is over: "+c.Reason); err != nil {
			return err
		}
		delete(p.open, c.Key)
		return nil
	}
	revision := f.Revision
	f = p.finding(c.Condition)
	f.Revision = revision + 1
	if err := p.incidents.Apply(ctx, []detect.Finding{f}); err != nil {
		return err
	}
	p.open[c.Key] = f
	return nil
}

// finding words a condition as a finding. Of a silence the id follows from the source and its last request, and its number
// is one over stored events; the others are about counters, which no query can count again.
func (p *pipeline) finding(c watch.Condition) detect.Finding {
	info := p.infos[c.Check]
	entity := detect.Entity{Type: detect.EntitySource, Value: c.Subject}
	if c.Check == watch.DiskFull {
		entity.Type = detect.EntityDisk
	}
	f := detect.Finding{
		ID:   detect.FindingID(c.Check, entity, "", nil, c.Began),
		Open: true, Detector: c.Check, Title: info.Title, Kind: info.Kind, Severity: info.Severity,
		Entity: entity, FiredAt: c.Told, FirstSeen: earlier(c.Began, c.Told), LastSeen: c.Told,
		Observed: c.Observed, Expected: c.Expected, Unit: c.Unit, Explanation: c.Explanation, Tags: []string{"operational"},
	}
	if c.Critical {
		f.Severity = min(f.Severity+1, detect.Critical)
	}
	if c.Check == watch.Silent {
		f.Measure = detect.Measure{
			Aggregate: detect.AggregateCount, Where: []detect.Condition{{Field: "source", Op: detect.OpEqual, Value: c.Subject}},
			From: c.Began, To: c.Told, FromOpen: true, Cut: c.Told,
		}
	}
	return f
}
