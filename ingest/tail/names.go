package tail

import (
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// rotation is what rotation appends to a log's name: a count, a date, a time, a compression.
var rotation = regexp.MustCompile(`(?:\.\d{1,4}|[-._]\d{8}(?:[-_T.]?\d{2,6})?|[-._]\d{10}|[-._]\d{4}-\d{2}-\d{2}(?:[-_T.]?\d{2}[-:.]?\d{0,2}[-:.]?\d{0,2})?|\.old)$`)

// logName is what a log itself is called, before rotation adds to it.
var logName = regexp.MustCompile(`(?i)(?:\.(?:log|json|jsonl|txt|out|csv)|log)$`)

// dates are replaced in the source's name: a gateway that names its logs by date is still one source.
var dates = regexp.MustCompile(`\d{4}-?\d{2}-?\d{2}(?:[-_T.]?\d{2}(?:[-:.]?\d{2}){0,2})?`)

// basePath returns the log that a rotated file belongs to: access.log for access.log.2.gz and access.log-20240131.
// A path that is no rotated file is returned as it is.
func basePath(path string) string {
	base := path
	for _, ext := range []string{".gz", ".zst"} {
		base = strings.TrimSuffix(base, ext)
	}
	for {
		at := rotation.FindStringIndex(filepath.Base(base))
		if at == nil {
			break
		}
		cut := base[:len(base)-len(filepath.Base(base))+at[0]]
		if strings.HasSuffix(cut, string(filepath.Separator)) || cut == "" || !isLog(cut) {
			break
		}
		base = cut
	}
	return base
}

// isLog tells whether cut is the name of a log rather than a name that happens to end before a number.
func isLog(cut string) bool {
	if logName.MatchString(cut) || rotation.MatchString(filepath.Base(cut)) {
		return true
	}
	_, err := os.Lstat(cut)
	return err == nil
}

// sourceName names the source of a log: the configured name and the path, dates replaced.
func sourceName(name, path string) string {
	dir, file := filepath.Split(path)
	path = dir + dates.ReplaceAllString(file, "*")
	if name == "" {
		return path
	}
	return name + ":" + path
}

// sibling is a file beside a log that may be one of its rotations.
type sibling struct {
	path string
	info os.FileInfo
}

// siblings lists the rotations of the log at path, oldest first by modification time.
func siblings(path string) []sibling {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil // the folder is gone or closed to us: opening the log itself says so
	}
	var list []sibling
	for _, e := range entries {
		name := filepath.Join(filepath.Dir(path), e.Name())
		if name == path || !strings.HasPrefix(e.Name(), filepath.Base(path)) || basePath(name) != path {
			continue
		}
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			list = append(list, sibling{name, info})
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].info.ModTime().Before(list[j].info.ModTime()) })
	return list
}
