package ingest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/gatewatch/gatewatch/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memStore stores in memory as the real store does: blocks by token, a repeat changes nothing.
type memStore struct {
	mu     sync.Mutex
	tokens map[string]bool
	blocks [][]event.Event
	calls  int
	fail   func(call int) (before, after error) // before: not stored; after: stored, but the answer is lost
	gate   chan struct{}                        // when set, an insert waits for it
}

func (s *memStore) InsertEvents(ctx context.Context, token string, events []*event.Event) error {
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	var before, after error
	if s.fail != nil {
		before, after = s.fail(s.calls)
	}
	if before != nil {
		return before
	}
	if s.tokens == nil {
		s.tokens = map[string]bool{}
	}
	if !s.tokens[token] {
		s.tokens[token] = true
		block := make([]event.Event, len(events))
		for i, ev := range events {
			block[i] = *ev
		}
		s.blocks = append(s.blocks, block)
	}
	return after
}

func (s *memStore) Positions(_ context.Context, each func(string, uint64, uint64)) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var newest time.Time
	for _, b := range s.blocks {
		for _, ev := range b {
			each(ev.Source, ev.Generation, ev.Position)
			if ev.IngestedAt.After(newest) {
				newest = ev.IngestedAt
			}
		}
	}
	return newest, nil
}

// ids returns what is stored, as generation/position, in the order of storing.
func (s *memStore) ids(source string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, b := range s.blocks {
		for _, ev := range b {
			if ev.Source == source {
				ids = append(ids, fmt.Sprintf("%d/%d", ev.Generation, ev.Position))
			}
		}
	}
	return ids
}

func startCommitter(t *testing.T, o Options) (*Committer, func() error) {
	t.Helper()
	if o.Linger == 0 {
		o.Linger = time.Millisecond
	}
	o.RetryMin, o.RetryMax = time.Millisecond, 5*time.Millisecond
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = stop() })
	return c, stop
}

var testTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fileBatch makes a batch of one-byte lines at the positions [from, to).
func fileBatch(source string, generation, from, to uint64) *Batch {
	b := &Batch{Source: source, Generation: generation, From: from, To: to, Lines: to - from}
	for p := from; p < to; p++ {
		var ev event.Event
		ev.Reset()
		ev.Time, ev.Path, ev.Position = testTime, "/", p
		b.Events = append(b.Events, ev)
	}
	return b
}

func TestCommitterStoresOnceWhateverIsRepeated(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		st := &memStore{fail: func(call int) (error, error) {
			switch call % 4 {
			case 1:
				return errors.New("the store is away"), nil
			case 2:
				return nil, errors.New("the answer is lost")
			}
			return nil, nil
		}}
		o := Options{Store: st, MaxEvents: rapid.IntRange(1, 40).Draw(rt, "max")}
		c, stop := startCommitter(t, o)
		size := rapid.Uint64Range(1, 60).Draw(rt, "size")
		var wg sync.WaitGroup
		for w := range rapid.IntRange(1, 3).Draw(rt, "writers") { // writers of the same file, as after a timeout
			step := rapid.Uint64Range(1, 20).Draw(rt, fmt.Sprintf("step%d", w))
			wg.Add(1)
			go func() {
				defer wg.Done()
				for from := uint64(0); from < size; from += step {
					if err := c.Write(context.Background(), fileBatch("s", 5, from, min(from+step, size))); err != nil {
						t.Errorf("write: %v", err)
					}
				}
			}()
		}
		wg.Wait()
		if err := stop(); err != nil {
			rt.Fatal(err)
		}
		var want []string
		for p := range size {
			want = append(want, fmt.Sprintf("5/%d", p))
		}
		if got := st.ids("s"); !slices.Equal(got, want) {
			rt.Fatalf("got %v\nwant %v", got, want)
		}
	})
}

