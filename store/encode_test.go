package store

import (
	"slices"
	"testing"
	"time"

	chproto "github.com/ClickHouse/ch-go/proto"
	chcolumn "github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What the native protocol sends: the driver's columns read the encoded events, write them, and give them back.
func TestDriverColumnsTakeTheEncoding(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := drawBlock(rt, time.Unix(1, 0).UTC(), 300)
		into := make([]chcolumn.Interface, len(columns))
		for i, c := range columns {
			var err error
			if into[i], err = chcolumn.Type(c.sqlType).Column(c.name, &chcolumn.ServerContext{Timezone: time.UTC}); err != nil {
				rt.Fatal(err)
			}
		}
		enc := newEncoder()
		if err := enc.fill(into, want); err != nil {
			rt.Fatal(err)
		}
		r, sent := newRow(), new(chproto.Buffer)
		for row := range want {
			for i, dest := range r.next() {
				if err := into[i].ScanRow(dest, row); err != nil {
					rt.Fatal(err)
				}
			}
			if diff := cmp.Diff(want[row], r.event(), compareEvents); diff != "" {
				rt.Fatal(diff)
			}
		}
		for i := range columns {
			given := enc.columns[i].append(nil)
			sent.Reset()
			into[i].Encode(sent)
			if !slices.Equal(sent.Buf, given) {
				rt.Fatalf("column %s: the driver sends %d bytes, not the %d that it was given", columns[i].name, len(sent.Buf), len(given))
			}
		}
		if err := enc.fill(into[1:], want); err == nil {
			rt.Fatal("a column is missing and nobody says so")
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	events := apiTraffic(benchBlock, time.Millisecond)
	stamp(events, time.Unix(1, 0))
	enc := newEncoder()
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		enc.block(events)
		enc.release()
	}
	b.SetBytes(int64(len(enc.out)))
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N*len(events)), "cpu-ns/event")
}
