package engine

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Config is the embedded engine's part of the configuration. The zero value is usable: every zero field stands for the
// default in its comment.
type Config struct {
	// MemoryLimit caps what the engine allocates, in bytes. Default: a quarter of the machine's memory (of the
	// control group's limit where there is one). At least 256 MiB.
	MemoryLimit int64 `yaml:"memory_limit"`
	// Threads is the number of threads that one statement may use. Default: the number of CPUs, 8 at most.
	Threads int `yaml:"threads"`
	// Sessions is the number of statements that run at the same time; more wait. Default: 16.
	Sessions int `yaml:"sessions"`
	// StopTimeout is how long running statements may take to finish when the engine stops. Default: 20 s.
	StopTimeout time.Duration `yaml:"stop_timeout"`
	// Reader opens the engine to a read-only user. Off by default.
	Reader ReaderConfig `yaml:"reader"`
}

// ReaderConfig is the optional read-only user, for curl, Grafana and the like.
type ReaderConfig struct {
	// Listen is the address that the user connects to, "127.0.0.1:8123". Empty: no reader.
	Listen string `yaml:"listen"`
	// User is the name; default "reader".
	User string `yaml:"user"`
	// Password must be set when Listen is; 8 characters at least.
	Password string `yaml:"password"`
	// Database is the database of unqualified names. Default: "gatewatch", the store's.
	Database string `yaml:"database"`
	// MaxExecutionTime bounds a statement. Default: 60 s.
	MaxExecutionTime time.Duration `yaml:"max_execution_time"`
}

const (
	minMemoryLimit = 256 << 20
	minPassword    = 8
)

// Validate lists what is wrong, each with key, value and what is accepted.
func (c Config) Validate() []error {
	var errs []error
	refuse := func(key string, value any, accepted string) {
		errs = append(errs, fmt.Errorf("engine.%s: %v: want %s", key, value, accepted))
	}
	if c.MemoryLimit != 0 && c.MemoryLimit < minMemoryLimit {
		refuse("memory_limit", c.MemoryLimit, "0 for the default, or at least 268435456 (256 MiB)")
	}
	if c.Threads < 0 || c.Threads > 256 {
		refuse("threads", c.Threads, "0 for the default, or 1 to 256")
	}
	if c.Sessions < 0 || c.Sessions > 1000 || c.Sessions == 1 {
		refuse("sessions", c.Sessions, "0 for the default, or 2 to 1000")
	}
	if c.StopTimeout < 0 {
		refuse("stop_timeout", c.StopTimeout, "0 for the default, or a positive duration")
	}
	if c.Reader.Listen == "" {
		return errs
	}
	if _, port, err := net.SplitHostPort(c.Reader.Listen); err != nil || port == "" {
		refuse("reader.listen", c.Reader.Listen, "HOST:PORT, or empty for no reader")
	}
	if len(c.Reader.Password) < minPassword {
		refuse("reader.password", "(hidden)", "8 characters or more")
	}
	if c.Reader.MaxExecutionTime < 0 {
		refuse("reader.max_execution_time", c.Reader.MaxExecutionTime, "0 for the default, or a positive duration")
	}
	return errs
}

func (c Config) withDefaults() Config {
	if c.MemoryLimit == 0 {
		c.MemoryLimit = max(machineMemory()/4, minMemoryLimit)
	}
	if c.Threads == 0 {
		c.Threads = min(runtime.NumCPU(), 8)
	}
	if c.Sessions == 0 {
		c.Sessions = 16
	}
	if c.StopTimeout == 0 {
		c.StopTimeout = 20 * time.Second
	}
	if c.Reader.User == "" {
		c.Reader.User = "reader"
	}
	if c.Reader.Database == "" {
		c.Reader.Database = "gatewatch"
	}
	if c.Reader.MaxExecutionTime == 0 {
		c.Reader.MaxExecutionTime = time.Minute
	}
	return c
}

// engineArgs are the engine's settings of a process. The caches are kept small against the cap, because marks and
// dictionaries count towards it; docs/adr/002-embedded-engine.md has the measurements.
func (c Config) engineArgs(path string) []string {
	limit := c.MemoryLimit
	merges := max(1, min(c.Threads, 4))
	args := []string{"--path=" + path}
	for _, s := range [][2]string{
		{"max_server_memory_usage", fmt.Sprint(limit)},
		{"mark_cache_size", fmt.Sprint(min(limit/16, 256<<20))},
		{"primary_index_cache_size", fmt.Sprint(min(limit/32, 128<<20))},
		{"index_mark_cache_size", fmt.Sprint(min(limit/32, 64<<20))},
		{"uncompressed_cache_size", "0"},
		{"index_uncompressed_cache_size", "0"},
		{"query_condition_cache_size", fmt.Sprint(min(limit/64, 16<<20))},
		{"mmap_cache_size", "100"},
		{"compiled_expression_cache_size", "8388608"},
		{"background_pool_size", fmt.Sprint(merges)},
		{"background_merges_mutations_concurrency_ratio", "1"},
		{"background_schedule_pool_size", "4"},
		{"background_move_pool_size", "1"},
		{"background_fetches_pool_size", "1"},
		{"background_common_pool_size", "2"},
		{"background_buffer_flush_schedule_pool_size", "1"},
		{"background_message_broker_schedule_pool_size", "1"},
		{"background_distributed_schedule_pool_size", "1"},
		{"max_thread_pool_size", "256"},
		{"max_thread_pool_free_size", "16"},
		{"max_io_thread_pool_size", "16"},
		{"max_io_thread_pool_free_size", "0"},
	} {
		args = append(args, "--"+s[0]+"="+s[1])
	}
	return args
}

// sessionDefaults are the settings of every session, before those of the request.
func (c Config) sessionDefaults() map[string]string {
	return map[string]string{
		"max_threads":        strconv.Itoa(c.Threads),
		"max_insert_threads": "1",
		"max_memory_usage":   fmt.Sprint(c.MemoryLimit * 3 / 4),
		// Spill instead of failing; grouping early, because its tables grow by doubling.
		"max_bytes_before_external_group_by": fmt.Sprint(c.MemoryLimit / 8),
		"max_bytes_before_external_sort":     fmt.Sprint(c.MemoryLimit / 3),
		// A disk that is nearly full refuses inserts, so that merges and deletions still have room to free some.
		"min_free_disk_bytes_to_perform_insert": fmt.Sprint(16 << 20),
	}
}

// machineMemory is the memory of the machine, or the limit of the process's control group when that is smaller, in bytes.
func machineMemory() int64 {
	total := int64(4 << 30)
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
				if kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64); err == nil {
					total = kib << 10
				}
			}
		}
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if b, err := os.ReadFile(file); err == nil {
			if limit, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && limit > 0 {
				total = min(total, limit)
			}
		}
	}
	return total
}
