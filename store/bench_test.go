package store

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest/logfile"
	"github.com/gatewatch/gatewatch/parsers"
)

const benchBlock = 50_000

// apiTraffic makes n events of a shop API as a JSON log with every field has them: users with sessions, geography, times
// and latencies in multiples of unit (nginx logs milliseconds, Envoy microseconds). About 50 requests a second, 800 users
// at a time out of 20,000.
func apiTraffic(n int, unit time.Duration) []*event.Event {
	r := rand.New(rand.NewPCG(1, 2))
	routes := []struct{ method, route string }{
		{"GET", "/products"},
		{"GET", "/products/{id}"},
		{"GET", "/products/{id}"},
		{"POST", "/cart"},
		{"GET", "/orders/{id}"},
		{"POST", "/orders"},
		{"GET", "/users/{id}"},
		{"POST", "/login"},
		{"GET", "/search"},
		{"GET", "/healthz"},
	}
	active := make([]int, 800)
	for i := range active {
		active[i] = r.IntN(20_000)
	}
	at, position := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), uint64(0)
	list := make([]*event.Event, n)
	for i := range list {
		at = at.Add(time.Duration(r.ExpFloat64()*20_000) * time.Microsecond)
		position += uint64(330 + r.IntN(120))
		k := r.IntN(len(active))
		if r.IntN(30) == 0 {
			active[k] = r.IntN(20_000)
		}
		u, route := active[k], routes[r.IntN(len(routes))]
		e := new(event.Event)
		e.Reset()
		e.Time, e.Source, e.Generation, e.Position = at.Truncate(unit), "/var/log/nginx/api.json", 81234567, position
		e.Service, e.Format, e.Scheme, e.Host, e.Protocol = "shop", "json", "https", "api.example.com", "HTTP/2.0"
		e.ClientIP = netip.AddrFrom4([4]byte{203, byte(u >> 12), byte(u >> 6), byte(u * 37)})
		e.User, e.AuthScheme = fmt.Sprintf("user%d@example.com", u), "jwt"
		e.Session = fmt.Sprintf("%016x", uint64(u)*0x9e3779b97f4a7c15)
		e.Method, e.Route, e.Path = route.method, route.route, route.route
		if id := strconv.Itoa(100000 + u*7 + r.IntN(5)); strings.Contains(e.Path, "{id}") {
			e.Path, e.ObjectIDs = strings.Replace(e.Path, "{id}", id, 1), []string{id}
		}
		if e.Path == "/search" {
			e.Query = fmt.Sprintf("q=word%d&page=%d", r.IntN(2000), r.IntN(5))
		}
		e.Status = []int{200, 200, 200, 200, 200, 200, 201, 304, 401, 404}[r.IntN(10)]
		e.BytesIn, e.BytesOut = int64(200+r.IntN(300)), int64(300*r.ExpFloat64()*float64(1+r.IntN(9)))
		took := time.Millisecond + time.Duration(r.ExpFloat64()*float64(40*time.Millisecond))
		e.DurationMS = float64(took.Truncate(unit).Microseconds()) / 1000
		e.UpstreamMS = float64((took - time.Duration(r.IntN(900_000))).Truncate(unit).Microseconds()) / 1000
		if r.IntN(2) == 0 {
			e.Referer = "https://www.example.com" + []string{"/", "/cart", "/products"}[r.IntN(3)]
		}
		e.UserAgent = fmt.Sprintf("Mozilla/5.0 (Example %d) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", u%300, 80+u%50)
		e.UAFamily, e.TLSVersion, e.Upstream = "Chrome", "TLSv1.3", fmt.Sprintf("192.0.2.%d:8080", u%3)
		e.Country, e.City = []string{"US", "DE", "FR", "CN", "IN", "BR"}[u%6], fmt.Sprintf("City %d", u%700)
		e.Lat, e.Lon = float64(u%700*2000-700_000)/10_000, float64(u%700*5000-1_700_000)/10_000
		e.ASN, e.ASOrg = uint32(1000+u%400), fmt.Sprintf("Network %d Ltd", u%400)
		list[i] = e
	}
	return list
}

var (
	bareNumber = regexp.MustCompile(`/\d+`)
	staticFile = regexp.MustCompile(`/[^/]*\.(png|gif|jpe?g|css|js|ico|svg)$`)
)

