package app

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/detect"
)

// corpus returns a folder of the developers' corpus, or skips the test.
func corpus(t *testing.T, folder string) string {
	t.Helper()
	root := os.Getenv("GATEWATCH_CORPUS")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "corpus")
	}
	dir := filepath.Join(root, folder)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the evaluation corpus is not there (GATEWATCH_CORPUS): %v", err)
	}
	return dir
}

// weakLabel is one row of weak_labels.tsv: a client made so many requests of a kind in a log.
type weakLabel struct {
	kind   string
	attack bool
	count  int
}

func weakLabels(t *testing.T, dir string) map[string]map[string][]weakLabel {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "weak_labels.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	labels := map[string]map[string][]weakLabel{}
	rows := 0
	for sc := bufio.NewScanner(f); sc.Scan(); rows++ {
		cols := strings.Split(sc.Text(), "\t")
		if rows == 0 || len(cols) < 5 {
			continue
		}
		n, err := strconv.Atoi(cols[4])
		if err != nil {
			t.Fatalf("weak_labels.tsv: %v", err)
		}
		if labels[cols[0]] == nil {
			labels[cols[0]] = map[string][]weakLabel{}
		}
		labels[cols[0]][cols[3]] = append(labels[cols[0]][cols[3]], weakLabel{cols[1], cols[2] == "attack", n})
	}
	if rows < 100 {
		t.Fatalf("weak_labels.tsv has %d rows only", rows)
	}
	return labels
}

// TestAnalyzeFindsTheLabelledClients holds the promise on real logs: brute-force and scanner clients are reported, and
// there is no storm about others. Run with -v for the numbers by kind.
func TestAnalyzeFindsTheLabelledClients(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: three real logs take a minute with the race detector")
	}
	dir := corpus(t, "logs")
	requireEngine(t)
	labels := weakLabels(t, dir)
	for _, log := range []string{"access3", "srhegdegadikai", "elastic"} {
		t.Run(log, func(t *testing.T) {
			report, err := Analyze(context.Background(), AnalyzeOptions{
				Paths: []string{filepath.Join(dir, log+".log.gz")}, TempDir: t.TempDir(), engineCommand: testEngine(),
			})
			if err != nil {
				t.Fatal(err)
			}
			lines := report.Logs[0].Lines
			if lines < 10_000 || report.Logs[0].Parsed < lines*999/1000 {
				t.Fatalf("%d of %d lines parsed", report.Logs[0].Parsed, lines)
			}
			found, by, others, crawlers := map[string]bool{}, map[string]int{}, 0, 0
			for _, inc := range report.Incidents {
				if inc.Entity.Type == detect.EntityClient {
					found[inc.Entity.Value] = true
				}
				attacker, benign := false, false
				for _, l := range labels[log][inc.Entity.Value] {
					attacker = attacker || l.attack
					benign = benign || !l.attack
				}
				if benign && !attacker {
					crawlers++
					t.Logf("about a benign client: %s %s: %s", inc.ID, inc.Entity.Value, inc.Explanation)
				}
				if !attacker {
					others++
					by[inc.Detector]++
				}
			}
			recall(t, labels[log], found)
			for _, detector := range sortedNames(by) {
				t.Logf("about others: %-28s %d", detector, by[detector])
			}
			rate := float64(others) / float64(lines) * 100_000
			t.Logf("%d lines, %d incidents, %d about clients without an attack label (%.1f per 100,000 lines), %d about labelled-benign ones, %d models",
				lines, len(report.Incidents), others, rate, crawlers, report.Models)
			if rate > 20 {
				t.Errorf("%.1f incidents per 100,000 lines about clients that are not named as attackers, want 20 at most", rate)
			}
			if crawlers > 0 {
				t.Errorf("%d incidents about search crawlers or monitors", crawlers)
			}
		})
	}
}

// recall logs the share of labelled attackers that were found by kind, and fails below the floors.
func recall(t *testing.T, labels map[string][]weakLabel, found map[string]bool) {
	t.Helper()
	all, hit := map[string]int{}, map[string]int{}
	var missed []string
	for client, rows := range labels {
		for _, l := range rows {
			if !l.attack {
				continue
			}
			all[l.kind]++
			if found[client] {
				hit[l.kind]++
			} else {
				missed = append(missed, l.kind+" "+client+" "+strconv.Itoa(l.count))
			}
		}
	}
	kinds := make([]string, 0, len(all))
	for k := range all {
		kinds = append(kinds, k)
	}
	sort.Strings(kinds)
	for _, k := range kinds {
		t.Logf("%-22s %d of %d", k, hit[k], all[k])
		if floor := recallFloor(k); float64(hit[k]) < floor*float64(all[k]) {
			t.Errorf("%s: %d of %d labelled clients found, want %.0f %%", k, hit[k], all[k], floor*100)
		}
	}
	sort.Strings(missed)
	for _, m := range missed {
		t.Logf("missed: %s", m)
	}
}

// recallFloor is the least share of a kind's clients that must be found.
func recallFloor(kind string) float64 {
	if strings.HasPrefix(kind, "bruteforce_") || strings.HasSuffix(kind, "_scan") || kind == "scanner_user_agent" {
		return 0.9
	}
	return 0.5
}
