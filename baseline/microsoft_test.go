package baseline

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// segments are the runs of labelled rows, first and last.
func segments(labels []bool) (out [][2]int) {
	for i, l := range labels {
		switch {
		case !l:
		case i > 0 && labels[i-1]:
			out[len(out)-1][1] = i
		default:
			out = append(out, [2]int{i, i})
		}
	}
	return out
}

// segmentScore counts which segments an alarm names, and which alarms are in a segment. An alarm is a run of scores from the
// threshold on; it names a segment when one of its rows is in it, or up to late rows after its begin (a monitor sees a change
// when it is there). Alarms in the first sixth are not counted: nothing is known there.
type segmentScore struct{ found, segments, right, alarms int }

func (s *segmentScore) add(scores []float64, labels []bool, threshold float64, late int) {
	begin := len(scores) / 6
	segs := segments(labels)
	in := func(i int) int {
		for k, g := range segs {
			if i >= g[0] && i <= max(g[1], min(g[0]+late, len(labels)-1)) {
				return k
			}
		}
		return -1
	}
	hit := map[int]bool{}
	for i := begin; i < len(scores); i++ {
		if scores[i] < threshold {
			continue
		}
		k := in(i)
		if k >= 0 {
			hit[k] = true
			s.right++
		}
		s.alarms++
	}
	for k, g := range segs {
		if g[1] >= begin {
			s.segments++
			if hit[k] {
				s.found++
			}
		}
	}
}

func (s segmentScore) figures() (precision, recall, f1 float64) {
	precision = float64(s.right) / float64(max(s.alarms, 1))
	recall = float64(s.found) / float64(max(s.segments, 1))
	if precision+recall > 0 {
		f1 = 2 * precision * recall / (precision + recall)
	}
	return precision, recall, f1
}

// TestScorerOnLabelledSegments reports precision, recall and F1 on series whose points are labelled, at the default alarm.
func TestScorerOnLabelledSegments(t *testing.T) {
	root := os.Getenv("GATEWATCH_CORPUS")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "corpus")
	}
	files, err := filepath.Glob(filepath.Join(root, "series", "microsoft", "*", "*.csv"))
	if err != nil || len(files) == 0 {
		t.Skipf("no corpus (GATEWATCH_CORPUS): %v", err)
	}
	domains := map[string]*segmentScore{}
	var all segmentScore
	for _, file := range files {
		scores, labels := scoreLabelled(t, file)
		domain := filepath.Base(filepath.Dir(file))
		if domains[domain] == nil {
			domains[domain] = &segmentScore{}
		}
		domains[domain].add(scores, labels, 0.5, 0)
		all.add(scores, labels, 0.5, 0)
	}
	for _, d := range sortedStrings(domains) {
		p, r, f := domains[d].figures()
		t.Logf("%-40s segments %4d, alarms %4d: precision %.2f, recall %.2f, F1 %.2f", d, domains[d].segments, domains[d].alarms, p, r, f)
	}
	p, r, f := all.figures()
	t.Logf("%d series, %d segments, %d alarms: precision %.2f, recall %.2f, F1 %.2f", len(files), all.segments, all.alarms, p, r, f)
}

func scoreLabelled(t *testing.T, file string) (scores []float64, labels []bool) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var out strings.Builder
	if _, err := ScoreCSV(f, &out); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		score, err := strconv.ParseFloat(row[len(row)-1], 64)
		if err != nil {
			t.Fatal(err)
		}
		scores, labels = append(scores, score), append(labels, row[2] == "1")
	}
	return scores, labels
}
