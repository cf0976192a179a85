package baseline

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// copiesOfSeries is how many perturbed copies of each labelled series are scored beside it.
const copiesOfSeries = 3

// labelled is a series with the windows in which its anomalies lie, and its scores.
type labelled struct {
	scores  []float64
	windows [][2]int // first and last row
}

// corpusSeries scores the labelled series of the developers' corpus, and perturbed copies of them; the test is skipped where
// that is absent.
func corpusSeries(t *testing.T) (list, copies []labelled) {
	t.Helper()
	root := os.Getenv("GATEWATCH_CORPUS")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "corpus")
	}
	text, err := os.ReadFile(filepath.Join(root, "series", "windows.json"))
	if err != nil {
		t.Skipf("no corpus (GATEWATCH_CORPUS): %v", err)
	}
	var windows map[string][][2]string
	if err := json.Unmarshal(text, &windows); err != nil {
		t.Fatal(err)
	}
	for _, name := range sortedStrings(windows) {
		file := filepath.Join(root, "series", name)
		list = append(list, scoreSeries(t, file, windows[name]))
		for seed := range uint64(copiesOfSeries) {
			copies = append(copies, scoreCopy(t, file, windows[name], seed))
		}
	}
	return list, copies
}

// scoreCopy scores a series that begins a little later and at another time of day, has lost a twentieth of its values and
// got a little noise. What is only luck with the series does not survive that.
func scoreCopy(t *testing.T, file string, windows [][2]string, seed uint64) labelled {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, uint64(len(text))))
	rows = rows[1:]
	var clock timestamps
	times, xs, steps := make([]time.Time, len(rows)), make([]float64, len(rows)), make([]float64, len(rows))
	for i, row := range rows {
		var ok bool
		if times[i], ok = clock.parse(row[0]); !ok {
			t.Fatalf("%s: timestamp %q", file, row[0])
		}
		if xs[i], err = strconv.ParseFloat(row[1], 64); err != nil {
			t.Fatal(err)
		}
		steps[i] = math.Abs(xs[i] - xs[max(i-1, 0)])
	}
	noise, begin, later := 0.1*median(steps), rng.IntN(len(rows)/20), time.Duration(rng.IntN(24))*time.Hour
	s, l, at := NewScorer(), labelled{}, map[string]int{}
	for i, row := range rows {
		if _, ok := at[row[0]]; !ok {
			at[row[0]] = len(l.scores)
		}
		if i >= begin && rng.IntN(20) > 0 {
			l.scores = append(l.scores, s.Score(times[i].Add(later), xs[i]+noise*rng.NormFloat64()))
		}
	}
	for _, w := range windows {
		l.windows = append(l.windows, [2]int{at[w[0][:19]], min(at[w[1][:19]], len(l.scores)-1)})
	}
	return l
}

func scoreSeries(t *testing.T, file string, windows [][2]string) labelled {
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
	l, at := labelled{}, map[string]int{}
	for i, row := range rows[1:] {
		if _, ok := at[row[0]]; !ok {
			at[row[0]] = i
		}
		score, err := strconv.ParseFloat(row[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		l.scores = append(l.scores, score)
	}
	for _, w := range windows {
		l.windows = append(l.windows, [2]int{at[w[0][:19]], at[w[1][:19]]})
	}
	return l
}

// nabSigmoid is the scaled sigmoid of Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms: the Numenta
// Anomaly Benchmark" (2015).
func nabSigmoid(y float64) float64 {
	if y > 3 {
		return -1
	}
	return 2/(1+math.Exp(5*y)) - 1
}

// nabScore is their standard profile at a threshold, normalised over these windows: 0 alarms never, 100 finds every window
// at its first row and alarms nowhere else.
func nabScore(list []labelled, threshold float64) float64 {
	total, windows := 0.0, 0
	for _, l := range list {
		windows += len(l.windows)
		probation := int(min(0.15*float64(len(l.scores)), 0.15*5000))
		found := slices.Repeat([]float64{-1}, len(l.windows))
		for i := probation; i < len(l.scores); i++ {
			if l.scores[i] < threshold {
				continue
			}
			value, in := -1.0, -1
			for k, w := range l.windows {
				length := float64(w[1] - w[0] + 1)
				if i >= w[0] && i <= w[1] {
					value, in = nabSigmoid(-float64(w[1]-i+1)/length)/nabSigmoid(-1), k
				} else if i > w[1] {
					value = nabSigmoid(float64(i-w[1]) / (length - 1))
				}
			}
			if in >= 0 {
				found[in] = max(found[in], value)
			} else {
				total += 0.11 * value
			}
		}
		for _, v := range found {
			total += v
		}
	}
	return 100 * (total + float64(windows)) / (2 * float64(windows))
}

func TestScorerOnLabelledSeries(t *testing.T) {
	list, copies := corpusSeries(t)
	best, at := bestScore(list)
	fixed := nabScore(list, alarmScore)
	t.Logf("%d series: %.1f at threshold 0.5, %.1f at the best (%.3f)", len(list), fixed, best, at)
	if len(list) != 35 || best < 72 || fixed < best-10 {
		t.Errorf("want 35 series, 72 at the best threshold and no more than 10 below it at 0.5")
	}
	bestCopies, at := bestScore(copies)
	t.Logf("%d perturbed copies: %.1f at threshold 0.5, %.1f at the best (%.3f)", len(copies), nabScore(copies, alarmScore), bestCopies, at)
}

func bestScore(list []labelled) (best, at float64) {
	for threshold := 0.3; threshold < 0.8; threshold += 0.005 {
		if s := nabScore(list, threshold); s > best {
			best, at = s, threshold
		}
	}
	return best, at
}
