package parsers

import (
	"math"
	"strconv"
	"strings"
	"time"
)

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }

// parseInt reads a decimal integer with an optional sign that fits 64 bits.
func parseInt(s string) (int64, bool) {
	if s == "" || len(s) > 19 {
		return 0, false
	}
	i := 0
	if s[0] == '-' || s[0] == '+' {
		i = 1
	}
	if i == len(s) {
		return 0, false
	}
	var n int64
	for ; i < len(s); i++ {
		if !isDigit(s[i]) || n > (math.MaxInt64-9)/10 {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	if s[0] == '-' {
		n = -n
	}
	return n, true
}

// parseFloat reads a finite decimal number; the common short forms (0.123, 17) without strconv.
func parseFloat(s string) (float64, bool) {
	if len(s) > 0 && len(s) <= 15 {
		if f, ok := shortFloat(s); ok {
			return f, true
		}
	}
	if len(s) > 64 || strings.Trim(s, "0123456789.+-eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, false
	}
	return f, true
}

// shortFloat reads up to 15 digits and one point: mantissa and power of ten are exact then, and so is their quotient.
func shortFloat(s string) (float64, bool) {
	var n int64
	point := -1
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isDigit(c):
			n = n*10 + int64(c-'0')
		case c == '.' && point < 0:
			point = i
		default:
			return 0, false
		}
	}
	if point < 0 {
		return float64(n), true
	}
	if len(s) == 1 {
		return 0, false
	}
	return float64(n) / pow10[len(s)-point-1], true
}

var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// parseCount reads a size in bytes: a non-negative integer, or a float without a fraction as JSON encoders write it.
func parseCount(s string) (int64, bool) {
	if n, ok := parseInt(s); ok {
		return n, n >= 0
	}
	f, ok := parseFloat(s)
	if !ok || f < 0 || f > 1<<53 || f != math.Trunc(f) {
		return 0, false
	}
	return int64(f), true
}

// parseMillis reads a duration as milliseconds. A negative one (HAProxy's -1, an aborted request) is absent.
func parseMillis(v string, u unit) (ms float64, ok bool) {
	if u == unitGo {
		return goMillis(v)
	}
	f, ok := parseFloat(v)
	if !ok {
		return goMillis(v)
	}
	switch u {
	case unitSec:
		return scale(f, 1e3), true
	case unitMicro:
		return f / 1e3, true
	case unitNano:
		return f / 1e6, true
	case unitAuto:
		if strings.IndexByte(v, '.') >= 0 {
			return scale(f, 1e3), true
		}
	}
	return f, true
}

// scale multiplies seconds into milliseconds without showing the binary fraction: 0.057 s is 57 ms, not 57.00000000000001.
func scale(f, by float64) float64 {
	ms := f * by
	if r := math.Round(ms*1e6) / 1e6; math.Abs(ms) < 1e9 && math.Abs(r-ms) < 1e-9 {
		return r
	}
	return ms
}

// goMillis reads a number with its unit: 1.5ms, 200µs, 3s, 12 ms; and protobuf's "0.123s".
func goMillis(v string) (float64, bool) {
	if len(v) > 64 || v == "" || !isDigit(v[0]) && v[0] != '-' && v[0] != '.' {
		return 0, false
	}
	if i := strings.IndexByte(v, ' '); i > 0 {
		v = v[:i] + v[i+1:]
	}
	if strings.ContainsAny(v, ` "=,:/`) {
		return 0, false // without the error that ParseDuration would build
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		return 0, false
	}
	return float64(d) / float64(time.Millisecond), true
}

// sumMillis adds several values: nginx separates servers by commas and internal redirects by " : ", HAProxy timers by
// slashes, AWS by blanks. Negative ones are absent.
func sumMillis(v string, u unit) (ms float64, ok bool) {
	const separators = ",: /"
	if !strings.ContainsAny(v, separators) {
		ms, ok = parseMillis(v, u)
		return ms, ok && ms >= 0
	}
	some := false
	for v != "" {
		part := v
		if i := strings.IndexAny(v, separators); i >= 0 {
			part, v = v[:i], v[i+1:]
		} else {
			v = ""
		}
		if part == "" || part == "-" {
			continue
		}
		f, ok := parseMillis(part, u)
		if !ok {
			return 0, false
		}
		if f >= 0 {
			ms += f
			some = true
		}
	}
	return scale(ms, 1), some
}
