package app

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewatch/gatewatch/api"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/rules"
)

// lookForRules is how often the folders of rules are looked at. A change is taken over when they look the same twice, so
// that files are not read half written.
const lookForRules = 2 * time.Second

// ruleBook holds the rules that run, and takes over those of changed folders while everything goes on: on its own, when
// told to (SIGHUP), or over REST. Rules with faults leave the former ones in place.
type ruleBook struct {
	cfg     RulesConfig
	load    func(RulesConfig) (*rules.Set, error)
	log     *slog.Logger
	hangup  <-chan os.Signal // nil: never
	windows chan reload      // to whoever owns the windows
	reloads *prometheus.CounterVec

	mutex  sync.Mutex // one reload at a time
	loaded uint64     // the look of the folders that were loaded
	set    atomic.Pointer[rules.Set]
	pool   sync.Pool // of lent matchers
}

// reload asks for windows over another set.
type reload struct {
	set  *rules.Set
	done chan rules.Reloaded // takes the answer without a reader
}

var (
	_ api.RuleBook   = (*ruleBook)(nil)
	_ ingest.Matcher = (*ruleBook)(nil)
)

// newRuleBook loads the rules; load is loadRules but in tests.
func newRuleBook(
	cfg RulesConfig, load func(RulesConfig) (*rules.Set, error), log *slog.Logger, hangup <-chan os.Signal, reg prometheus.Registerer,
) (*ruleBook, error) {
	b := &ruleBook{cfg: cfg, load: load, log: log, hangup: hangup, windows: make(chan reload)}
	b.reloads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatewatch_rule_reloads_total", Help: "Reloads of the folders of rules, by result (taken, refused).",
	}, []string{"result"})
	if reg != nil {
		reg.MustRegister(b.reloads)
	}
	b.loaded = look(cfg.Dirs)
	set, err := load(cfg)
	if err != nil {
		return nil, err
	}
	b.take(set)
	return b, nil
}

// Set implements api.RuleBook.
func (b *ruleBook) Set() *rules.Set { return b.set.Load() }

func (b *ruleBook) take(set *rules.Set) {
	b.set.Store(set)
	for _, w := range set.Warnings() {
		b.log.Warn("rule", "remark", w.Error())
	}
}

// Reload implements api.RuleBook: it reads the folders again.
func (b *ruleBook) Reload(ctx context.Context) (rules.Reloaded, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.loaded = look(b.cfg.Dirs)
	set, err := b.load(b.cfg)
	if err != nil {
		b.reloads.WithLabelValues("refused").Inc()
		return rules.Reloaded{}, err
	}
	b.take(set)
	r := reload{set, make(chan rules.Reloaded, 1)}
	select {
	case b.windows <- r:
	case <-ctx.Done():
		return rules.Reloaded{}, ctx.Err()
	}
	select {
	case done := <-r.done:
		b.reloads.WithLabelValues("taken").Inc()
		b.log.Info("rules reloaded", "kept", done.Kept, "started", done.Started, "ended", done.Ended)
		return done, nil
	case <-ctx.Done():
		return rules.Reloaded{}, ctx.Err()
	}
}

// Run looks at the folders until ctx ends.
func (b *ruleBook) Run(ctx context.Context) error {
	ticker := time.NewTicker(lookForRules)
	defer ticker.Stop()
	before := b.loaded
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.hangup:
		case <-ticker.C:
			now := look(b.cfg.Dirs)
			steady := now == before
			before = now
			b.mutex.Lock()
			news := now != b.loaded
			b.mutex.Unlock()
			if !steady || !news {
				continue
			}
		}
		if _, err := b.Reload(ctx); err != nil && !errors.Is(err, context.Canceled) {
			b.log.Error("the folders of rules have faults: the former rules stay", "err", err)
		}
	}
}

// look is a hash of names, sizes and times of the rule files; what cannot be read looks like nothing.
func look(dirs []string) uint64 {
	h := fnv.New64a()
	for _, dir := range dirs {
		fsys := os.DirFS(dir)
		_ = fs.WalkDir(fsys, ".", func(name string, _ fs.DirEntry, err error) error { // loading tells the error
			if ext := path.Ext(name); err != nil || ext != ".yml" && ext != ".yaml" {
				return nil
			}
			if info, err := fs.Stat(fsys, name); err == nil {
				_, _ = fmt.Fprintf(h, "%s/%s %d %d\n", dir, name, info.Size(), info.ModTime().UnixNano()) // never fails
			}
			return nil
		})
	}
	return h.Sum64()
}

// lent is a matcher and the set it is over.
type lent struct {
	set     *rules.Set
	matcher *rules.Matcher
}

// Match implements ingest.Matcher: it lends every caller a matcher of its own.
func (b *ruleBook) Match(ev *event.Event) {
	set := b.set.Load()
	one, _ := b.pool.Get().(*lent)
	if one == nil || one.set != set {
		one = &lent{set, set.NewMatcher()}
	}
	one.matcher.Match(ev)
	b.pool.Put(one)
}
