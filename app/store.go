package app

import (
	"context"
	"errors"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/ingest/route"
	"github.com/gatewatch/gatewatch/rules"
	"github.com/gatewatch/gatewatch/store"
)

// openStore opens the store and brings its schema up to date.
func openStore(ctx context.Context, cfg store.Config) (*store.Store, error) {
	st, err := store.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if _, err := st.Migrate(ctx); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return st, nil
}

// aliases are the routes that have another name by now.
func aliases(routes *route.Templates) []baseline.Alias {
	var list []baseline.Alias
	for _, r := range routes.Rows() {
		if r.AliasOf != "" {
			list = append(list, baseline.Alias{Service: r.Service, From: r.Route, To: r.AliasOf})
		}
	}
	return list
}

// detectorInfos describes everything that can raise a finding: rules and learned detectors.
func detectorInfos(set *rules.Set) []detect.Info { return append(set.Infos(), baseline.Infos()...) }
