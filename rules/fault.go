package rules

import (
	"fmt"
	"sort"
	"strings"
)

// Fault is one thing that is wrong in one rule file.
type Fault struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // 1-based, 0 when the fault is about the file as a whole
	Key     string `json:"key,omitempty"`  // the dotted way to the key: detection.selection.cs-uri|contains
	Rule    string `json:"rule,omitempty"` // the rule's id, where it is known
	Message string `json:"message"`
}

// Error returns "file:line: key: message".
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	b.WriteString(": ")
	if f.Key != "" {
		b.WriteString(f.Key)
		b.WriteString(": ")
	}
	b.WriteString(f.Message)
	return b.String()
}

// Faults are all faults of one load, in order of file and line. It is the error that Load returns.
type Faults []Fault

// Error joins the faults, one a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].Error()
	}
	return strings.Join(lines, "\n")
}

func (f Faults) sorted() Faults {
	sort.SliceStable(f, func(i, j int) bool {
		if f[i].File != f[j].File {
			return f[i].File < f[j].File
		}
		return f[i].Line < f[j].Line
	})
	return f
}
