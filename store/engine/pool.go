package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewatch/gatewatch/store/engine/libchdb"
)

// opener opens engine connections; it is libchdb outside the tests of the pool.
type opener func() (*libchdb.Conn, error)

// pool hands out sessions. A session's database and settings are fixed when it opens, so nothing of one request can
// leak into the next: a request that wants others gets another session. Opening one takes a third of a millisecond.
type pool struct {
	open     opener
	defaults map[string]string
	slots    chan struct{} // one token per statement that may run

	mu     sync.Mutex
	idle   []*session // oldest first
	serial int

	killMu sync.Mutex
	killer *libchdb.Conn
}

// session is one engine connection with its settings applied.
type session struct {
	*libchdb.Conn
	key string // database and settings
	tag string // log_comment: KILL QUERY finds the running statement by it
	// spent marks a session whose state a statement may have changed; it is closed instead of reused.
	spent atomic.Bool
}

const maxIdle = 8

func newPool(open opener, size int, defaults map[string]string) (*pool, error) {
	killer, err := open()
	if err != nil {
		return nil, err
	}
	return &pool{open: open, defaults: defaults, slots: make(chan struct{}, size), killer: killer}, nil
}

// get waits for a free slot and returns a session with the database and the settings wanted.
func (p *pool) get(ctx context.Context, database string, settings map[string]string) (*session, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, newException(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES",
			"Waited for one of %d sessions: %v", cap(p.slots), ctx.Err())
	}
	s, err := p.take(database, settings)
	if err != nil {
		<-p.slots
		return nil, err
	}
	return s, nil
}

func (p *pool) take(database string, settings map[string]string) (*session, error) {
	key := sessionKey(database, settings)
	p.mu.Lock()
	for i, s := range slices.Backward(p.idle) {
		if s.key == key {
			p.idle = slices.Delete(p.idle, i, i+1)
			p.mu.Unlock()
			return s, nil
		}
	}
	p.serial++
	tag := "gatewatch-" + strconv.Itoa(p.serial)
	p.mu.Unlock()

	conn, err := p.open()
	if err != nil {
		return nil, err
	}
	s := &session{Conn: conn, key: key, tag: tag}
	if err := p.setUp(s, database, settings); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

func (p *pool) setUp(s *session, database string, settings map[string]string) error {
	all := maps.Clone(p.defaults)
	maps.Copy(all, settings)
	all["log_comment"] = s.tag
	if database != "" && database != "default" {
		if err := s.Exec("USE " + quoteIdentifier(database)); err != nil {
			return err
		}
	}
	readonly, restricted := all["readonly"]
	delete(all, "readonly")
	if err := s.Exec(setStatement(all)); err != nil {
		return err
	}
	if restricted { // last, because it forbids SET
		return s.Exec(setStatement(map[string]string{"readonly": readonly}))
	}
	return nil
}

// put gives a session back.
func (p *pool) put(s *session) {
	var closing *session
	if s.spent.Load() {
		closing = s
	} else {
		p.mu.Lock()
		p.idle = append(p.idle, s)
		if len(p.idle) > maxIdle {
			closing = p.idle[0] // in a statement of its own: Delete moves the others up in place
			p.idle = slices.Delete(p.idle, 0, 1)
		}
		p.mu.Unlock()
	}
	if closing != nil {
		closing.Close()
	}
	<-p.slots
}

// watch kills what runs in s when ctx ends. The returned function stops watching; after it returns, nothing that runs
// in s later can be hit.
func (p *pool) watch(ctx context.Context, s *session) func() {
	if ctx.Done() == nil {
		return func() {}
	}
	stop, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-stop:
			return
		case <-ctx.Done():
		}
		// A statement that is still being parsed is not in the list of processes yet, so ask again until it has ended.
		for pause := time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
			p.kill(s)
			select {
			case <-stop:
				return
			case <-time.After(pause):
			}
		}
	}()
	return func() { close(stop); <-gone }
}

func (p *pool) kill(s *session) {
	s.spent.Store(true)
	p.killMu.Lock()
	defer p.killMu.Unlock()
	// The error would be that of a statement that has just ended.
	_ = p.killer.Exec("KILL QUERY WHERE Settings['log_comment'] = " + quoteString(s.tag) + " ASYNC")
}

// alive returns when the engine has answered a statement, with an error or without.
func (p *pool) alive() {
	p.killMu.Lock()
	defer p.killMu.Unlock()
	_ = p.killer.Exec("SELECT 1") // an error, of memory for example, is an answer
}

// close ends all idle sessions; the caller has stopped the requests.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.idle {
		s.Close()
	}
	p.idle = nil
	p.killer.Close()
}

func sessionKey(database string, settings map[string]string) string {
	var b strings.Builder
	b.WriteString(database)
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "\x00%s\x00%s", k, settings[k])
	}
	return b.String()
}

// setStatement writes SET with all values quoted: the engine converts text to the setting's type, as it does for URL
// parameters.
func setStatement(settings map[string]string) string {
	var b strings.Builder
	b.WriteString("SET ")
	for i, k := range slices.Sorted(maps.Keys(settings)) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(k + " = " + quoteString(settings[k]))
	}
	return b.String()
}

var (
	stringEscapes     = strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	identifierEscapes = strings.NewReplacer(`\`, `\\`, "`", "\\`")
)

func quoteString(s string) string     { return "'" + stringEscapes.Replace(s) + "'" }
func quoteIdentifier(s string) string { return "`" + identifierEscapes.Replace(s) + "`" }
