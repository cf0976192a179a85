package app

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/decision"
	"github.com/gatewatch/gatewatch/incident/exception"
	"github.com/gatewatch/gatewatch/incident/outcome"
	"github.com/gatewatch/gatewatch/inventory/policy"
	"github.com/gatewatch/gatewatch/rules"
)

func (b *builder) detection(ctx context.Context) (err error) {
	s := b.server
	s.exceptions = exception.NewRegistry(s.store, time.Now)
	if err := s.exceptions.Load(ctx); err != nil {
		return fmt.Errorf("load exceptions: %w", err)
	}
	s.incidents = incident.NewManager(s.store, incident.Options{
		Suppresses: s.exceptions.Suppresses, Config: b.cfg.Incidents, Now: time.Now, Logger: b.log, Registerer: b.registry,
	})
	if err := s.incidents.Load(ctx); err != nil {
		return fmt.Errorf("load incidents: %w", err)
	}
	s.learner = newLearner(b.cfg.Baseline, s.store, b.routes, holderName(b.secret, b.cfg.DataDir), b.log)
	if err := s.learner.load(ctx); err != nil {
		return err
	}
	learned := baseline.NewDetectors(b.cfg.Baseline)
	guard := policy.NewDetector()
	identified, err := s.inventory.Identified(ctx)
	if err != nil {
		return err
	}
	guard.Know(identified)
	s.policies = policy.NewRegistry(s.store, guard.Use, b.opts.now)
	if err := s.policies.Load(ctx); err != nil {
		return fmt.Errorf("load policies: %w", err)
	}
	s.stream = newStream(stream{
		store: s.store, incidents: s.incidents, learned: learned, outcomes: outcomeOptions(b.rulebook.Set(), learned), policies: guard,
		learner: s.learner, log: b.log,
		file: filepath.Join(b.cfg.DataDir, "detection.json"), now: b.opts.now,
		rulebook: b.rulebook, metrics: newWindowMetrics(b.registry),
	}, b.windows(learned), b.rulebook.Set().NewWindows(rules.WindowOptions{Memory: b.cfg.Rules.memory()}))
	s.stream.history, err = b.history(ctx)
	if err != nil {
		return err
	}
	if err := s.stream.replay(ctx); err != nil {
		return err
	}
	b.life.run("history", s.stream.history.Run)
	b.life.run("learning", s.learner.Run)
	b.life.run("detection", s.stream.Run)
	b.life.run("rules", b.rulebook.Run)
	if b.opts.Print {
		from := s.incidents.LastSeq()
		b.life.run("incident printer", func(ctx context.Context) error {
			return printIncidents(ctx, s.incidents, from, b.opts.Out)
		})
	}
	return nil
}

// windows are those of the rules, with learned thresholds.
func (b *builder) windows(learned *baseline.Detectors) *rules.Windows {
	return b.rulebook.Set().NewWindows(rules.WindowOptions{Memory: b.cfg.Rules.memory(), Thresholds: learnedRates{learned}})
}

// history judges what is imported beside the live stream.
func (b *builder) history(ctx context.Context) (*history, error) {
	s := b.server
	h := &history{
		store: s.store, incidents: s.incidents, learner: s.learner, log: b.log, pause: b.opts.historyPause,
		file: filepath.Join(b.cfg.DataDir, historyFile),
		detectors: func() (*baseline.Detectors, []detect.Detector) {
			learned := baseline.NewDetectors(b.cfg.Baseline)
			return learned, append([]detect.Detector{b.windows(learned)}, learned.List()...)
		},
		outcomes: func(learned *baseline.Detectors) outcome.Options { return outcomeOptions(b.rulebook.Set(), learned) },
	}
	if h.pause == 0 {
		h.pause = historyPause
	}
	newest, _, err := s.store.LastStamp(ctx)
	if err != nil {
		return nil, err
	}
	return h, h.load(newest)
}

func (b *builder) decisions(ctx context.Context) (err error) {
	s := b.server
	s.decisions, err = decision.NewBook(s.store, decision.Options{
		Config: b.cfg.Responses, Guard: s.exceptions, Now: b.opts.now, Logger: b.log, Registerer: b.registry,
	})
	if err != nil {
		return err
	}
	if err := s.decisions.Load(ctx); err != nil {
		return err
	}
	b.life.run("decisions", func(ctx context.Context) error { return s.decisions.Run(ctx, s.incidents) })
	return nil
}
