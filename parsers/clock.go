package parsers

import (
	"errors"
	"strings"
	"time"
)

var errTime = errors.New("not a time")

// clock parses times and remembers the last one: neighbouring lines mostly carry the same second, or at least the
// same day and zone. Text is compared, not hashed, so a remembered result is always the exact one.
type clock struct {
	loc     *time.Location
	year    int       // of the first time that names none; zero: such a time is an error
	nearby  time.Time // the last time that named none, completed
	layouts []string  // of unitLayout
	outer   *outerTime

	clf     [26]byte // the last "10/Oct/2000:13:55:36 -0700"
	clfTime time.Time
	clfOK   bool

	iso     [19]byte // the last "2006-01-02T15:04:05" with its zone
	isoZone string
	isoTime time.Time
	isoOK   bool
}

// outerTime is the time of the envelope around the line at hand: of a line without a time it is the only one that the log has.
type outerTime struct {
	value string
	unit  unit
}

// text returns the envelope's time as written, "" when there is none.
func (o *outerTime) text() string {
	if o == nil {
		return ""
	}
	return o.value
}

// clock returns a clock for a parser with these options.
func (o Options) clock() clock { return clock{loc: o.Location, year: o.Year, outer: o.outer} }

func (c *clock) location() *time.Location {
	if c.loc == nil {
		return time.UTC
	}
	return c.loc
}

// parse reads v as u says. The result is in UTC.
func (c *clock) parse(v string, u unit) (time.Time, error) {
	switch u {
	case unitCLF:
		return c.parseCLF(v)
	case unitSec, unitMilli, unitMicro, unitNano:
		return epoch(v, u)
	case unitNone, unitAuto:
		return c.parseAny(v)
	case unitApache:
		return c.parseApache(v)
	}
	if n := int(u) - int(unitLayout); n >= 0 && n < len(c.layouts) {
		return c.parseLayout(c.layouts[n], v)
	}
	return time.Time{}, errTime
}

func (c *clock) parseLayout(layout, v string) (time.Time, error) {
	t, err := time.ParseInLocation(layout, v, c.location())
	if err != nil {
		return time.Time{}, errTime
	}
	return c.complete(t)
}

// layout returns the layout of a unit, if it has one.
func (c *clock) layout(u unit) (string, bool) {
	if n := int(u) - int(unitLayout); n >= 0 && n < len(c.layouts) {
		return c.layouts[n], true
	}
	return "", false
}

