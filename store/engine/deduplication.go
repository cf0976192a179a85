package engine

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/google/renameio/v2"
)

// The engine notes a block's deduplication token in its table's log before it commits the block's part. Killed between
// the two, it takes the repeat of that block for known and drops it: the block is acknowledged and is nowhere. So before
// the engine opens a directory, records whose part is not there are taken out of the logs, and the repeat is stored.
//
// A log is deduplication_logs/deduplication_log_N.txt beside the table's parts; a line is operation (1 added, 2 dropped),
// part and token, separated by tabs. A part's folder is partition_min_max_level, and after a mutation _version. Source:
// ClickHouse's MergeTreeDeduplicationLog and MergeTreePartInfo.

// partName matches a committed part's folder, and no temporary one.
var partName = regexp.MustCompile(`^([^_]+)_(\d+)_(\d+)_\d+(?:_\d+)?$`)

// span is the numbers of the blocks that a part of a partition holds.
type span struct {
	partition string
	min, max  int64
}

func spanOf(part string) (span, bool) {
	m := partName.FindStringSubmatch(part)
	if m == nil {
		return span{}, false
	}
	first, err1 := strconv.ParseInt(m[2], 10, 64)
	last, err2 := strconv.ParseInt(m[3], 10, 64)
	return span{m[1], first, last}, err1 == nil && err2 == nil
}

// forgetUncommitted mends the deduplication logs of all tables under the engine's directory.
func forgetUncommitted(path string, log *slog.Logger) error {
	dirs, err := filepath.Glob(filepath.Join(path, "store", "*", "*", "deduplication_logs"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		n, err := mendTable(dir)
		if err != nil {
			return fmt.Errorf("mend the deduplication log %s: %w", dir, err)
		}
		if n > 0 {
			log.Info("engine: blocks that were noted but not committed may be stored again", "blocks", n, "dir", dir)
		}
	}
	return nil
}

// mendTable looks at the two newest logs: a block that is on its way when the engine dies is among the last. It returns how many records it took out.
func mendTable(dir string) (int, error) {
	table, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		return 0, err
	}
	var parts []span
	for _, entry := range table {
		if s, ok := spanOf(entry.Name()); ok && entry.IsDir() {
			parts = append(parts, s)
		}
	}
	committed := func(block span) bool {
		return slices.ContainsFunc(parts, func(p span) bool {
			return p.partition == block.partition && p.min <= block.min && block.max <= p.max
		})
	}
	logs, err := newestLogs(dir)
	if err != nil {
		return 0, err
	}
	removed := 0
	for _, name := range logs {
		n, err := mendLog(name, committed)
		if err != nil {
			return removed, err
		}
		removed += n
	}
	return removed, nil
}

// newestLogs returns the paths of the two logs with the highest numbers.
func newestLogs(dir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "deduplication_log_*.txt"))
	if err != nil {
		return nil, err
	}
	number := func(name string) int {
		var n int
		_, _ = fmt.Sscanf(filepath.Base(name), "deduplication_log_%d.txt", &n) // others count as the oldest
		return n
	}
	slices.SortFunc(names, func(a, b string) int { return number(b) - number(a) })
	return names[:min(2, len(names))], nil
}

// inDoubt is how many records at the end of a log are looked at: far more than a table has inserts at a time.
const inDoubt = 1000

// mendLog rewrites a log without the records of added parts that are not committed. A record that has another shape than
// the known one stays, the engine decides about it; a last line without its end is cut off, since the engine would stop reading there.
func mendLog(name string, committed func(span) bool) (int, error) {
	text, err := os.ReadFile(name) //nolint:gosec // inside the engine's own directory
	if err != nil {
		return 0, err
	}
	lines := slices.Collect(bytes.Lines(text))
	old := max(0, len(lines)-inDoubt)
	kept := bytes.Join(lines[:old], nil)
	removed := 0
	for _, line := range lines[old:] {
		fields := bytes.Split(line, []byte{'\t'})
		if line[len(line)-1] != '\n' {
			removed++
			continue
		}
		if len(fields) == 3 && string(fields[0]) == "1" {
			if block, ok := spanOf(string(fields[1])); ok && !committed(block) {
				removed++
				continue
			}
		}
		kept = append(kept, line...)
	}
	if removed == 0 {
		return 0, nil
	}
	return removed, renameio.WriteFile(name, kept, 0o640, renameio.WithExistingPermissions())
}