func TestCommitterKnowsWhatIsStoredAfterRestart(t *testing.T) {
	st := &memStore{}
	c, stop := startCommitter(t, Options{Store: st})
	ctx := context.Background()
	for _, b := range []*Batch{fileBatch("s", 1, 0, 10), {Source: "p", Key: "k1", Events: fileBatch("p", 0, 0, 3).Events}} {
		if err := c.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	back := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC) // the clock stepped back
	c, stop = startCommitter(t, Options{Store: st, Now: func() time.Time { return back }})
	for _, b := range []*Batch{
		fileBatch("s", 1, 0, 10), fileBatch("s", 1, 5, 12), fileBatch("s", 2, 0, 1),
		{Source: "p", Key: "k1", Events: fileBatch("p", 0, 0, 3).Events},
		{Source: "p", Key: "k2", Events: fileBatch("p", 0, 0, 2).Events},
	} {
		if err := c.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := st.ids("s"); len(got) != 13 || got[10] != "1/10" || got[12] != "2/0" {
		t.Errorf("file: %v", got)
	}
	if got := st.ids("p"); len(got) != 5 {
		t.Errorf("pushes: %v", got)
	}
	for i := 1; i < len(st.blocks); i++ {
		if a, b := st.blocks[i-1][0].IngestedAt, st.blocks[i][0].IngestedAt; !b.After(a) || b.Nanosecond()%1e6 != 0 {
			t.Errorf("stamps %v, then %v: want whole milliseconds, increasing", a, b)
		}
	}
}

func TestPushesWithoutKeyAreNeverDropped(t *testing.T) {
	st := &memStore{}
	c, _ := startCommitter(t, Options{Store: st})
	for range 3 {
		if err := c.Write(context.Background(), &Batch{Source: "p", Events: fileBatch("p", 0, 0, 2).Events}); err != nil {
			t.Fatal(err)
		}
	}
	if got := st.ids("p"); len(got) != 6 {
		t.Errorf("stored %v: want six events", got)
	}
	if n := len(c.streams.sources["p"].gens); n != 0 {
		t.Errorf("%d pushes are remembered in vain", n)
	}
}

// TestRepeatWhileInFlight: a batch that is sent again while its first copy is being stored is acknowledged only when
// that is stored, and stored once.
func TestRepeatWhileInFlight(t *testing.T) {
	st := &memStore{gate: make(chan struct{})}
	c, _ := startCommitter(t, Options{Store: st})
	results := make(chan error, 2)
	impatient, giveUp := context.WithCancel(context.Background())
	go func() { results <- c.Write(impatient, fileBatch("s", 1, 0, 5)) }()
	waitFor(t, func() bool { return len(c.Sources().Report()) == 1 })
	giveUp()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Fatalf("impatient writer: %v", err)
	}
	go func() { results <- c.Write(context.Background(), fileBatch("s", 1, 0, 5)) }()
	select {
	case err := <-results:
		t.Fatalf("acknowledged before it was stored: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(st.gate)
	if err := <-results; err != nil {
		t.Fatal(err)
	}
	if got := st.ids("s"); len(got) != 5 {
		t.Errorf("stored %v", got)
	}
	if r := c.Sources().Report()[0]; r.Stored != 5 || r.Duplicate != 5 || r.Lines != 5 {
		t.Errorf("report %+v", r)
	}
}

func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never")
		}
	}
}

// TestBackPressure: while the store hangs, at most two blocks of events are taken in.
func TestBackPressure(t *testing.T) {
	st := &memStore{gate: make(chan struct{})}
	c, _ := startCommitter(t, Options{Store: st, MaxEvents: 10})
	var wg sync.WaitGroup
	for w := range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := c.Write(context.Background(), fileBatch(fmt.Sprint("s", w), 1, 0, 5)); err != nil {
				t.Error(err)
			}
		}()
	}
	time.Sleep(50 * time.Millisecond)
	var taken uint64
	for _, r := range c.Sources().Report() {
		taken += r.Stored
	}
	if taken > 20 {
		t.Errorf("%d events taken in: want at most two blocks of 10", taken)
	}
	close(st.gate)
	wg.Wait()
	for _, b := range st.blocks {
		if len(b) > 10 {
			t.Errorf("a block of %d events", len(b))
		}
	}
}

