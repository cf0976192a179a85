package app

import (
	"context"

	"github.com/gatewatch/gatewatch/incident/notify"
	"github.com/gatewatch/gatewatch/incident/ocsf"
)

func (b *builder) notifications(ctx context.Context) (err error) {
	s := b.server
	s.notifier, err = notify.New(s.store, s.incidents, notify.Options{
		Config: b.cfg.Notifications, OCSF: ocsf.NewMapper(b.opts.Version, detectorInfos(b.rulebook.Set())), Now: b.opts.now,
		Logger: b.log, Registerer: b.registry,
	})
	if err != nil {
		return err
	}
	if err := s.notifier.Load(ctx); err != nil {
		return err
	}
	b.life.run("notifications", s.notifier.Run)
	return nil
}
