package enrich

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/gatewatch/gatewatch/ingest/recent"
)

// Geo tells where an address is; false when nothing is known about it.
type Geo interface {
	Lookup(addr netip.Addr) (Place, bool)
}

// GeoFiles answers from database files, which it combines: of each field the first file that has it counts.
// It is safe for concurrent use.
type GeoFiles struct {
	paths  []string
	log    *slog.Logger
	set    atomic.Pointer[geoSet]
	faults atomic.Uint64
}

// geoSet is the files as they were read at one moment, with the answers that they gave.
type geoSet struct {
	files  []database
	stamps []stamp
	fields map[string]bool
	shards [geoShards]geoShard
}

// stamp tells one content of a file from the next.
type stamp struct {
	size     int64
	modified time.Time
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime()}
}

type geoShard struct {
	mu   sync.Mutex
	seen *recent.Map[netip.Addr, Place]
}

const (
	geoShards  = 16
	shardAddrs = 4096
)

var _ Geo = (*GeoFiles)(nil)

// OpenGeo reads the database files. A file that is absent, damaged or of an unknown kind is an error. A nil logger is
// allowed.
func OpenGeo(paths []string, log *slog.Logger) (*GeoFiles, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	g := &GeoFiles{log: log}
	for _, p := range paths {
		abs, err := filepath.Abs(p)
		if err != nil {
			return nil, fmt.Errorf("open geography database %s: %w", p, err)
		}
		g.paths = append(g.paths, abs)
	}
	set, err := readGeo(g.paths)
	if err != nil {
		return nil, err
	}
	g.set.Store(set)
	return g, nil
}

func readGeo(paths []string) (*geoSet, error) {
	s := &geoSet{fields: make(map[string]bool)}
	for i := range s.shards {
		s.shards[i].seen = recent.New[netip.Addr, Place](shardAddrs)
	}
	var errs []error
	for _, p := range paths {
		s.stamps = append(s.stamps, stampOf(p)) // before it is read: a change meanwhile is noticed
		db, err := openDatabase(p)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.files = append(s.files, db)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for _, db := range s.files {
		s.note(db)
	}
	return s, nil
}

// note finds out which fields a file has, by looking at addresses all over the internet.
func (s *geoSet) note(db database) {
	for i := range 1 << 13 {
		addr := netip.AddrFrom4([4]byte{byte(i >> 5), byte(i << 3), 8, 8})
		p, err := db.place(addr)
		if err != nil {
			continue // the check at opening judges; a lookup counts its own faults
		}
		for name, has := range map[string]bool{
			"country": p.Country != "", "city": p.City != "", "lat": p.Lat != 0, "lon": p.Lon != 0,
			"asn": p.ASN != 0, "as_org": p.ASOrg != "",
		} {
			if has {
				s.fields[name] = true
			}
		}
	}
}

// Lookup implements Geo. Private addresses are nowhere.
func (g *GeoFiles) Lookup(addr netip.Addr) (Place, bool) {
	s := g.set.Load()
	if len(s.files) == 0 || !addr.IsValid() || isPrivate(addr) {
		return Place{}, false
	}
	b := addr.As16()
	shard := &s.shards[(b[15]^b[14]^b[7]^b[6])%geoShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	p, ok := shard.seen.Get(addr)
	if ok {
		return p, p != Place{}
	}
	for _, db := range s.files {
		q, err := db.place(addr)
		if err != nil {
			g.faults.Add(1)
			continue
		}
		p.fill(q)
	}
	shard.seen.Put(addr, p)
	return p, p != Place{}
}

// Fields says which of country, city, lat, lon, asn and as_org the files can fill.
func (g *GeoFiles) Fields() map[string]bool {
	return g.set.Load().fields
}

// Faults counts look-ups that a file answered with an error and reloads that were refused.
func (g *GeoFiles) Faults() uint64 { return g.faults.Load() }

// Reload reads all files again and answers from them from now on. On an error the former ones stay.
func (g *GeoFiles) Reload() error {
	set, err := readGeo(g.paths)
	if err != nil {
		g.faults.Add(1)
		return fmt.Errorf("reload geography, the former files stay in use: %w", err)
	}
	g.set.Store(set)
	return nil
}

// changed reports whether a file is not the one that was read.
func (g *GeoFiles) changed() bool {
	for i, was := range g.set.Load().stamps {
		if stampOf(g.paths[i]) != was {
			return true
		}
	}
	return false
}

// settle is how long a file must have been left alone before it is read again: it may be copied in many writes.
const settle = 500 * time.Millisecond

// Run reloads the files when they change, until ctx ends. The folders are watched, so that a file that is replaced by
// renaming is noticed.
func (g *GeoFiles) Run(ctx context.Context) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch geography databases: %w", err)
	}
	defer func() { _ = w.Close() }() // nothing was written
	files := make(map[string]bool)
	for _, p := range g.paths {
		files[p] = true
		if err := w.Add(filepath.Dir(p)); err != nil {
			return fmt.Errorf("watch geography database %s: %w", p, err)
		}
	}
	timer := time.NewTimer(settle)
	defer timer.Stop()
	if !g.changed() { // between opening and watching
		timer.Stop()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev, ok := <-w.Events:
			if !ok {
				return nil
			}
			if files[filepath.Clean(ev.Name)] && !ev.Has(fsnotify.Chmod) && !ev.Has(fsnotify.Remove) {
				timer.Reset(settle)
			}
		case err, ok := <-w.Errors:
			if !ok {
				return nil
			}
			g.log.Warn("watching geography databases", "error", err)
		case <-timer.C:
			if err := g.Reload(); err != nil {
				g.log.Error("geography databases changed", "error", err)
			} else {
				g.log.Info("geography databases reloaded", "files", len(g.paths))
			}
		}
	}
}
