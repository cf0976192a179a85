package baseline

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScoreCSV(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"header", "timestamp,value\n2026-03-02 00:00:00,1\n2026-03-02 00:05:00,2\n", "timestamp,value,anomaly_score\n2026-03-02 00:00:00,1,0.000000\n2026-03-02 00:05:00,2,0.000000\n"},
		{"other columns pass through", "label,value,timestamp\n\"a,b\",1,1772409600\n", "label,value,timestamp,anomaly_score\n\"a,b\",1,1772409600,0.000000\n"},
		{"no header", "2026-03-02T00:00:00Z,1\n", "2026-03-02T00:00:00Z,1,0.000000\n"},
		{"missing values", "timestamp,value\n1772409600,\nsoon,NaN\n", "timestamp,value,anomaly_score\n1772409600,,0.000000\nsoon,NaN,0.000000\n"},
		{"two columns, another name", "time,requests\n1772409600,1\n", "time,requests,anomaly_score\n1772409600,1,0.000000\n"},
		{"the time last", "requests,ts\n5,1772409600\n", "requests,ts,anomaly_score\n5,1772409600,0.000000\n"},
		{"upper case, a byte order mark, spaces", "\ufeffTimestamp ,VALUE\n1772409600 ,1 \n", "\ufeffTimestamp ,VALUE,anomaly_score\n1772409600 ,1 ,0.000000\n"},
		{"line ends of Windows", "timestamp,value\r\n1772409600,1\r\n", "timestamp,value,anomaly_score\n1772409600,1,0.000000\n"},
		{"semicolons and decimal commas", "timestamp;value\n2026-03-02;3,14\n", "timestamp;value;anomaly_score\n2026-03-02;3,14;0.000000\n"},
		{"semicolons without a header", "2026-03-02;3,14\n", "2026-03-02;3,14;0.000000\n"},
		{"tabs", "timestamp\tvalue\n1772409600\t1\n", "timestamp\tvalue\tanomaly_score\n1772409600\t1\t0.000000\n"},
		{"a short row", "timestamp,value\n2026-03-02 00:00:00\n", "timestamp,value,anomaly_score\n2026-03-02 00:00:00,,0.000000\n"},
		{"no value in the first row, and no header", "1772409600,\n1772409900,1\n", "1772409600,,0.000000\n1772409900,1,0.000000\n"},
		{"too large", "timestamp,value\n1772409600,1e999\n1772409900,-Inf\n", "timestamp,value,anomaly_score\n1772409600,1e999,0.000000\n1772409900,-Inf,0.000000\n"},
		{"nothing", "", ""},
		{"only a header", "timestamp,value\n", "timestamp,value,anomaly_score\n"},
	} {
		var out bytes.Buffer
		if _, err := ScoreCSV(strings.NewReader(c.in), &out); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if d := cmp.Diff(c.want, out.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
	for _, c := range []struct{ name, in, want string }{
		{"a header without a value", "timestamp,count,other\n2026-03-02 00:00:00,1,2\n", "want the columns timestamp and value"},
		{"a long row", "timestamp,value\n2026-03-02 00:00:00,1\n2026-03-02 00:05:00,1,000\n", "line 3 has 3 cells"},
		{"an open quote", "timestamp,value\n1772409600,1\n\"2026,1\n", "line 3"},
		{"a quote in the middle", "timestamp,value\n17724\"09600,1\n", "line 2"},
		{"no numbers", "timestamp,value\n1772409600,up\n1772409900,down\n", "no row has a number"},
		{"one column", "value\n1\n2\n", "want the columns timestamp and value"},
	} {
		if _, err := ScoreCSV(strings.NewReader(c.in), &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", c.name, err, c.want)
		}
	}
}

func TestScoreCSVKeepsWhatCameBeforeAFault(t *testing.T) {
	var out bytes.Buffer
	_, err := ScoreCSV(strings.NewReader("timestamp,value\n1772409600,1\n1772409900,1,1\n"), &out)
	if want := "timestamp,value,anomaly_score\n1772409600,1,0.000000\n"; err == nil || out.String() != want {
		t.Errorf("%v and %q, want an error and %q", err, out.String(), want)
	}
}

func TestScoreCSVReports(t *testing.T) {
	in := "timestamp,value\n1772409600,1\n1772409600,\n1772409300,bad\nnoon,3\nlater,worse\n"
	got, err := ScoreCSV(strings.NewReader(in), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	want := ScoreReport{
		Rows: 5, Missing: 1, NotANum: 2, Untimed: 2, Earlier: 1, Repeated: 1,
		Sample: []string{`line 4: value "bad"`, `line 5: timestamp "noon"`},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestTimestamps(t *testing.T) {
	want := time.Date(2026, 3, 2, 1, 2, 3, 0, time.UTC)
	for _, s := range []string{
		"2026-03-02 01:02:03", "2026-03-02T01:02:03Z", "2026-03-02T02:02:03+01:00", " 2026-03-02 01:02:03.000 ",
		fmt.Sprint(want.Unix()), fmt.Sprint(want.UnixMilli()), fmt.Sprint(want.UnixMicro()), fmt.Sprint(want.UnixNano()),
		fmt.Sprintf("%d.0", want.Unix()), fmt.Sprintf("%d.000", want.UnixMilli()),
		"2026-03-02T01:02:03", "2026-03-02T01:02:03.000+0000", "2026-03-02 01:02:03+00:00", "2026-03-02 01:02:03 +0000 UTC",
		"2026-03-02 02:02:03 +0100", "2026/03/02 01:02:03", "20260302T010203Z", "02/Mar/2026:01:02:03 +0000",
		"Mon, 02 Mar 2026 01:02:03 GMT", "02.03.2026 01:02:03",
	} {
		if got, ok := new(timestamps).parse(s); !ok || !got.Equal(want) {
			t.Errorf("%q: %v %v", s, got, ok)
		}
	}
}

func TestDaysAndNoTimestamps(t *testing.T) {
	want := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for _, s := range []string{"2026-03-02", "20260302", "2026/03/02", "2026-03-02T00:00", "2026-03-02 00:00"} {
		if got, ok := new(timestamps).parse(s); !ok || !got.Equal(want) {
			t.Errorf("%q: %v %v", s, got, ok)
		}
	}
	for _, s := range []string{"", " ", "noon", "2026-13-02", "03/02/2026", "NaN", "1e300"} {
		if got, ok := new(timestamps).parse(s); ok {
			t.Errorf("%q is taken for %v", s, got)
		}
	}
}

func FuzzScoreCSV(f *testing.F) {
	f.Add("timestamp,value\n2026-03-02 00:00:00,1\n")
	f.Add("1,2\n-9223372036854775808,1e308\n")
	f.Add("timestamp,value\n\"\n")
	f.Fuzz(func(t *testing.T, in string) {
		var out bytes.Buffer
		r, err := ScoreCSV(strings.NewReader(in), &out)
		if err == nil && strings.Count(out.String(), "\n") < r.Rows {
			t.Errorf("%d rows, wrote %q", r.Rows, out.String())
		}
	})
}