// corpusLog parses a real log of the developers' corpus; its routes are made by a crude rule, about as many as real ones.
func corpusLog(b *testing.B, name string) []*event.Event {
	dir := os.Getenv("GATEWATCH_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "corpus")
	}
	file, err := logfile.Open(filepath.Join(dir, "logs", name), nil)
	if err != nil {
		b.Skipf("no corpus: %v", err)
	}
	defer func() { _ = file.Close() }()
	parser, err := parsers.New(parsers.ParseSpec("combined"), parsers.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var list []*event.Event
	for {
		line, err := file.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			b.Fatal(err)
		}
		e := new(event.Event)
		e.Reset()
		if parser.Parse(line.Text, e) != nil {
			continue
		}
		e.Source, e.Generation, e.Position, e.Service = "/var/log/apache2/access.log", 81234567, line.Offset, "default"
		e.Wire = event.Wire{}
		e.Route = bareNumber.ReplaceAllString(staticFile.ReplaceAllString(e.Path, "/{file}.$1"), "/{id}")
		list = append(list, e)
	}
}

// cpu is the CPU time of this process, which the engine's is no part of.
func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// engineCPU is the CPU time of the engine's process, 0 when the tests were given a server.
func engineCPU(b *testing.B) time.Duration {
	if shared.supervisor == nil {
		return 0
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", shared.supervisor.PID()))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest) // from the third field on, the state; utime is the 14th, stime the 15th
	user, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	if err := errors.Join(err1, err2); err != nil {
		b.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// BenchmarkInsertEvents reports what an event costs: client and engine CPU, and bytes on disk in the events table with
// its indexes and its projection, once merged.
func BenchmarkInsertEvents(b *testing.B) {
	f := func(name string, load func(b *testing.B) []*event.Event) {
		b.Run(name, func(b *testing.B) {
			events := load(b)
			s := openTestStore(b)
			stampAt, rows := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), 0
			client, engine := cpu(b), engineCPU(b)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.conn.Exec(b.Context(), "TRUNCATE TABLE events"); err != nil {
					b.Fatal(err)
				}
				for from := 0; from < len(events); from += benchBlock {
					block := events[from:min(from+benchBlock, len(events))]
					stampAt = stampAt.Add(734_518 * time.Microsecond)
					stamp(block, stampAt)
					if err := s.InsertEvents(b.Context(), stampAt.String(), block); err != nil {
						b.Fatal(err)
					}
					rows += len(block)
				}
			}
			b.ReportMetric(float64((cpu(b)-client).Nanoseconds())/float64(rows), "client-cpu-ns/event")
			b.ReportMetric(float64((engineCPU(b)-engine).Nanoseconds())/float64(rows), "engine-cpu-ns/event")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/event")
			b.ReportMetric(bytesPerEvent(b, s), "bytes/event")
		})
	}
	f("api-ms", func(*testing.B) []*event.Event { return apiTraffic(200_000, time.Millisecond) })
	f("api-us", func(*testing.B) []*event.Event { return apiTraffic(200_000, time.Microsecond) })
	for _, name := range []string{"access3", "srhegdegadikai"} {
		f(name, func(b *testing.B) []*event.Event { return corpusLog(b, name+".log.gz") })
	}
}

func bytesPerEvent(b *testing.B, s *Store) float64 {
	if err := s.conn.Exec(b.Context(), "OPTIMIZE TABLE events FINAL"); err != nil {
		b.Fatal(err)
	}
	var bytes float64
	row := s.conn.QueryRow(b.Context(), `SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts
WHERE active AND database = currentDatabase() AND table = 'events'`)
	if err := row.Scan(&bytes); err != nil {
		b.Fatal(err)
	}
	return bytes
}

func BenchmarkReadEvents(b *testing.B) {
	s := openTestStore(b)
	events := apiTraffic(100_000, time.Millisecond)
	for i := 0; i < len(events); i += benchBlock {
		stamp(events[i:i+benchBlock], time.Date(2026, 5, 1, 0, 0, i, 0, time.UTC))
		if err := s.InsertEvents(b.Context(), strconv.Itoa(i), events[i:i+benchBlock]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		if err := s.ReadEvents(b.Context(), Query{}, func(*event.Event) error { rows++; return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/event")
}

func BenchmarkMeasure(b *testing.B) {
	s := openTestStore(b)
	events := apiTraffic(100_000, time.Millisecond)
	for i := 0; i < len(events); i += benchBlock {
		stamp(events[i:i+benchBlock], time.Date(2026, 5, 1, 0, 0, i, 0, time.UTC))
		if err := s.InsertEvents(b.Context(), strconv.Itoa(i), events[i:i+benchBlock]); err != nil {
			b.Fatal(err)
		}
	}
	m := detect.Measure{
		Aggregate: detect.AggregateCount, From: events[0].Time, To: events[0].Time.Add(10 * time.Minute),
		Where: []detect.Condition{{Field: "client_ip", Op: detect.OpEqual, Value: events[500].ClientIP.String()}},
	}
	for b.Loop() {
		if _, err := s.Measure(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}