func TestStopStoresWhatWasGathered(t *testing.T) {
	st := &memStore{}
	c, stop := startCommitter(t, Options{Store: st, Linger: time.Hour})
	done := make(chan error, 1)
	go func() { done <- c.Write(context.Background(), fileBatch("s", 1, 0, 3)) }()
	waitFor(t, func() bool { return len(c.Sources().Report()) == 1 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := c.Write(context.Background(), fileBatch("s", 1, 3, 4)); !errors.Is(err, ErrClosed) {
		t.Errorf("write after the stop: %v", err)
	}
	if got := st.ids("s"); len(got) != 3 {
		t.Errorf("stored %v", got)
	}
}

func TestStopWithoutStoreAcknowledgesNothing(t *testing.T) {
	st := &memStore{fail: func(int) (error, error) { return errors.New("away"), nil }}
	c, stop := startCommitter(t, Options{Store: st, DrainTimeout: 20 * time.Millisecond})
	done := make(chan error, 1)
	go func() { done <- c.Write(context.Background(), fileBatch("s", 1, 0, 3)) }()
	waitFor(t, func() bool { return len(c.Sources().Report()) == 1 })
	if err := stop(); err == nil {
		t.Error("Run says nothing about events that were not stored")
	}
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("write: %v", err)
	}
}

// TestOneEventCannotPoisonABlock: what no column can hold is a counted failure; its neighbours are stored.
func TestOneEventCannotPoisonABlock(t *testing.T) {
	st := &memStore{}
	c, _ := startCommitter(t, Options{Store: st, Registerer: prometheus.NewRegistry()})
	b := fileBatch("s", 1, 0, 7)
	b.Events[0].Time = time.Time{}
	b.Events[2].Time = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	b.Events[3].Status = 70_000
	b.Events[4].DurationMS, b.Events[4].UpstreamMS = math.NaN(), math.Inf(1)
	b.Events[5].Lat = math.NaN()
	if err := c.Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	if got := st.ids("s"); !slices.Equal(got, []string{"1/1", "1/4", "1/5", "1/6"}) {
		t.Errorf("stored %v", got)
	}
	if ev := st.blocks[0][1]; ev.DurationMS != event.Absent || ev.UpstreamMS != event.Absent || st.blocks[0][2].Lat != 0 {
		t.Errorf("numbers that mean nothing were kept: %+v", ev)
	}
	if r := c.Sources().Report()[0]; r.Failed != 3 || len(r.Failures) != 3 || r.Parsed != 4 {
		t.Errorf("report %+v", r)
	}
}

func TestRejectedBatches(t *testing.T) {
	c, _ := startCommitter(t, Options{Store: &memStore{}})
	backwards := fileBatch("s", 1, 0, 3)
	slices.Reverse(backwards.Events)
	outside := fileBatch("s", 1, 0, 3)
	outside.To = 2
	for name, b := range map[string]*Batch{"no source": fileBatch("", 1, 0, 3), "not ascending": backwards, "outside the range": outside} {
		if err := c.Write(context.Background(), b); !errors.Is(err, ErrRejected) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// marker stands for enrichment and rules.
type marker struct {
	mu   sync.Mutex
	seen []uint64
}

func (m *marker) Enrich(ev *event.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen = append(m.seen, ev.Position)
	ev.Route = "/r"
}

func (m *marker) Match(ev *event.Event) { ev.Signatures = []string{ev.Route} }

func TestEnrichesInOrderThenMatchesThenHandsOver(t *testing.T) {
	m := &marker{}
	var handed []*event.Event
	c, stop := startCommitter(t, Options{
		Store: &memStore{}, Enricher: m, Matcher: m,
		OnStored: func(block []*event.Event) { handed = append(handed, block...) },
	})
	for from := uint64(0); from < 50; from += 10 {
		if err := c.Write(context.Background(), fileBatch("s", 1, from, from+10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if len(handed) != 50 || !slices.IsSorted(m.seen) || len(m.seen) != 50 {
		t.Fatalf("handed over %d, enriched %v", len(handed), m.seen)
	}
	for _, ev := range handed {
		if len(ev.Signatures) != 1 || ev.Signatures[0] != "/r" || ev.IngestedAt.IsZero() {
			t.Fatalf("event %+v", ev)
		}
	}
}

func TestSourcesReportFields(t *testing.T) {
	c, _ := startCommitter(t, Options{Store: &memStore{}})
	b := fileBatch("s", 1, 0, 2)
	b.Format, b.Confidence, b.Lag = "nginx_combined", 0.9, 77
	b.Events[1].User = "alice"
	if err := c.Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	r := c.Sources().Report()[0]
	if r.Format != "nginx_combined" || r.LagBytes != 77 || !slices.Contains(r.Fields, "user") || slices.Contains(r.Fields, "session") {
		t.Errorf("report %+v", r)
	}
	if f := c.Sources().Fields(); !f["user"] || f["session"] {
		t.Errorf("fields %v", f)
	}
	if !strings.Contains(strings.Join(r.Fields, " "), "path") {
		t.Errorf("fields %v", r.Fields)
	}
}
