package engine

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gatewatch/gatewatch/store/engine/libchdb"
)

// guard is what stands between the read-only user and the engine. Four things hold it, because none is enough alone:
// the engine's own readonly=1, which refuses writes, settings and most functions that reach outside; the class of the
// statement, which refuses KILL and INTO OUTFILE; the names below, which refuse what readonly=1 lets through or
// contacts before it refuses; and the list of settings that a request may carry.
type guard struct {
	cfg    ReaderConfig
	tables map[string]bool // lower-case names of table functions that are refused
}

// safeTableFunctions read nothing outside the database, or are refused by the engine at once (format).
var safeTableFunctions = []string{
	"numbers", "numbers_mt", "zeros", "zeros_mt", "generateSeries", "generate_series", "primes", "values", "view",
	"viewIfPermitted", "null", "merge", "generateRandom", "SQLStandardValues", "format", "loop",
}

// refusedFunctions reach files, hosts or services, or run text as SQL. They are refused wherever the word stands,
// because a function can be named without calling it (APPLY, arrayMap).
var refusedFunctions = map[string]bool{
	"file": true, "hascolumnintable": true, "catboostevaluate": true, "reversednsquery": true, "eval": true,
	"aiclassify": true, "aigenerate": true, "aiextract": true, "aitranslate": true, "aiembed": true,
	"addresstoline": true, "addresstolinewithinlines": true, "addresstosymbol": true, "sleep": true, "sleepeachrow": true,
}

// readerSettings are the settings that a request of the reader may carry: they shape the result or lower a limit.
var readerSettings = map[string]bool{
	"max_execution_time": true, "max_result_rows": true, "max_result_bytes": true, "result_overflow_mode": true,
	"max_rows_to_read": true, "max_bytes_to_read": true, "read_overflow_mode": true, "timeout_overflow_mode": true,
	"max_block_size": true, "extremes": true, "join_use_nulls": true, "session_timezone": true, "limit": true, "offset": true,
	"date_time_output_format": true, "format_csv_delimiter": true, "readonly": true, "prefer_column_name_to_alias": true,
	"allow_experimental_analyzer": true, "enable_analyzer": true, "max_threads": true, "send_profile_events": true,
}

func newGuard(conn *libchdb.Conn, cfg ReaderConfig) (*guard, error) {
	r, err := conn.Query("SELECT name FROM system.table_functions", "TabSeparatedRaw", nil)
	if err != nil {
		return nil, fmt.Errorf("list the engine's table functions: %w", err)
	}
	defer r.Free()
	g := &guard{cfg: cfg, tables: map[string]bool{}}
	for name := range strings.Lines(string(r.Bytes())) {
		g.tables[strings.ToLower(strings.TrimSpace(name))] = true
	}
	for _, name := range safeTableFunctions {
		delete(g.tables, strings.ToLower(name))
	}
	return g, nil
}

// admit checks the request's text and settings and returns the settings of its session.
func (g *guard) admit(req *request) (map[string]string, error) {
	if len(req.external) > 0 {
		return nil, newException(codeReadonly, "READONLY", "External tables are not for the read-only user")
	}
	if err := g.checkNames(req.sql); err != nil {
		return nil, err
	}
	seconds := max(1, int(g.cfg.MaxExecutionTime.Seconds()))
	settings := map[string]string{}
	for name, value := range req.settings {
		if !readerSettings[name] && !strings.HasPrefix(name, "output_format_") {
			return nil, newException(codeReadonly, "READONLY", "Cannot modify '%s' setting in readonly mode", name)
		}
		settings[name] = value
	}
	if asked := atoi(settings["max_execution_time"]); asked == 0 || asked > seconds {
		settings["max_execution_time"] = strconv.Itoa(seconds)
	}
	if atoi(settings["max_threads"]) == 0 {
		delete(settings, "max_threads")
	}
	settings["readonly"] = "1"
	settings["allow_ddl"] = "0"
	settings["allow_introspection_functions"] = "0"
	if req.database == "" {
		req.database = g.cfg.Database
	}
	return settings, nil
}

func (g *guard) checkNames(sql string) error {
	var last token
	for t := range tokens(sql) {
		called := t.kind == symbol && t.text == "(" && last.kind == word && g.tables[strings.ToLower(last.text)]
		if called || t.kind == word && refusedFunctions[strings.ToLower(t.text)] {
			name := t.text
			if called {
				name = last.text
			}
			return newException(codeReadonly, "READONLY", "The read-only user may not use '%s'", clip(name))
		}
		last = t
	}
	return nil
}
