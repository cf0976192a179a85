package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/gatewatch/gatewatch/app"
	"github.com/gatewatch/gatewatch/parsers"
)

type formatFlags struct {
	Format   string `help:"The log's format: auto, a name, an nginx log_format or Apache LogFormat string, or a regular expression with named groups." default:"auto"`
	TimeZone string `help:"Zone of times that name none." default:"UTC" placeholder:"ZONE"`
	Year     int    `help:"Year of the first time that names none; without it such a time is an error." placeholder:"YEAR"`
}

func (f formatFlags) spec() (parsers.Spec, parsers.Options, error) {
	spec := parsers.ParseSpec(f.Format)
	if err := spec.Validate(); err != nil {
		return spec, parsers.Options{}, fmt.Errorf("--format: %w", err)
	}
	location, err := time.LoadLocation(f.TimeZone)
	if err != nil {
		return spec, parsers.Options{}, fmt.Errorf("--time-zone: %q: want an IANA name such as Europe/Berlin", f.TimeZone)
	}
	if f.Year != 0 && (f.Year < 1970 || f.Year > 2261) {
		return spec, parsers.Options{}, fmt.Errorf("--year: %d: want 1970 to 2261", f.Year)
	}
	return spec, parsers.Options{Location: location, Year: f.Year}, nil
}

type analyzeCmd struct {
	formatFlags
	JSON      bool     `help:"One incident a line instead of the report."`
	GeoIP     []string `name:"geoip" help:"Geography database in MaxMind's format; may be given several times." placeholder:"MMDB" sep:"none"`
	Service   string   `help:"Service of logs that name none." placeholder:"NAME"`
	Top       int      `help:"Incidents told in full in the report." default:"25"`
	TempDir   string   `help:"Where the private store lies while it is needed (default: the system's)." placeholder:"DIR"`
	BlockSize int      `help:"Events stored at once." default:"0" hidden:""`
	Files     []string `arg:"" name:"file" help:"Logs, plain, gzip or zstd; - is standard input."`
}

// Run analyses the logs and prints incidents or a report on stdout.
func (c *analyzeCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	spec, opts, err := c.spec()
	if err != nil {
		return err
	}
	if os.Getenv("GOMEMLIMIT") == "" && os.Getenv("GOGC") == "" {
		debug.SetMemoryLimit(app.AnalyzeMemory)
		debug.SetGCPercent(app.AnalyzeGCPercent)
	}
	bar := newProgress(std.Err, c.Files)
	report, err := app.Analyze(ctx, app.AnalyzeOptions{
		Paths: c.Files, Format: spec, Parse: opts, GeoIP: c.GeoIP, Service: c.Service, In: std.In, TempDir: c.TempDir,
		BlockSize: c.BlockSize, Progress: bar.add, Logger: log,
	})
	bar.close()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(std.Out)
	if c.JSON {
		err = report.WriteJSON(out)
	} else {
		err = report.WriteText(out, c.Top)
	}
	return errors.Join(err, out.Flush())
}

// progress is a bar on a terminal, and nothing elsewhere.
type progress struct{ bar *progressbar.ProgressBar }

func newProgress(w io.Writer, files []string) progress {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return progress{}
	}
	var total int64
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			total = -1 // stdin and pipes: how much will come is not known
			break
		}
		total += info.Size()
	}
	return progress{progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionShowBytes(true),
		progressbar.OptionSetDescription("reading"), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())}
}

func (p progress) add(read int64) {
	if p.bar != nil {
		_ = p.bar.Add64(read) // a bar that cannot be drawn is no reason to stop
	}
}

func (p progress) close() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
