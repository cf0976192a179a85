package baseline

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSurpriseAndBoundAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mu := rapid.Float64Range(0, 1e6).Draw(t, "mu")
		alpha := rapid.SampledFrom([]float64{0, leastAlpha, 0.1, defaultAlpha, 3}).Draw(t, "alpha")
		z := rapid.Float64Range(0, 12).Draw(t, "z")
		if got := surprise(boundAt(z, mu, alpha), mu, alpha); math.Abs(got-z) > 1e-6*(1+z) {
			t.Fatalf("surprise(boundAt(%v)) = %v", z, got)
		}
		if boundAt(z, mu, alpha) < mu-1e-6*(1+mu) {
			t.Fatalf("bound %v below the level %v", boundAt(z, mu, alpha), mu)
		}
	})
}

func TestTailThreshold(t *testing.T) {
	ordinary := make([]float64, 336)
	for i := range ordinary {
		ordinary[i] = float64(i%48) / 16 // 0 to 3
	}
	calm := tailThreshold(append([]float64{}, ordinary...), 0.001, 0)
	if calm < 3 || calm > 6 {
		t.Errorf("threshold %v of deviations up to 3", calm)
	}
	wild := append([]float64{}, ordinary...)
	for i := range 20 {
		wild[i*16] = 12
	}
	if got := tailThreshold(wild, 0.001, 0); got < 12 {
		t.Errorf("threshold %v, though 12 is seen daily", got)
	}
	once := append([]float64{}, ordinary...)
	once[7] = 40
	if got := tailThreshold(once, 0.001, 0); got > 12 {
		t.Errorf("one attack in two weeks lifts the threshold to %v", got)
	}
	if got := tailThreshold(nil, 0.001, 6); got != 6 {
		t.Errorf("threshold without history %v, want the floor", got)
	}
}

func TestLearnedEndpoint(t *testing.T) {
	m := labModel()
	products := m.Endpoint(EndpointKey{"shop", "GET", "/products"})
	if products == nil || products.Step != fiveMinutes || products.Days != historyDays || products.Buckets != historyDays*288 {
		t.Fatalf("products: %+v", products)
	}
	noon, night := float64(products.Season.Level[24+12]), float64(products.Season.Level[24+0])
	if noon < 650 || noon > 770 || night < 80 || night > 160 {
		t.Errorf("expected an hour: %v at noon, %v at midnight", noon, night)
	}
	if s := products.ServerErrors.Share; s < 0.002 || s > 0.008 {
		t.Errorf("share of server errors %v, made with 0.005", s)
	}
	reports := m.Endpoint(EndpointKey{"shop", "GET", "/reports"})
	if reports.Season.Level[24+12] < 300 || reports.Season.Level[24+2] > 10 || reports.Season.Least[24+2] != 0 {
		t.Errorf("reports: %v at noon, %v at two", reports.Season.Level[36], reports.Season.Level[26])
	}
	if got := products.history(); got != "14 days, 4,032 buckets" {
		t.Errorf("history %q", got)
	}
}

func TestModelOnlyDependsOnSnapshot(t *testing.T) {
	again, err := Recompute(t.Context(), Config{}, labHistory(), labSnapshot())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(rowsOf(t, labModel()), rowsOf(t, again)); d != "" {
		t.Errorf("two models of one snapshot (-first +second):\n%s", d)
	}
	other := labSnapshot()
	other.Cut = other.Cut.Add(time.Nanosecond)
	if other.Version() == labSnapshot().Version() {
		t.Error("two snapshots have one version")
	}
}

