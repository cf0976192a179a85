package ingest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/parsers"
)

func fullEvent() event.Event {
	return event.Event{
		Time: time.Date(2026, 3, 1, 12, 0, 0, 123e6, time.UTC), Source: "edge:/var/log/a.log", Generation: 7, Position: 1 << 60,
		Service: "shop", Format: "nginx_combined", ClientIP: netip.MustParseAddr("2001:db8::1"), User: "alice", Session: "s1",
		AuthScheme: "jwt", Method: "GET", Scheme: "https", Host: "shop.example.com", Path: "/a \"b\"\\\t\x01é", Query: "q=1",
		Protocol: "HTTP/2.0", RequestLine: "junk", Route: "/a/{id}", ObjectIDs: []string{"1", "zwei"}, Status: 404, BytesIn: 0,
		BytesOut: 1 << 40, DurationMS: 0.5, UpstreamMS: 12, Referer: "https://example.com/", UserAgent: "curl/8", UAFamily: "curl",
		IsBot: true, TLSVersion: "TLSv1.3", RequestID: "r", Upstream: "203.0.113.9:80", GatewayAction: event.ActionWAFAlert, Country: "DE", City: "Köln", Lat: 50.9,
		Lon: -6.9, ASN: 4294967295, ASOrg: "Example AS",
	}
}

