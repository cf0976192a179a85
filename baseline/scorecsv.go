package baseline

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// ScoreReport says how scoring a file went.
type ScoreReport struct {
	Rows    int
	Alarms  int // rows with a score of 0.5 or more
	Missing int // rows whose value is empty or not a finite number; they score 0
	Untimed int // rows whose timestamp is not understood; they are judged without a time of day
}

// scoreColumn is the column that ScoreCSV adds.
const scoreColumn = "anomaly_score"

// ScoreCSV reads rows with the columns timestamp and value (by the names in the header, else the first two), scores them
// in order and writes the same rows with a column anomaly_score. Other columns pass through. It holds one row in memory.
//
// A timestamp is RFC 3339, "2006-01-02 15:04:05" (with or without fractions; UTC), or Unix time in seconds,
// milliseconds, microseconds or nanoseconds. A row with fewer columns than the header is an error.
func ScoreCSV(in io.Reader, out io.Writer) (ScoreReport, error) {
	var report ScoreReport
	r := csv.NewReader(bufio.NewReaderSize(in, 1<<16))
	r.ReuseRecord = true
	w := bufio.NewWriterSize(out, 1<<16)
	first, err := r.Read()
	if errors.Is(err, io.EOF) {
		return report, nil
	}
	if err != nil {
		return report, fmt.Errorf("read the header: %w", err)
	}
	at, isHeader, err := scoreColumns(first)
	if err != nil {
		return report, err
	}
	s, line := NewScorer(), lineWriter{w: csv.NewWriter(w)}
	if isHeader {
		if err := line.write(first, scoreColumn); err != nil {
			return report, err
		}
		if first, err = r.Read(); errors.Is(err, io.EOF) {
			return report, line.flush(w)
		}
	}
	for ; err == nil; first, err = r.Read() {
		t, ok := parseTimestamp(first[at.time])
		if !ok {
			report.Untimed++
		}
		x, verr := strconv.ParseFloat(strings.TrimSpace(first[at.value]), 64)
		if verr != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			report.Missing++
			x = math.NaN()
		}
		score := s.Score(t, x)
		report.Rows++
		if score >= 0.5 {
			report.Alarms++
		}
		if err := line.write(first, strconv.FormatFloat(score, 'f', 6, 64)); err != nil {
			return report, err
		}
	}
	if !errors.Is(err, io.EOF) {
		return report, errors.Join(fmt.Errorf("read row %d: %w", report.Rows+1, err), line.flush(w))
	}
	return report, line.flush(w)
}

// columnsAt are the places of the two columns.
type columnsAt struct{ time, value int }

// scoreColumns finds the columns. A first row whose second column is a number is not a header.
func scoreColumns(first []string) (columnsAt, bool, error) {
	at := columnsAt{-1, -1}
	for i, name := range first {
		switch strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))) {
		case "timestamp", "time":
			at.time = i
		case "value":
			at.value = i
		}
	}
	if at.time >= 0 && at.value >= 0 {
		return at, true, nil
	}
	if len(first) >= 2 {
		_, timed := parseTimestamp(first[0])
		if _, err := strconv.ParseFloat(strings.TrimSpace(first[1]), 64); err == nil && timed {
			return columnsAt{0, 1}, false, nil
		}
	}
	return at, false, fmt.Errorf("header %q: want the columns timestamp and value", strings.Join(first, ","))
}

// lineWriter writes a row and one more column.
type lineWriter struct {
	w   *csv.Writer
	row []string
}

func (l *lineWriter) write(row []string, more string) error {
	l.row = append(append(l.row[:0], row...), more)
	if err := l.w.Write(l.row); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func (l *lineWriter) flush(b *bufio.Writer) error {
	l.w.Flush()
	if err := errors.Join(l.w.Error(), b.Flush()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

var timestampLayouts = []string{"2006-01-02 15:04:05", time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"}

// parseTimestamp reads a timestamp; see ScoreCSV. Layouts without fractions of a second take them too.
func parseTimestamp(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return time.Time{}, false
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) >= 6 {
		return unixTime(n), true
	}
	for _, layout := range timestampLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(f) && math.Abs(f) < 1e11 {
		return time.UnixMilli(int64(f * 1000)).UTC(), true
	}
	return time.Time{}, false
}

// unixTime takes n for the unit that puts it between 1973 and 5138.
func unixTime(n int64) time.Time {
	switch a := max(n, -n); {
	case a < 1e11:
		return time.Unix(n, 0).UTC()
	case a < 1e14:
		return time.UnixMilli(n).UTC()
	case a < 1e17:
		return time.UnixMicro(n).UTC()
	default:
		return time.Unix(0, n).UTC()
	}
}