func rowsOf(t *testing.T, m *Model) (rows []Row) {
	t.Helper()
	if err := m.Rows(func(r Row) error { rows = append(rows, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestRowsBringTheModelBack(t *testing.T) {
	m := labModel()
	b, err := NewModelBuilder(m.Meta())
	if err != nil {
		t.Fatal(err)
	}
	rows := rowsOf(t, m)
	for i := range rows { // the order must not matter
		if err := b.Add(rows[len(rows)-1-i]); err != nil {
			t.Fatal(err)
		}
	}
	back := b.Model()
	if d := cmp.Diff(rows, rowsOf(t, back)); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	if d := cmp.Diff(m.Meta(), back.Meta()); d != "" {
		t.Errorf("meta (-want +got):\n%s", d)
	}
	if d := cmp.Diff(judgedIDs(t, m), judgedIDs(t, back)); d != "" {
		t.Errorf("findings (-want +got):\n%s", d)
	}
	for _, bad := range []Row{{"endpoint", "x", "{"}, {"novelty", "x", "{}"}} {
		if err := b.Add(bad); err == nil {
			t.Errorf("row %+v was taken", bad)
		}
	}
}

func judgedIDs(t *testing.T, m *Model) (ids []string) {
	t.Helper()
	for _, f := range firsts(judgeAll(t, allAtOnce(), judgedDay.AddDate(0, 0, 3), m)) {
		ids = append(ids, f.ID)
	}
	return ids
}

func TestAliasesAreResolved(t *testing.T) {
	s := labSnapshot()
	s.Aliases = []Alias{{"shop", "/reports", "/files"}, {"shop", "/files", "/documents"}, {"shop", "/a", "/b"}, {"shop", "/b", "/a"}}
	m, err := Recompute(t.Context(), Config{}, labHistory(), s)
	if err != nil {
		t.Fatal(err)
	}
	if m.Endpoint(EndpointKey{"shop", "GET", "/reports"}) != nil {
		t.Error("the old template has a row")
	}
	before, now := labModel().Endpoint(EndpointKey{"shop", "GET", "/reports"}), m.Endpoint(EndpointKey{"shop", "GET", "/documents"})
	if now == nil || now.Requests != before.Requests {
		t.Errorf("under the new template %+v, before %+v", now, before)
	}
}

func TestMergedNamesAddUp(t *testing.T) {
	var a hourly
	a.add(EndpointHours{Hours: []uint32{5, 7}, Requests: []uint32{1, 2}, ClientErrors: []uint32{0, 1}, ServerErrors: []uint32{0, 0}, Peak: []uint32{1, 1}, Trough: []uint32{0, 0}})
	a.add(EndpointHours{Hours: []uint32{4, 7}, Requests: []uint32{8, 16}, ClientErrors: []uint32{0, 0}, ServerErrors: []uint32{0, 1}, Peak: []uint32{4, 4}, Trough: []uint32{0, 1}})
	a.sort()
	want := hourly{
		hours: []uint32{4, 5, 7}, requests: []uint32{8, 1, 18}, client: []uint32{0, 0, 1}, server: []uint32{0, 0, 1},
		peak: []uint32{4, 1, 5}, trough: []uint32{0, 0, 1},
	}
	if d := cmp.Diff(want, a, cmp.AllowUnexported(hourly{})); d != "" {
		t.Errorf("merged (-want +got):\n%s", d)
	}
}

// steady is a History of one endpoint with 100 requests an hour for two weeks, and 800 in one hour.
type steady struct {
	memory
	attack time.Time
}

func (h steady) Endpoints(_ context.Context, s Snapshot, fn func(EndpointHours) error) error {
	r := EndpointHours{Key: EndpointKey{"shop", "GET", "/products"}}
	for t := labStart; t.Before(s.Until); t = t.Add(time.Hour) {
		n := uint32(100)
		if t.Equal(h.attack) {
			n += 700 // less would be no attack, more would make the day one that is no guide to others
		}
		r.Hours, r.Requests = append(r.Hours, uint32(hourOf(t))), append(r.Requests, n)
		r.Peak, r.Trough = append(r.Peak, n/12+1), append(r.Trough, n/12)
	}
	r.ClientErrors, r.ServerErrors = make([]uint32, len(r.Hours)), make([]uint32, len(r.Hours))
	return fn(r)
}

func TestExcludedHoursAreNotLearned(t *testing.T) {
	attack := labStart.AddDate(0, 0, 9).Add(14 * time.Hour)
	h := steady{attack: attack}
	learn := func(x ...Exclusion) *Endpoint {
		s := labSnapshot()
		s.Excluded = x
		m, err := Recompute(t.Context(), Config{}, h, s)
		if err != nil {
			t.Fatal(err)
		}
		return m.Endpoint(EndpointKey{"shop", "GET", "/products"})
	}
	key := EndpointKey{"shop", "GET", "/products"}
	with, without := learn(), learn(Exclusion{Endpoint: key, From: attack, To: attack.Add(time.Hour)})
	slot := slotOf(attack, time.UTC)
	if with.Season.Level[slot] < 2*without.Season.Level[slot] {
		t.Errorf("levels %v with and %v without the attack", with.Season.Level[slot], without.Season.Level[slot])
	}
	if byService := learn(Exclusion{Endpoint: key.service(), From: attack, To: attack.Add(time.Hour)}); byService.Season.Level[slot] != without.Season.Level[slot] {
		t.Errorf("leaving out the service: %v, the endpoint: %v", byService.Season.Level[slot], without.Season.Level[slot])
	}
}

func TestSnapshotAndConfigFaults(t *testing.T) {
	bad := labSnapshot()
	bad.EffectiveFrom = bad.Until.Add(-time.Second)
	for _, s := range []Snapshot{{}, bad, {Until: labStart}} {
		if _, err := Recompute(t.Context(), Config{}, labHistory(), s); err == nil {
			t.Errorf("snapshot %+v was learned from", s)
		}
	}
	if faults := (Config{}).Validate(); len(faults) > 0 {
		t.Errorf("the defaults: %v", faults)
	}
	wrong := Config{
		Schedule: "every night", TimeZone: "Mars/Olympus", WindowDays: 400, MinDays: -1, AlarmsPerWeek: -1, MinSpikeRequests: -1,
		MinErrors: -1, MinUserRequests: -1, MinObjects: -1, MaxEntities: -1, DriftDays: 1, Jitter: 7 * time.Hour,
		Budgets: map[string]float64{"off-hours": 1, "endpoint-latency": -1},
	}
	faults := wrong.Validate()
	text := ""
	for _, err := range faults {
		text += err.Error() + "\n"
	}
	for _, key := range []string{
		"time_zone", "window_days: 400", "min_days: -1", "alarms_per_week", "min_spike_requests", "min_errors", "min_user_requests",
		"min_objects", "max_entities", "drift_days: 1", "jitter: 7h", `budgets: "off-hours", want one of endpoint-traffic`, "budgets.endpoint-latency: -1",
	} {
		if !strings.Contains(text, "baseline."+key) {
			t.Errorf("no fault names %s:\n%s", key, text)
		}
	}
}

func TestHistoryForPeople(t *testing.T) {
	for want, got := range map[string]string{
		"14 days, 3,210 buckets":   history(14, 3210, "buckets"),
		"1 day, 7 buckets":         history(1, 7, "buckets"),
		"90 days, 1,234,567 hours": history(90, 1_234_567, "hours"),
	} {
		if want != got {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The budget of false alarms sets the thresholds, each detector's its own.
func TestBudgetsSetThresholds(t *testing.T) {
	learn := func(c Config) *Endpoint {
		h := madeHistory{key: driftKey, days: 28, made: shopDay, shape: func(time.Time) (float64, float64) { return 400, 20_000 }}
		wild := func(t time.Time) float64 { // hours that are well above the others, more and more rarely
			return 1 + 6*math.Pow(float64(hourOf(t)*7919%1000)/1000, 12)
		}
		h.made = func(t time.Time) float64 { return shopDay(t) * wild(t) }
		h.shape = func(t time.Time) (float64, float64) { return 400 * wild(t), 20_000 * wild(t) }
		m, err := Recompute(t.Context(), c, h, Snapshot{Until: driftEnd, Cut: driftEnd, WindowDays: 28})
		if err != nil {
			t.Fatal(err)
		}
		return m.Endpoint(driftKey)
	}
	usual, strict := learn(Config{}), learn(Config{Budgets: map[string]float64{EndpointLatency: 0.001, EndpointTraffic: 0.001}})
	if strict.SpikeZ < 1.2*usual.SpikeZ || strict.Shape.Latency.High < 1.2*usual.Shape.Latency.High {
		t.Errorf("a hundredth of the alarms: spikes from %v instead of %v, latency from %v instead of %v",
			strict.SpikeZ, usual.SpikeZ, strict.Shape.Latency.High, usual.Shape.Latency.High)
	}
	if strict.Shape.Size.High != usual.Shape.Size.High || strict.ServerErrors.Z != usual.ServerErrors.Z {
		t.Errorf("others changed with them: %+v, %+v", strict.Shape.Size, usual.Shape.Size)
	}
}