// complete adds the year to a time that names none: the configured one to the first, and to each further one the year that
// brings it nearest to the one before, so that a log goes on over New Year.
func (c *clock) complete(t time.Time) (time.Time, error) {
	if t.Year() != 0 {
		return t.UTC(), nil
	}
	if c.year == 0 {
		return time.Time{}, errors.New("a time without a year")
	}
	best := time.Date(c.year, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	if !c.nearby.IsZero() {
		for _, year := range []int{c.nearby.Year() - 1, c.nearby.Year(), c.nearby.Year() + 1} {
			other := time.Date(year, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
			if best.Sub(c.nearby).Abs() > other.Sub(c.nearby).Abs() {
				best = other
			}
		}
	}
	c.nearby = best
	return best.UTC(), nil
}

// parseCLF reads the Common Log Format's time, 10/Oct/2000:13:55:36 -0700, with brackets or without, with an optional
// fraction of the second (HAProxy, Tomcat) and an optional zone.
func (c *clock) parseCLF(v string) (time.Time, error) {
	if len(v) > 1 && v[0] == '[' && v[len(v)-1] == ']' {
		v = v[1 : len(v)-1]
	}
	if len(v) == 26 {
		if c.clfOK && v == string(c.clf[:]) {
			return c.clfTime, nil
		}
	}
	if len(v) < 20 || v[2] != '/' || v[6] != '/' || (v[11] != ':' && v[11] != ' ') || v[14] != ':' || v[17] != ':' {
		return time.Time{}, errTime
	}
	day, ok1 := digits2(v[0:])
	year, ok2 := digits4(v[7:])
	month := monthOf(v[3:6])
	hms, ok3 := clockSeconds(v[12:20])
	if !ok1 || !ok2 || !ok3 || !validDate(year, month, day) {
		return time.Time{}, errTime
	}
	rest := v[20:]
	var nanos int
	if rest != "" && (rest[0] == '.' || rest[0] == ',') {
		nanos, rest = fraction(rest[1:])
	}
	t, err := c.at(year, month, day, hms, nanos, strings.TrimPrefix(rest, " "))
	if err != nil {
		return time.Time{}, err
	}
	if len(v) == 26 {
		copy(c.clf[:], v)
		c.clfTime, c.clfOK = t, true
	}
	return t, nil
}

// parseISO reads RFC 3339 and its relatives: a blank for the T, slashes for the dashes (nginx's error log), a comma
// or a point before the fraction, a zone with or without colon, or none.
func (c *clock) parseISO(v string) (time.Time, error) {
	if len(v) < 19 || (v[4] != '-' && v[4] != '/') || v[7] != v[4] || v[13] != ':' || v[16] != ':' {
		return time.Time{}, errTime
	}
	rest := v[19:]
	var nanos int
	if rest != "" && (rest[0] == '.' || rest[0] == ',') {
		nanos, rest = fraction(rest[1:])
	}
	rest = strings.TrimPrefix(rest, " ")
	if c.isoOK && v[:19] == string(c.iso[:]) && rest == c.isoZone {
		return c.isoTime.Add(time.Duration(nanos)), nil
	}
	year, ok1 := digits4(v)
	month, ok2 := digits2(v[5:])
	day, ok3 := digits2(v[8:])
	hms, ok4 := clockSeconds(v[11:19])
	if !ok1 || !ok2 || !ok3 || !ok4 || !validDate(year, month, day) || (v[10] != 'T' && v[10] != ' ' && v[10] != 't') {
		return time.Time{}, errTime
	}
	t, err := c.at(year, month, day, hms, 0, rest)
	if err != nil {
		return time.Time{}, err
	}
	copy(c.iso[:], v[:19])
	if rest != c.isoZone {
		c.isoZone = strings.Clone(rest)
	}
	c.isoTime, c.isoOK = t, true
	return t.Add(time.Duration(nanos)), nil
}

// parseApache reads Apache's error log time, Mon Mar 10 13:55:36.120456 2025.
func (c *clock) parseApache(v string) (time.Time, error) {
	year := strings.LastIndexByte(v, ' ')
	if len(v) < 24 || year < 19 {
		return time.Time{}, errTime
	}
	y, ok1 := digits4(v[year+1:])
	day, ok2 := digits2(v[8:])
	hms, ok3 := clockSeconds(v[11:19])
	month := monthOf(v[4:7])
	if !ok1 || !ok2 || !ok3 || !validDate(y, month, day) {
		return time.Time{}, errTime
	}
	nanos := 0
	if v[19] == '.' {
		nanos, _ = fraction(v[20:year])
	}
	return c.at(y, month, day, hms, nanos, "")
}

// parseStamp reads syslog's time, Mar 10 13:55:36, with a year before the clock or without, and with a fraction or without.
func (c *clock) parseStamp(v string) (time.Time, error) {
	month := monthOf(v[:3])
	day, ok1 := digits2(v[4:])
	year, at := 0, 7
	if len(v) >= 20 && v[11] == ' ' {
		var ok bool
		if year, ok = digits4(v[7:]); !ok {
			return time.Time{}, errTime
		}
		at = 12
	}
	hms, ok2 := clockSeconds(v[at : at+8])
	rest, nanos := v[at+8:], 0
	if rest != "" && rest[0] == '.' {
		nanos, rest = fraction(rest[1:])
	}
	if !ok1 || !ok2 || v[6] != ' ' || rest != "" || !validDate(max(year, 4), month, day) {
		return time.Time{}, errTime
	}
	if year != 0 {
		return c.at(year, month, day, hms, nanos, "")
	}
	return c.complete(time.Date(0, time.Month(month), day, hms/3600, hms/60%60, hms%60, nanos, c.location()))
}

// at builds the time of a date, the second of its day and a zone: Z, UTC, GMT, +hh, +hhmm, +hh:mm or none.
func (c *clock) at(year, month, day, hms, nanos int, zone string) (time.Time, error) {
	if zone == "" {
		if c.loc == nil || c.loc == time.UTC {
			return time.Unix(daysSince1970(year, month, day)*86400+int64(hms), int64(nanos)).UTC(), nil
		}
		return time.Date(year, time.Month(month), day, hms/3600, hms/60%60, hms%60, nanos, c.loc).UTC(), nil
	}
	offset, err := zoneOffset(zone)
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix(daysSince1970(year, month, day)*86400+int64(hms-offset), int64(nanos)).UTC(), nil
}

// parseAny tells the writing of a time by its looks.
func (c *clock) parseAny(v string) (time.Time, error) {
	if len(v) > 1 && v[0] == '[' && v[len(v)-1] == ']' {
		v = v[1 : len(v)-1]
	}
	if len(v) >= 19 {
		switch {
		case v[4] == '-' || v[4] == '/':
			return c.parseISO(v)
		case v[2] == '/' && v[6] == '/':
			return c.parseCLF(v)
		}
	}
	if len(v) >= 15 && v[3] == ' ' && monthOf(v[:3]) != 0 {
		if t, err := c.parseStamp(v); err == nil {
			return t, nil
		}
	}
	if v != "" && (isDigit(v[0]) || v[0] == '-') {
		if t, err := epoch(v, unitAuto); err == nil {
			return t, nil
		}
	}
	for _, layout := range otherLayouts {
		if t, err := time.ParseInLocation(layout, v, c.location()); err == nil {
			return c.complete(t)
		}
	}
	return time.Time{}, errTime
}

// otherLayouts are tried in order when a time is neither RFC 3339 nor CLF nor a number.
var otherLayouts = []string{
	time.RFC1123, time.RFC1123Z, time.RFC850, time.ANSIC, time.UnixDate, time.RubyDate,
	"2006-01-02T15:04Z07:00", "20060102T150405Z0700", "01/02/2006 15:04:05", "Jan _2 15:04:05 2006", "Jan _2 2006 15:04:05", "Jan _2, 2006 15:04:05 MST", "January 2, 2006 15:04:05",
	time.Stamp, time.StampMilli, time.StampMicro,
}

// epoch reads a number of seconds, milliseconds, microseconds or nanoseconds since 1970. With unitAuto the magnitude
// tells: the seconds of the years 1973 to 5138 have 9 to 11 digits, milliseconds 12 to 14, microseconds 15 to 17.
func epoch(v string, u unit) (time.Time, error) {
	whole, frac, hasFrac := strings.Cut(v, ".")
	if strings.ContainsAny(v, "eE") {
		return epochFloat(v, u)
	}
	n, ok := parseInt(whole)
	if !ok {
		return time.Time{}, errTime
	}
	if u == unitAuto {
		switch a := max(n, -n); {
		case a < 1e11:
			u = unitSec
		case a < 1e14:
			u = unitMilli
		case a < 1e17:
			u = unitMicro
		default:
			u = unitNano
		}
	}
	var nanos int
	if hasFrac {
		var rest string
		if nanos, rest = fraction(frac); rest != "" || frac == "" {
			return time.Time{}, errTime
		}
	}
	switch u {
	case unitSec:
		if n > 1<<38 || n < -(1<<38) {
			return time.Time{}, errTime
		}
		return time.Unix(n, int64(nanos)).UTC(), nil
	case unitMilli:
		return time.UnixMilli(n).Add(time.Duration(nanos / 1e3)).UTC(), nil
	case unitMicro:
		return time.UnixMicro(n).Add(time.Duration(nanos / 1e6)).UTC(), nil
	default:
		return time.Unix(n/1e9, n%1e9).UTC(), nil
	}
}

// epochFloat reads an epoch in scientific notation, as some JSON encoders write large numbers.
func epochFloat(v string, u unit) (time.Time, error) {
	f, ok := parseFloat(v)
	if !ok || f > 9e18 || f < -9e18 {
		return time.Time{}, errTime
	}
	return epoch(formatInt(int64(f)), u)
}

// fraction reads the digits after a decimal point as nanoseconds and returns what follows them.
func fraction(s string) (nanos int, rest string) {
	scale := 100_000_000
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return nanos, s[i:]
		}
		nanos += int(s[i]-'0') * scale
		scale /= 10
	}
	return nanos, ""
}

