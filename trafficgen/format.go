package trafficgen

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"time"
)

// AppendCombined appends the record as a line of nginx's and Apache's combined format, without the line's end.
func AppendCombined(b []byte, r *Record) []byte {
	b = r.Client.AppendTo(b)
	b = append(b, " - "...)
	b = append(b, orDash(r.User)...)
	b = append(b, " ["...)
	b = r.Time.UTC().AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	b = append(b, `] "`...)
	b = r.appendRequest(b)
	b = append(b, `" `...)
	b = strconv.AppendInt(b, int64(r.Status), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, r.BytesOut, 10)
	b = append(b, ` "`...)
	b = append(b, orDash(r.Referer)...)
	b = append(b, `" "`...)
	b = append(b, orDash(r.UserAgent)...)
	return append(b, '"')
}

// AppendJSON appends the record as one JSON object with nginx's names of variables, without the line's end.
func AppendJSON(b []byte, r *Record) []byte {
	b = append(b, `{"time_iso8601":"`...)
	b = r.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	b = append(b, `","remote_addr":"`...)
	b = r.Client.AppendTo(b)
	b = append(b, `","remote_user":`...)
	b = strconv.AppendQuote(b, r.User)
	b = append(b, `,"request_method":`...)
	b = strconv.AppendQuote(b, r.Method)
	b = append(b, `,"request_uri":`...)
	b = strconv.AppendQuote(b, r.uri())
	b = append(b, `,"server_protocol":"HTTP/1.1","host":"shop.example.com","status":`...)
	b = strconv.AppendInt(b, int64(r.Status), 10)
	b = append(b, `,"request_length":`...)
	b = strconv.AppendInt(b, r.BytesIn, 10)
	b = append(b, `,"body_bytes_sent":`...)
	b = strconv.AppendInt(b, r.BytesOut, 10)
	b = append(b, `,"request_time":`...)
	b = strconv.AppendFloat(b, r.Duration.Seconds(), 'f', 3, 64)
	b = append(b, `,"http_referer":`...)
	b = strconv.AppendQuote(b, r.Referer)
	b = append(b, `,"http_user_agent":`...)
	b = strconv.AppendQuote(b, r.UserAgent)
	b = append(b, `,"request_id":"`...)
	b = append(b, r.RequestID...)
	return append(b, `"}`...)
}

func (r *Record) uri() string {
	if r.Query == "" {
		return r.Path
	}
	return r.Path + "?" + r.Query
}

func (r *Record) appendRequest(b []byte) []byte {
	b = append(append(b, r.Method...), ' ')
	b = append(b, r.Path...)
	if r.Query != "" {
		b = append(append(b, '?'), r.Query...)
	}
	return append(b, " HTTP/1.1"...)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Append is a log format: AppendCombined or AppendJSON.
type Append func(b []byte, r *Record) []byte

// Write writes up to max records (0: all) as lines and returns how many it wrote.
func Write(w io.Writer, g *Generator, format Append, max int) (int, error) {
	out := bufio.NewWriterSize(w, 256<<10)
	var line []byte
	n := 0
	for ; max == 0 || n < max; n++ {
		r, ok := g.Next()
		if !ok {
			break
		}
		line = append(format(line[:0], &r), '\n')
		if _, err := out.Write(line); err != nil {
			return n, fmt.Errorf("write traffic: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return n, fmt.Errorf("write traffic: %w", err)
	}
	return n, nil
}

// Pace hands records to each when the clock reaches their time, speed times as fast as they are apart. Records whose
// time has passed come at once. It ends with the records, with ctx or with an error of each.
func Pace(ctx context.Context, g *Generator, speed float64, each func(*Record) error) error {
	if speed <= 0 {
		return fmt.Errorf("pace of traffic: speed %v: want more than 0", speed)
	}
	began := time.Now()
	first := g.cfg.Start
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		r, ok := g.Next()
		if !ok {
			return nil
		}
		due := began.Add(time.Duration(float64(r.Time.Sub(first)) / speed))
		if left := time.Until(due); left > 0 {
			timer.Reset(left)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-timer.C:
			}
		} else if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := each(&r); err != nil {
			return err
		}
	}
}
