package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/ingest/spool"
	"github.com/gatewatch/gatewatch/ingest/syslog"
	"github.com/gatewatch/gatewatch/ingest/tail"
	"github.com/gatewatch/gatewatch/parsers"
)

// SyslogInput is an address at which gateways send syslog.
type SyslogInput struct {
	Name     string       `yaml:"name"`      // a source is NAME:HOST
	Listen   string       `yaml:"listen"`    // udp://HOST:PORT, tcp://… or tls://…
	TLS      TLS          `yaml:"tls"`       // for tls://; default: the server's own certificate
	Format   parsers.Spec `yaml:"format"`    // of the lines behind the syslog header; default auto
	Service  string       `yaml:"service"`   // for logs that name none; default "default"
	TimeZone string       `yaml:"time_zone"` // IANA name, for times without a zone; default UTC
	Year     int          `yaml:"year"`      // of the first time without a year; -1: the current; 0: such a time is an error
	BufferMB int          `yaml:"buffer_mb"` // messages on disk that the store does not have yet, in MiB; default 256
}

// network splits the address.
func (s SyslogInput) network() (network, address string) {
	network, address, _ = strings.Cut(s.Listen, "://")
	return network, address
}

func (s SyslogInput) validate(key string, names map[string]bool, server TLS) (faults []error) {
	switch {
	case s.Name == "" || strings.ContainsAny(s.Name, "/\\:\x00") || len(s.Name) > 100:
		faults = append(faults, fmt.Errorf("%s.name: %q: want a name of up to 100 bytes without slash or colon", key, s.Name))
	case names[s.Name]:
		faults = append(faults, fmt.Errorf("%s.name: %q: another source has this name", key, s.Name))
	}
	names[s.Name] = true
	network, address := s.network()
	if _, _, err := net.SplitHostPort(address); err != nil || network != "udp" && network != "tcp" && network != "tls" {
		faults = append(faults, fmt.Errorf("%s.listen: %q: want udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT", key, s.Listen))
	}
	if (s.TLS.Certificate == "") != (s.TLS.Key == "") {
		faults = append(faults, fmt.Errorf("%s.tls: certificate and key go together", key))
	}
	if network == "tls" && s.TLS.Certificate == "" && server.Certificate == "" {
		faults = append(faults, fmt.Errorf("%s.tls: empty: want a certificate and its key, here or in tls", key))
	}
	if s.Format.String() != "auto" {
		if _, err := parsers.NewWrapped("syslog", s.Format, parsers.Options{}); err != nil {
			faults = append(faults, fmt.Errorf("%s.format: %w", key, err))
		}
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil {
		faults = append(faults, fmt.Errorf("%s.time_zone: %q: want an IANA name such as Europe/Berlin", key, s.TimeZone))
	}
	faults = append(faults, validYear(key, s.Year)...)
	if s.BufferMB < 0 {
		faults = append(faults, fmt.Errorf("%s.buffer_mb: %d: want 0 (default 256) or more", key, s.BufferMB))
	}
	return faults
}

// syslogInputs begins to listen.
func (b *builder) syslogInputs() error {
	if len(b.cfg.Syslog) == 0 {
		return nil
	}
	var list []syslog.Listener
	for i, in := range b.cfg.Syslog {
		l, err := b.syslogListener(in)
		if err != nil {
			return fmt.Errorf("syslog[%d]: %w", i, err)
		}
		list = append(list, l)
	}
	server, err := syslog.New(syslog.Options{
		Listeners: list, Sink: b.sink, Normalizer: b.norm, Logger: b.log, Registerer: b.registry,
	})
	if err != nil {
		return err
	}
	b.server.syslog = server
	b.life.run("syslog", server.Run)
	return nil
}

func (b *builder) syslogListener(in SyslogInput) (syslog.Listener, error) {
	location, err := time.LoadLocation(in.TimeZone)
	if err != nil {
		return syslog.Listener{}, fmt.Errorf("time_zone: %w", err)
	}
	opts := parsers.Options{Location: location, Year: YearOf(in.Year, time.Now()), WireFields: b.cfg.Identity.WireFields()}
	network, address := in.network()
	l := syslog.Listener{
		Name: in.Name, Network: network, Address: address, Service: in.Service,
		NewParser: func() (parsers.Parser, error) { return parsers.NewWrapped("syslog", in.Format, opts) },
		Spool:     spool.Options{Dir: filepath.Join(b.cfg.DataDir, "spool", in.Name), MaxBytes: int64(in.BufferMB) << 20},
	}
	if l.Service == "" {
		l.Service = DefaultService
	}
	if network == "tls" {
		pair := in.TLS
		if pair.Certificate == "" {
			pair = b.cfg.TLS
		}
		c := &certificate{cfg: pair}
		if _, err := c.get(nil); err != nil {
			return l, err
		}
		l.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
	}
	return l, nil
}

func (b *builder) sources(context.Context) error {
	warnMissing(b.log, b.cfg.Sources)
	var sample *demo
	if b.opts.Demo {
		sample = b.newDemo()
		b.cfg.Sources = append(b.cfg.Sources, sample.source())
	}
	b.life.run("warnings", b.warn)
	sources, err := b.tailSources()
	if err != nil || len(sources) == 0 {
		return err
	}
	b.follower, err = tail.New(tail.Options{
		Sources: sources, StateDir: filepath.Join(b.cfg.DataDir, "sources"), Sink: b.sink,
		Normalizer: b.norm, FromEnd: b.cfg.Ingest.FromEnd, Logger: b.log, Registerer: b.registry,
	})
	if err != nil {
		return err
	}
	b.life.run("sources", b.follower.Run)
	if sample != nil {
		b.life.run("sample log", sample.Run)
	}
	return nil
}

func (b *builder) tailSources() ([]tail.Source, error) {
	var list []tail.Source
	for i, src := range b.cfg.Sources {
		location, err := time.LoadLocation(src.TimeZone)
		if err != nil {
			return nil, fmt.Errorf("sources[%d].time_zone: %w", i, err)
		}
		opts := parsers.Options{Location: location, Year: YearOf(src.Year, time.Now()), WireFields: b.cfg.Identity.WireFields()}
		if src.Service == "" {
			src.Service = DefaultService
		}
		list = append(list, tail.Source{
			Name: src.Name, Files: src.Files, Service: src.Service,
			NewParser: func() (parsers.Parser, error) { return sourceParser(src.Format, opts) },
		})
	}
	return list, nil
}

// sourceParser is a followed source's parser.
func sourceParser(spec parsers.Spec, opts parsers.Options) (parsers.Parser, error) {
	if spec.String() == "auto" {
		return parsers.NewAuto(opts), nil
	}
	return parsers.New(spec, opts)
}