func zoneOffset(z string) (seconds int, err error) {
	switch z {
	case "Z", "z", "UTC", "GMT":
		return 0, nil
	}
	if len(z) < 3 || (z[0] != '+' && z[0] != '-') {
		return 0, errTime
	}
	h, ok := digits2(z[1:])
	m := 0
	switch rest := z[3:]; {
	case rest == "":
	case len(rest) == 2:
		var okm bool
		m, okm = digits2(rest)
		ok = ok && okm
	case len(rest) == 3 && rest[0] == ':':
		var okm bool
		m, okm = digits2(rest[1:])
		ok = ok && okm
	default:
		ok = false
	}
	if !ok || h > 15 || m > 59 {
		return 0, errTime
	}
	seconds = h*3600 + m*60
	if z[0] == '-' {
		seconds = -seconds
	}
	return seconds, nil
}

// clockSeconds reads hh:mm:ss as the second of the day; a leap second counts as the one before it.
func clockSeconds(v string) (int, bool) {
	if len(v) < 8 {
		return 0, false
	}
	h, ok1 := digits2(v)
	m, ok2 := digits2(v[3:])
	s, ok3 := digits2(v[6:])
	if !ok1 || !ok2 || !ok3 || v[2] != ':' || v[5] != ':' || h > 23 || m > 59 || s > 60 {
		return 0, false
	}
	return h*3600 + m*60 + min(s, 59), true
}

