package event

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"
	"unicode/utf8"
)

func TestAppendJSON(t *testing.T) {
	var empty Event
	empty.Reset()
	full := empty
	full.Time = time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.FixedZone("x", 3600))
	full.Source, full.Generation, full.Position = "shop", 1<<63, 42
	full.ClientIP = netip.MustParseAddr("2001:db8::1")
	full.Method, full.Path, full.Query = "GET", "/a\"b\\c", "q=\x01\n"
	full.Status, full.BytesOut, full.BytesIn, full.DurationMS = 200, 0, 7, 1.5
	full.IsBot = true
	full.Signatures = []string{"one", "two"}
	full.UserAgent = "bad\xffutf8 \u20ac"
	for _, tc := range []struct {
		name string
		in   Event
		want string
	}{
		{"absent values are absent keys", empty, `{}`},
		{"all kinds of values", full, `{"time":"2026-03-01T11:00:00.25Z","event_id":"` + full.ID() + `","source":"shop",` +
			`"generation":"9223372036854775808","position":"42","client_ip":"2001:db8::1","method":"GET","path":"/a\"b\\c",` +
			`"query":"q=\u0001\n","status":200,"bytes_in":7,"bytes_out":0,"duration_ms":1.5,"user_agent":"bad` + "\ufffd" +
			`utf8 €","is_bot":true,"signatures":["one","two"]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := string(tc.in.AppendJSON(nil)); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func FuzzAppendJSON(f *testing.F) {
	f.Add("a", "b")
	f.Add("\x00\xff\"\\", "\u2028")
	f.Fuzz(func(t *testing.T, path, agent string) {
		var e Event
		e.Reset()
		e.Path, e.UserAgent = path, agent
		b := e.AppendJSON(nil)
		var got struct {
			Path      string `json:"path"`
			UserAgent string `json:"user_agent"`
		}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if utf8.ValidString(path) && got.Path != path {
			t.Errorf("path %q came back as %q", path, got.Path)
		}
	})
}

func TestParseIDIsTheInverseOfID(t *testing.T) {
	p := Place{Source: "nginx:/var/log/nginx/access.log", Generation: 0xfeed, Position: 12345678901}
	hash, generation, position, err := ParseID(p.ID())
	if err != nil || hash != SourceHash(p.Source) || generation != p.Generation || position != p.Position {
		t.Errorf("ParseID(%q) = %x %x %d %v", p.ID(), hash, generation, position, err)
	}
	for _, bad := range []string{"", "a-b-c", "0123456789abcdef-1", "0123456789abcdef-x-1", "0123456789abcdef-1-x", "0123456789abcdeg-1-1"} {
		if _, _, _, err := ParseID(bad); err == nil {
			t.Errorf("ParseID(%q) accepted", bad)
		}
	}
}

func TestCompareOrdersByTimeSourceGenerationPosition(t *testing.T) {
	base := time.Unix(1000, 0)
	ordered := []Event{
		{Time: base, Source: "a", Generation: 1, Position: 9},
		{Time: base, Source: "a", Generation: 2, Position: 1},
		{Time: base, Source: "b", Generation: 1, Position: 1},
		{Time: base, Source: "b", Generation: 1, Position: 2},
		{Time: base.Add(time.Millisecond), Source: "a"},
	}
	for i := range ordered {
		for k := range ordered {
			got, want := Compare(&ordered[i], &ordered[k]), i-k
			if (got < 0) != (want < 0) || (got > 0) != (want > 0) {
				t.Errorf("Compare(%d, %d) = %d", i, k, got)
			}
		}
	}
}
