package app

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/trafficgen"
)

// shuffledLogs writes days of the generated shop's traffic as the logs of two gateways, the first rotated in three, with
// lines that step back by up to twenty minutes.
func shuffledLogs(t testing.TB, dir string) (paths []string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	for gateway, format := range []trafficgen.Append{trafficgen.AppendCombined, trafficgen.AppendJSON} {
		type line struct {
			at   time.Time
			text []byte
		}
		var lines []line
		g := trafficgen.New(trafficgen.Config{Seed: uint64(gateway + 1), Duration: 2 * 24 * time.Hour, Rate: 0.04, Users: 60})
		for r, ok := g.Next(); ok; r, ok = g.Next() {
			late := time.Duration(rng.Int64N(int64(20 * time.Minute)))
			lines = append(lines, line{r.Time.Add(late), append(format(nil, &r), '\n')})
		}
		slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
		const rotations = 3
		for n := range rotations {
			path := filepath.Join(dir, fmt.Sprintf("gateway%d.log.%d", gateway, n))
			var text []byte
			for _, l := range lines[n*len(lines)/rotations : (n+1)*len(lines)/rotations] {
				text = append(text, l.text...)
			}
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
	}
	return paths
}

// TestAnalyzeIsRepeatable holds that the same logs give the same incidents, ids and all, whatever the size of the stored
// blocks and the order in which the files are named. Only the cut of a measure is the stamp of a block.
func TestAnalyzeIsRepeatable(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	paths := shuffledLogs(t, t.TempDir())
	var want []string
	for _, run := range []struct {
		name  string
		block int
		order func([]string)
	}{
		{"as given", 0, func([]string) {}},
		{"blocks of 1000", 1000, func([]string) {}},
		{"blocks of 7777, files backwards", 7777, slices.Reverse[[]string]},
	} {
		named := slices.Clone(paths)
		run.order(named)
		report, err := Analyze(context.Background(), AnalyzeOptions{
			Paths: named, BlockSize: run.block, TempDir: t.TempDir(), engineCommand: testEngine(),
		})
		if err != nil {
			t.Fatalf("%s: %v", run.name, err)
		}
		var got bytes.Buffer
		if err := report.WriteJSON(&got); err != nil {
			t.Fatal(err)
		}
		lines := incidentLines(got.Bytes())
		if want == nil {
			want = lines
			t.Logf("%d events, %d models, %d incidents", report.Events, report.Models, len(report.Incidents))
			if len(report.Incidents) < 5 || report.Models == 0 {
				t.Errorf("%d incidents with %d models: too few to say anything", len(report.Incidents), report.Models)
			}
			continue
		}
		if d := gocmp.Diff(want, lines); d != "" {
			t.Errorf("%s (-want +got):\n%s", run.name, d)
		}
	}
}

var cutStamp = regexp.MustCompile(`"cut":"[^"]*"`)

func incidentLines(b []byte) []string {
	var lines []string
	for line := range bytes.Lines(b) {
		lines = append(lines, string(cutStamp.ReplaceAll(line, []byte(`"cut":""`))))
	}
	return lines
}
