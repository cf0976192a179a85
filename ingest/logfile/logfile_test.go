package logfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func readAll(t *testing.T, src io.Reader) (lines []Line, err error) {
	t.Helper()
	r, err := NewReader(src)
	if err != nil {
		return nil, err
	}
	for {
		line, err := r.Next()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return lines, r.Close()
		}
		if err != nil {
			return lines, err
		}
		lines = append(lines, line)
	}
}

func TestNext(t *testing.T) {
	long := strings.Repeat("x", MaxLine+700_000)
	for _, tc := range []struct {
		name, in string
		want     []Line
	}{
		{"empty", "", nil},
		{"last line without an end", "a\nbc", []Line{{"a", 0, 1, false}, {"bc", 2, 2, false}}},
		{"CRLF and empty lines", "a\r\n\r\n\nb\n", []Line{{"a", 0, 1, false}, {"", 3, 2, false}, {"", 5, 3, false}, {"b", 6, 4, false}}},
		{"an overlong line is cut and its neighbours keep their offsets", "a\n" + long + "\nb\n", []Line{
			{"a", 0, 1, false},
			{long[:MaxLine], 2, 2, true},
			{"b", uint64(len(long)) + 3, 3, false},
		}},
		{"an overlong last line", long, []Line{{long[:MaxLine], 0, 1, true}}},
		{"junk", "\x00\xff\n\x1b\n", []Line{{"\x00\xff", 0, 1, false}, {"\x1b", 3, 2, false}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, wrap := range map[string]func(io.Reader) io.Reader{
				"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
			} {
				got, err := readAll(t, wrap(strings.NewReader(tc.in)))
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if d := cmp.Diff(tc.want, got); d != "" {
					t.Errorf("%s (-want +got):\n%.500s", name, d)
				}
			}
		})
	}
}

func compressed(t *testing.T, text string) (gz, zst []byte) {
	t.Helper()
	var g, z bytes.Buffer
	gw := gzip.NewWriter(&g)
	zw, err := zstd.NewWriter(&z)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{gw, zw} {
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return g.Bytes(), z.Bytes()
}

func TestCompressedIsRecognisedByContent(t *testing.T) {
	gz, zst := compressed(t, "one\ntwo\n")
	want := []Line{{"one", 0, 1, false}, {"two", 4, 2, false}}
	for name, data := range map[string][]byte{"gzip": gz, "zstd": zst} {
		path := filepath.Join(t.TempDir(), "access.log")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []Line
		for line, err := r.Next(); err == nil; line, err = r.Next() {
			got = append(got, line)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if r.BytesRead() != int64(len(data)) || r.Size() != int64(len(data)) {
			t.Errorf("%s: read %d of %d, want all %d", name, r.BytesRead(), r.Size(), len(data))
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestATruncatedArchiveGivesItsLinesAndThenAnError(t *testing.T) {
	text := strings.Repeat("a line of a log that was cut while it was copied\n", 5000)
	gz, _ := compressed(t, text)
	lines, err := readAll(t, bytes.NewReader(gz[:len(gz)/2]))
	if err == nil || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want an unexpected end", err)
	}
	if len(lines) < 100 {
		t.Errorf("only %d lines came before the error", len(lines))
	}
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir, nil); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("a directory: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "absent.log"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
	for _, text := range []string{"\xff\xfe1\x000\x00", "\xfe\xff\x001\x000"} {
		if _, err := NewReader(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "iconv -f UTF-16") {
			t.Errorf("UTF-16: %v", err)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	text := strings.Repeat(`203.0.113.7 - - [01/Mar/2026:12:00:00 +0000] "GET /orders/42 HTTP/1.1" 200 512 "-" "curl/8.5.0"`+"\n", 10000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r, err := NewReader(strings.NewReader(text))
		if err != nil {
			b.Fatal(err)
		}
		for _, err := r.Next(); err == nil; _, err = r.Next() {
		}
	}
}