func digits2(s string) (int, bool) {
	if len(s) < 2 || !isDigit(s[0]) || !isDigit(s[1]) {
		if len(s) >= 2 && s[0] == ' ' && isDigit(s[1]) {
			return int(s[1] - '0'), true
		}
		return 0, false
	}
	return int(s[0]-'0')*10 + int(s[1]-'0'), true
}

func digits4(s string) (int, bool) {
	a, ok1 := digits2(s)
	if !ok1 || s[0] == ' ' {
		return 0, false
	}
	b, ok2 := digits2(s[2:])
	return a*100 + b, ok2 && s[2] != ' '
}

// monthOf returns 1 to 12 for an English month's three letters, 0 for anything else.
func monthOf(s string) int {
	switch s {
	case "Jan":
		return 1
	case "Feb":
		return 2
	case "Mar":
		return 3
	case "Apr":
		return 4
	case "May":
		return 5
	case "Jun":
		return 6
	case "Jul":
		return 7
	case "Aug":
		return 8
	case "Sep":
		return 9
	case "Oct":
		return 10
	case "Nov":
		return 11
	case "Dec":
		return 12
	}
	return 0
}

func validDate(year, month, day int) bool {
	if month < 1 || month > 12 || day < 1 || day > 31 || year < 1 {
		return false
	}
	switch month {
	case 4, 6, 9, 11:
		return day <= 30
	case 2:
		leap := year%4 == 0 && (year%100 != 0 || year%400 == 0)
		return day <= 28 || (leap && day == 29)
	}
	return true
}

// daysSince1970 counts days in the proleptic Gregorian calendar (Howard Hinnant's days_from_civil).
func daysSince1970(year, month, day int) int64 {
	y := int64(year)
	if month <= 2 {
		y--
	}
	era := y / 400
	yoe := y - era*400
	m := int64(month+9) % 12
	doy := (153*m+2)/5 + int64(day) - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}

// addFraction adds the part of a second that a log writes in a column of its own.
func addFraction(t time.Time, v string, u unit) (time.Time, error) {
	n, ok := parseInt(v)
	if !ok || n < 0 {
		return t, bad("the fraction of the second is not a number")
	}
	switch u {
	case unitMilli:
		n *= 1e6
	case unitMicro:
		n *= 1e3
	}
	if n >= 1e9 {
		return t, bad("the fraction of the second is out of range")
	}
	return t.Truncate(time.Second).Add(time.Duration(n)), nil
}
