package enrich

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"go.uber.org/goleak"

	"github.com/gatewatch/gatewatch/event"
)

// writeDB writes a database with the same record for a few networks.
func writeDB(t testing.TB, file, kind string, record mmdbtype.Map) string {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: kind, RecordSize: 24, IncludeReservedNetworks: true, Description: map[string]string{"en": "for a test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"203.0.113.0/24", "8.8.0.0/16", "2001:db8::/32"} {
		_, ipnet, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Insert(ipnet, record); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), file)
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func cityRecord(country, city string) mmdbtype.Map {
	return mmdbtype.Map{
		"country":  mmdbtype.Map{"iso_code": mmdbtype.String(country)},
		"city":     mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(city)}},
		"location": mmdbtype.Map{"latitude": mmdbtype.Float64(47.5), "longitude": mmdbtype.Float64(8.5)},
	}
}

func asnRecord() mmdbtype.Map {
	return mmdbtype.Map{
		"autonomous_system_number":       mmdbtype.Uint32(64500),
		"autonomous_system_organization": mmdbtype.String("Example Net"),
	}
}

func TestGeoCombinesFiles(t *testing.T) {
	g, err := OpenGeo([]string{
		writeDB(t, "country.mmdb", "country ipvAll", mmdbtype.Map{"country_code": mmdbtype.String("ch")}),
		writeDB(t, "city.mmdb", "GeoLite2-City", cityRecord("DE", "Bern")),
		writeDB(t, "asn.mmdb", "GeoLite2-ASN", asnRecord()),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Place{Country: "CH", City: "Bern", Lat: 47.5, Lon: 8.5, ASN: 64500, ASOrg: "Example Net"}
	for _, a := range []string{"203.0.113.9", "203.0.113.9", "2001:db8::7"} {
		if got, ok := g.Lookup(addr(a)); !ok || got != want {
			t.Errorf("%s: %+v %v, want %+v", a, got, ok, want)
		}
	}
	for _, a := range []string{"192.0.2.1", "10.0.0.1", "::1"} {
		if got, ok := g.Lookup(addr(a)); ok {
			t.Errorf("%s: %+v, want nothing", a, got)
		}
	}
	if _, ok := g.Lookup(netip.Addr{}); ok {
		t.Error("no address has a place")
	}
	ev := event.Event{ClientIP: addr("203.0.113.9")}
	e := NewEnricher(Options{Geo: g})
	e.Enrich(&ev)
	if ev.Country != "CH" || ev.City != "Bern" || ev.ASN != 64500 || ev.Lat != 47.5 {
		t.Errorf("event %s", ev.AppendJSON(nil))
	}
	if has := e.Available(); !has["country"] || !has["asn"] || !has["lat"] || has["route"] {
		t.Errorf("available: %v", has)
	}
}

func TestGeoLayouts(t *testing.T) {
	for _, c := range []struct {
		kind   string
		record mmdbtype.Map
		want   Place
	}{
		{"GeoLite2-Country", mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String("FR")}}, Place{Country: "FR"}},
		{"DBIP-City-Lite", cityRecord("FR", "Lyon"), Place{Country: "FR", City: "Lyon", Lat: 47.5, Lon: 8.5}},
		{"GeoIP2-ISP", asnRecord(), Place{ASN: 64500, ASOrg: "Example Net"}},
		{"city ipv4", mmdbtype.Map{
			"country_code": mmdbtype.String("FR"), "city": mmdbtype.String("Lyon"),
			"latitude": mmdbtype.Float32(45.75), "longitude": mmdbtype.Float32(4.75),
		}, Place{Country: "FR", City: "Lyon", Lat: 45.75, Lon: 4.75}},
		{"asn ipv4", asnRecord(), Place{ASN: 64500, ASOrg: "Example Net"}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			g, err := OpenGeo([]string{writeDB(t, "x.mmdb", c.kind, c.record)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := g.Lookup(addr("203.0.113.9")); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestBadDatabaseIsAClearError(t *testing.T) {
	good, err := os.ReadFile(writeDB(t, "good.mmdb", "country ipvAll", mmdbtype.Map{"country_code": mmdbtype.String("CH")}))
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Clone(good)
	for i := 20; i < 200; i++ {
		broken[i] = 0x7f
	}
	for name, content := range map[string][]byte{
		"empty": {}, "text": []byte("this is no database"), "truncated": good[:len(good)/2], "tree": broken,
	} {
		path := filepath.Join(t.TempDir(), name+".mmdb")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenGeo([]string{path}, nil); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want one that names the file", name, err)
		}
	}
	other := writeDB(t, "other.mmdb", "Acme-Numbers", mmdbtype.Map{"number": mmdbtype.Uint32(7)})
	if _, err := OpenGeo([]string{other, "/absent.mmdb"}, nil); err == nil || !strings.Contains(err.Error(), "absent") || !strings.Contains(err.Error(), "Acme") {
		t.Errorf("error %v, want one that names both files", err)
	}
}

func TestGeoReloadsWhatChanged(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := writeDB(t, "a.mmdb", "country ipvAll", mmdbtype.Map{"country_code": mmdbtype.String("CH")})
	g, err := OpenGeo([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	next := writeDB(t, "b.mmdb", "country ipvAll", mmdbtype.Map{"country_code": mmdbtype.String("AT")})
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		p, _ := g.Lookup(addr("203.0.113.9"))
		return p.Country == "AT"
	}, "the new file's country")

	if err := os.WriteFile(path, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return g.Faults() > 0 }, "a counted fault")
	if p, _ := g.Lookup(addr("203.0.113.9")); p.Country != "AT" {
		t.Errorf("after a broken file: %q, want the former answer", p.Country)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// waitFor gives what happens outside this process a bounded time to happen.
func waitFor(t *testing.T, ok func() bool, what string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s did not come", what)
}
