package tail

import (
	"bytes"
	"testing"
)

// FuzzSplit: however the bytes of a file come in pieces, the same lines come out at the same places.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("a\r\nbb\n\n\x00\x00ccc\nlooooooooooooong\nd"), uint8(3))
	f.Add([]byte("looooooooooooooooooooooooooooong\nx\n"), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		const maxLine = 8
		type found struct {
			at   int
			text string
		}
		collect := func(list *[]found, off int) func(int, []byte, bool) {
			return func(at int, text []byte, cut bool) {
				if len(text) > maxLine || cut != (len(text) == maxLine && cut) {
					t.Fatalf("line of %d bytes, cut %v", len(text), cut)
				}
				*list = append(*list, found{off + at, string(text)})
			}
		}
		var whole []found
		used, skipping := splitter{maxLine: maxLine}.split(data, false, true, collect(&whole, 0))
		if used != len(data) || skipping {
			t.Fatalf("used %d of %d, skipping %v", used, len(data), skipping)
		}
		// The same through a window, a few lines at a time.
		window := 2*maxLine + 2 + int(step)
		var pieces []found
		for off := 0; off < len(data); {
			end := min(off+window, len(data))
			used, skip := splitter{maxLine: maxLine, maxLines: 1 + int(step)%3}.split(data[off:end], skipping, end == len(data),
				collect(&pieces, off))
			if used == 0 {
				t.Fatalf("no progress at %d", off)
			}
			off, skipping = off+used, skip
		}
		if len(whole) != len(pieces) {
			t.Fatalf("%d lines whole, %d in pieces of %d: %q", len(whole), len(pieces), window, data)
		}
		for i := range whole {
			if whole[i] != pieces[i] {
				t.Fatalf("line %d: %v whole, %v in pieces", i, whole[i], pieces[i])
			}
		}
	})
}

func TestNaturalHead(t *testing.T) {
	for _, c := range []struct {
		head  string
		final bool
		want  int
	}{
		{"", false, 0},
		{"half", false, 0},
		{"half", true, 4},
		{"one\n", false, 4},
		{"one\ntwo\n", false, 4},
		{"#Version: 1.0\n", false, 0},
		{"#Version: 1.0\n\none\ntwo\n", false, 19},
		{string(bytes.Repeat([]byte("x"), headSize)), false, headSize},
	} {
		if got := naturalHead([]byte(c.head), c.final); got != c.want {
			t.Errorf("%.20q, final %v: %d, want %d", c.head, c.final, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	for path, want := range map[string]string{
		"/l/access.log":                  "/l/access.log",
		"/l/access.log.1":                "/l/access.log",
		"/l/access.log.12.gz":            "/l/access.log",
		"/l/access.log-20260102":         "/l/access.log",
		"/l/access.log-20260102.zst":     "/l/access.log",
		"/l/access.log.2026-01-02":       "/l/access.log",
		"/l/access.log-20260102-1530.gz": "/l/access.log",
		"/l/access.log-1767312000":       "/l/access.log",
		"/l/access_log.3":                "/l/access_log",
		"/l/access.log.old":              "/l/access.log",
		"/l/service.1":                   "/l/service.1",
		"/l/service-20260102":            "/l/service-20260102",
		"/l/access-2.log":                "/l/access-2.log",
		"/l/v1.2":                        "/l/v1.2",
	} {
		if got := basePath(path); got != want {
			t.Errorf("%s belongs to %s: want %s", path, got, want)
		}
	}
	for path, want := range map[string]string{
		"/l/access.log":            "n:/l/access.log",
		"/l/access-2026-01-02.log": "n:/l/access-*.log",
		"/2026-01-02/access.log":   "n:/2026-01-02/access.log",
	} {
		if got := sourceName("n", path); got != want {
			t.Errorf("%s is source %s: want %s", path, got, want)
		}
	}
}
