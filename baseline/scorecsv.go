package baseline

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ScoreReport says how scoring a file went.
type ScoreReport struct {
	Rows     int
	Alarms   int // rows with a score of 0.5 or more
	Missing  int // rows without a value, or with one that is not finite; they score 0
	NotANum  int // rows whose value is a text; they score 0
	Untimed  int // rows whose timestamp is not understood; they are judged without a time of day
	Earlier  int // rows whose timestamp is before the one of the row before
	Repeated int // rows whose timestamp is that of the row before
	// Sample is the first value and the first timestamp that were not understood, each with its line.
	Sample []string
}

// scoreColumn is the column that ScoreCSV adds.
const scoreColumn = "anomaly_score"

// ErrNoValues says that a file has texts for values and not one number.
var ErrNoValues = errors.New("no row has a number for a value")

// ScoreCSV reads rows with a timestamp and a value, scores them in order and writes the same rows with a column
// anomaly_score. Other columns pass through. It holds one row in memory.
//
// The columns are found by their names (timestamp, time, date, datetime, ts; value), else a file of two columns has the
// time first; a header may be missing there. Cells are parted by commas, semicolons or tabs, whichever the first line
// has. A row that lacks its last cells is filled up with empty ones; one with more cells than the first row is an error,
// since it is not known which belongs where. What was scored until then is written. For timestamps see parseTimestamp.
func ScoreCSV(in io.Reader, out io.Writer) (ScoreReport, error) {
	w := bufio.NewWriterSize(out, 1<<16)
	f := &scoredFile{scorer: NewScorer(), out: csv.NewWriter(w)}
	err := f.run(bufio.NewReaderSize(in, 1<<16))
	f.out.Flush()
	if werr := errors.Join(f.out.Error(), w.Flush()); werr != nil && err == nil {
		err = fmt.Errorf("write: %w", werr)
	}
	if r := f.report; err == nil && r.NotANum > 0 && r.Rows == r.Missing+r.NotANum {
		err = ErrNoValues
	}
	return f.report, err
}

// scoredFile is a file on its way through the scorer.
type scoredFile struct {
	in     *csv.Reader
	out    *csv.Writer
	scorer *Scorer
	at     columnsAt
	width  int // cells in a row
	row    []string
	clock  timestamps
	last   time.Time
	report ScoreReport
}

func (f *scoredFile) run(in *bufio.Reader) error {
	f.in = csv.NewReader(in)
	f.in.Comma = delimiterOf(in)
	f.out.Comma = f.in.Comma
	f.in.ReuseRecord, f.in.FieldsPerRecord = true, -1
	row, err := f.in.Read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the header: %w", err)
	}
	var isHeader bool
	if f.at, isHeader, err = f.columns(row); err != nil {
		return err
	}
	f.width = len(row)
	if isHeader {
		if err := f.write(row, scoreColumn); err != nil {
			return err
		}
		row, err = f.in.Read()
	}
	for ; err == nil; row, err = f.in.Read() {
		if err := f.score(row); err != nil {
			return err
		}
	}
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("read row %d: %w", f.report.Rows+1, err) // it names the line
	}
	return nil
}

// score judges one row and writes it.
func (f *scoredFile) score(row []string) error {
	line, _ := f.in.FieldPos(0)
	if len(row) > f.width {
		return fmt.Errorf("line %d has %d cells, the first row has %d: put cells that hold the delimiter in quotes", line, len(row), f.width)
	}
	for len(row) < f.width {
		row = append(row, "")
	}
	f.report.Rows++
	score := f.scorer.Score(f.time(row[f.at.time], line), f.value(row[f.at.value], line))
	if score >= alarmScore {
		f.report.Alarms++
	}
	return f.write(row, strconv.FormatFloat(score, 'f', 6, 64))
}

// time reads a timestamp: the zero time when there is none.
func (f *scoredFile) time(cell string, line int) time.Time {
	t, ok := f.clock.parse(cell)
	if !ok {
		if f.report.Untimed == 0 {
			f.report.Sample = append(f.report.Sample, fmt.Sprintf("line %d: timestamp %.40q", line, cell))
		}
		f.report.Untimed++
		return time.Time{}
	}
	if !f.last.IsZero() {
		switch t.Compare(f.last) {
		case -1:
			f.report.Earlier++
		case 0:
			f.report.Repeated++
		}
	}
	f.last = t
	return t
}

// value reads a number: NaN when there is none.
func (f *scoredFile) value(cell string, line int) float64 {
	cell = strings.TrimSpace(cell)
	number := cell
	if f.in.Comma == ';' { // where a comma may part the decimals
		number = strings.Replace(cell, ",", ".", 1)
	}
	x, err := strconv.ParseFloat(number, 64)
	switch {
	case isBlank(cell) || err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) || errors.Is(err, strconv.ErrRange):
		f.report.Missing++
		return math.NaN()
	case err != nil:
		if f.report.NotANum == 0 {
			f.report.Sample = append(f.report.Sample, fmt.Sprintf("line %d: value %.40q", line, cell))
		}
		f.report.NotANum++
		return math.NaN()
	}
	return x
}

// isBlank reports whether a cell says in words that there is no value.
func isBlank(cell string) bool {
	switch strings.ToLower(cell) {
	case "", "null", "none", "na", "n/a", "-":
		return true
	}
	return false
}

func (f *scoredFile) write(row []string, more string) error {
	f.row = append(append(f.row[:0], row...), more)
	if err := f.out.Write(f.row); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// delimiterOf looks for what parts the cells of the first line.
func delimiterOf(in *bufio.Reader) rune {
	head, _ := in.Peek(4096) // what was read so far is enough; the reader meets the error again
	line, _, _ := strings.Cut(string(head), "\n")
	if !strings.Contains(line, ",") {
		for _, d := range []rune{';', '\t'} {
			if strings.ContainsRune(line, d) {
				return d
			}
		}
	}
	if strings.Count(line, ";") == 1 && strings.Count(line, ",") == 1 && strings.Index(line, ";") < strings.Index(line, ",") {
		return ';' // 2026-03-02;3,14 without a header
	}
	return ','
}

// columnsAt are the places of the two columns.
type columnsAt struct{ time, value int }

// columns finds the columns in the first row, and whether that is a header: it is none when it has a time and a number.
func (f *scoredFile) columns(first []string) (columnsAt, bool, error) {
	at := columnsAt{-1, -1}
	for i, name := range first {
		switch strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))) {
		case "timestamp", "time", "date", "datetime", "ts", "@timestamp":
			if at.time < 0 {
				at.time = i
			}
		case "value":
			at.value = i
		}
	}
	if at.time >= 0 && at.value < 0 && len(first) == 2 {
		at.value = 1 - at.time
	}
	if at.time >= 0 && at.value >= 0 {
		return at, true, nil
	}
	if len(first) >= 2 {
		var clock timestamps
		number := first[1]
		if f.in.Comma == ';' {
			number = strings.Replace(number, ",", ".", 1)
		}
		_, timed := clock.parse(strings.TrimPrefix(first[0], "\ufeff"))
		if _, err := strconv.ParseFloat(strings.TrimSpace(number), 64); timed && (err == nil || isBlank(strings.TrimSpace(number))) {
			return columnsAt{0, 1}, false, nil
		}
	}
	if slices.Contains(first, scoreColumn) {
		return at, false, fmt.Errorf("header %q: it has scores already, and no columns timestamp and value", strings.Join(first, string(f.in.Comma)))
	}
	return at, false, fmt.Errorf("header %q: want the columns timestamp and value", strings.Join(first, string(f.in.Comma)))
}
