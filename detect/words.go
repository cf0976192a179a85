package detect

import (
	"strconv"
	"strings"
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
