package detect

import (
	"strconv"
	"strings"
	"unicode"
)

// Thousands writes n with commas: 1,028. All sentences of findings and incidents write their counts so.
func Thousands(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Plural is n of a noun: "1 event", "1,028 events".
func Plural(n uint64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return Thousands(n) + " " + noun
}

// Printable puts U+FFFD in the place of what does not print, line ends too: what clients sent must not move a terminal's cursor or
// turn the direction of the text.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