func TestWireRoundTrip(t *testing.T) {
	bare := event.Event{Time: testTime, Path: "/", BytesIn: event.Absent, BytesOut: event.Absent, DurationMS: event.Absent, UpstreamMS: event.Absent}
	sent := &Batch{Source: "edge:/var/log/a.log", Events: []event.Event{bare, fullEvent()}, Failures: []Failure{{Position: 9, Line: "<x>", Error: "no"}}}
	got, err := DecodeEvents(bytes.NewReader(sent.AppendWire(nil)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := fullEvent()
	want.Source, want.Generation = "", 0 // of the batch
	opts := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if d := cmp.Diff([]event.Event{bare, want}, got.Events, opts); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(sent.Failures, got.Failures); d != "" || got.Failed != 1 {
		t.Errorf("failures: %s, %d failed", d, got.Failed)
	}
}

func TestDecodeEventsCountsBadLines(t *testing.T) {
	const head = `{"time":"2026-03-01T12:00:00Z","path":"/"`
	for name, line := range map[string]string{
		"not JSON":            `GET / HTTP/1.1`,
		"cut":                 head,
		"no time":             `{"path":"/"}`,
		"null time":           `{"path":"/","time":null}`,
		"bad time":            `{"time":"yesterday","path":"/"}`,
		"no request":          `{"time":"2026-03-01T12:00:00Z"}`,
		"bad address":         head + `,"client_ip":"300.1.1.1"}`,
		"number for a string": head + `,"user":5}`,
		"string for a number": head + `,"status":"ok"}`,
		"status out of range": head + `,"status":700000}`,
		"negative status":     head + `,"status":-1}`,
		"fraction of a byte":  head + `,"bytes_out":1.5}`,
		"bad escape":          head + `,"user":"\x"}`,
		"bad unicode escape":  head + `,"user":"\u00g0"}`,
		"rest":                head + `} trailing`,
		"two objects":         head + `}{}`,
		"too deep":            head + `,"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
		"missing value":       head + `,"status":}`,
		"missing colon":       head + `,"status" 1}`,
		"long":                head + `,"user":"` + strings.Repeat("x", 2000) + `"}`,
	} {
		b, err := DecodeEvents(strings.NewReader(line+"\n"+head+"}\n"), Limits{MaxLine: 1000})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b.Failed != 1 || len(b.Failures) != 1 || len(b.Events) != 1 || b.Lines != 2 {
			t.Errorf("%s: %d failed, %d events, %d lines: want 1, 1, 2", name, b.Failed, len(b.Events), b.Lines)
			continue
		}
		if f := b.Failures[0]; f.LineNumber != 1 || f.Error == "" || f.Line != "" {
			t.Errorf("%s: failure %+v", name, f)
		}
	}
}

func TestDecodeEventsIsLenient(t *testing.T) {
	body := " {\"time\" : \"2026-03-01T13:00:00+01:00\", \"path\":\"\\u00e9\\ud83d\\ude00\\/\", \"status\":\"200\", \"signatures\":[\"x\"], \"attack_score\":1,\r\n" +
		"\n{}\n"
	body = strings.Replace(body, ",\r\n", ",\"new\":{\"a\":[1,{\"b\":null}]},\"user\":null,\"client_ip\":\"::ffff:203.0.113.7\"}\r\n", 1)
	b, err := DecodeEvents(strings.NewReader(body), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Events) != 1 || b.Skipped != 1 || b.Failed != 1 {
		t.Fatalf("%d events, %d skipped, %d failed: %+v", len(b.Events), b.Skipped, b.Failed, b.Failures)
	}
	ev := b.Events[0]
	if !ev.Time.Equal(testTime) || ev.Path != "é😀/" || ev.Status != 200 || ev.ClientIP != netip.MustParseAddr("203.0.113.7") {
		t.Errorf("event %+v", ev)
	}
	if ev.Signatures != nil || ev.AttackScore != 0 {
		t.Error("a client may not say which rules matched")
	}
}

func TestBodyLimits(t *testing.T) {
	line := `{"time":"2026-03-01T12:00:00Z","path":"/"}` + "\n"
	for name, l := range map[string]Limits{"bytes": {MaxBytes: 60}, "events": {MaxEvents: 1}} {
		if _, err := DecodeEvents(strings.NewReader(line+line), l); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type upperParser struct{}

func (upperParser) Parse(line string, ev *event.Event) error {
	switch {
	case line == "":
		return parsers.ErrNoRequest
	case strings.HasPrefix(line, "bad"):
		return errors.New("it is bad")
	}
	ev.Time, ev.Path = testTime, line
	return nil
}

type hider struct{}

func (hider) Normalize(ev *event.Event) { ev.Query = "normalised" }
func (hider) RedactLine(string) string  { return strings.Repeat("é", 300) }

func TestReadRaw(t *testing.T) {
	body := "/a\r\n\nbad token=1\n" + strings.Repeat("x", 200) + "\n/b"
	b, err := ReadRaw(strings.NewReader(body), RawOptions{
		Parser: upperParser{}, Normalizer: hider{}, Service: "shop", Source: "push", Limits: Limits{MaxLine: 100},
	})
	if err != nil {
		t.Fatal(err)
	}
	if b.Lines != 5 || b.Failed != 2 || b.Skipped != 1 || len(b.Events) != 2 {
		t.Fatalf("batch %+v", b)
	}
	if ev := b.Events[1]; ev.Path != "/b" || ev.Service != "shop" || ev.Query != "normalised" || ev.Source != "push" {
		t.Errorf("event %+v", ev)
	}
	if f := b.Failures[0]; f.LineNumber != 3 || len(f.Line) > MaxFailureLine || strings.Contains(f.Line, "token") {
		t.Errorf("failure %+v", f)
	}
}

func TestHeadersRoundTrip(t *testing.T) {
	for _, b := range []*Batch{
		{Source: "edge", Generation: 5, From: 0, To: 9, Lines: 4, Failed: 1, Skipped: 2, Lag: 3, Format: "f", Confidence: 0.5},
		{Source: "edge", Key: "k", Lines: 1},
	} {
		h := http.Header{}
		b.SetHeader(h)
		got := &Batch{}
		if err := got.ReadHeader(h); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(b, got); d != "" {
			t.Error(d)
		}
	}
	for name, h := range map[string]map[string]string{
		"source":     {HeaderSource: "a\nb"},
		"number":     {HeaderFrom: "-1"},
		"range":      {HeaderFrom: "5", HeaderTo: "4", HeaderGeneration: "1"},
		"generation": {HeaderFrom: "0", HeaderTo: "4"},
		"push bit":   {HeaderTo: "4", HeaderGeneration: "18446744073709551615"},
		"alone":      {HeaderGeneration: "4"},
		"confidence": {HeaderConfidence: "NaN"},
	} {
		hd := http.Header{}
		for k, v := range h {
			hd.Set(k, v)
		}
		if err := new(Batch).ReadHeader(hd); !errors.Is(err, ErrRejected) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecompress(t *testing.T) {
	zeros := make([]byte, 1<<20)
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, _ = w.Write(zeros)
	_ = w.Close()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	zs := enc.EncodeAll(zeros, nil)
	_ = enc.Close()
	for encoding, body := range map[string][]byte{"gzip": gz.Bytes(), "zstd": zs, "": zeros, "Identity": zeros} {
		for limit, wantErr := range map[int64]error{1 << 20: nil, 1<<20 - 1: ErrTooLarge} {
			r, err := Decompress(encoding, bytes.NewReader(body), limit)
			if err != nil {
				t.Fatal(err)
			}
			out, err := io.ReadAll(r)
			if !errors.Is(err, wantErr) || (wantErr == nil && len(out) != len(zeros)) {
				t.Errorf("%q, limit %d: %d bytes, %v", encoding, limit, len(out), err)
			}
			_ = r.Close()
		}
		if encoding == "gzip" || encoding == "zstd" {
			r, err := Decompress(encoding, bytes.NewReader(body[:len(body)/2]), 1<<30)
			if err == nil {
				_, err = io.ReadAll(r)
				_ = r.Close()
			}
			if err == nil {
				t.Errorf("%s: half a body is no error", encoding)
			}
		}
	}
	for _, encoding := range []string{"br", "gzip, zstd"} {
		if _, err := Decompress(encoding, bytes.NewReader(nil), 1); !errors.Is(err, ErrRejected) {
			t.Errorf("%q: %v", encoding, err)
		}
	}
}

func FuzzDecodeEvents(f *testing.F) {
	full := fullEvent()
	f.Add(full.AppendJSON(nil))
	f.Add([]byte(`{"error":"x","line_number":3}`))
	f.Add([]byte(`{"time":"2026-03-01T12:00:00Z","path":"\ud800","x":[[{}],1e9]}` + "\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		b, err := DecodeEvents(bytes.NewReader(body), Limits{MaxBytes: 1 << 16, MaxEvents: 100, MaxLine: 1 << 12})
		if err != nil {
			return
		}
		if n := uint64(len(b.Events)) + b.Failed + b.Skipped; n != b.Lines {
			t.Fatalf("%d lines, but %d accounted for", b.Lines, n)
		}
		again, err := DecodeEvents(bytes.NewReader(b.AppendWire(nil)), Limits{})
		if err != nil || len(again.Events) != len(b.Events) {
			t.Fatalf("what was decoded does not decode again: %v, %d of %d events", err, len(again.Events), len(b.Events))
		}
	})
}

func BenchmarkDecodeEvents(b *testing.B) {
	ev := event.Event{
		Time: testTime, Source: "edge:/var/log/nginx/access.log", Generation: 1 << 60, Position: 123456, Format: "nginx_combined",
		ClientIP: netip.MustParseAddr("203.0.113.9"), Method: "GET", Path: "/orders/123/items", Query: "page=2", Protocol: "HTTP/1.1",
		Status: 200, BytesIn: -1, BytesOut: 5123, DurationMS: 12.5, UpstreamMS: -1, Referer: "https://shop.example.com/orders",
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	}
	const n = 10_000
	var body []byte
	for range n {
		body = append(ev.AppendJSON(body), '\n')
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		batch, err := DecodeEvents(bytes.NewReader(body), Limits{})
		if err != nil || len(batch.Events) != n {
			b.Fatal(err, len(batch.Events))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
}
