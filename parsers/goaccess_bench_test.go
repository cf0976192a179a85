package parsers

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// BenchmarkAgainstGoAccess reads the same combined log with GoAccess and with this room alone, and reports each one's
// lines per second of processor time and their ratio. It skips where GoAccess is not installed.
func BenchmarkAgainstGoAccess(b *testing.B) {
	goaccess, err := exec.LookPath("goaccess")
	if err != nil {
		b.Skip("goaccess is not installed")
	}
	const lines = 300_000
	file := filepath.Join(b.TempDir(), "access.log")
	writeCombined(b, file, lines)
	for b.Loop() {
		peer := exec.Command(goaccess, file, "--log-format=COMBINED", "--no-global-config", "-o", file+".json")
		if out, err := peer.CombinedOutput(); err != nil {
			b.Fatalf("goaccess: %v: %s", err, out)
		}
		theirs := lines / (peer.ProcessState.UserTime() + peer.ProcessState.SystemTime()).Seconds()
		before := cpuTime(b)
		readCombined(b, file, lines)
		ours := lines / (cpuTime(b) - before).Seconds()
		b.ReportMetric(theirs, "goaccess-lines/cpu-s")
		b.ReportMetric(ours, "lines/cpu-s")
		b.ReportMetric(ours/theirs, "times-goaccess")
	}
}

// writeCombined writes a log of many clients, pages and agents.
func writeCombined(b *testing.B, file string, lines int) {
	b.Helper()
	f, err := os.Create(file)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	agents := []string{"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "curl/8.5.0", "okhttp/4.12.0"}
	at := time.Date(2025, 3, 10, 0, 0, 0, 0, time.UTC)
	for i := range lines {
		fmt.Fprintf(w, "203.0.%d.%d - - [%s] \"GET /api/orders/%d?expand=items HTTP/1.1\" %d %d \"https://shop.example.com/cart\" \"%s\"\n",
			i%113, i*7%250, at.Add(time.Duration(i)*250*time.Millisecond).Format("02/Jan/2006:15:04:05 -0700"), i%5000, 200+i%7*34, 100+i%9000, agents[i%3])
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// readCombined reads the log as a source of unknown format.
func readCombined(b *testing.B, file string, want int) {
	b.Helper()
	f, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	in := bufio.NewReaderSize(f, 1<<20)
	a := NewAuto(Options{})
	var ev event.Event
	n := 0
	for {
		line, err := in.ReadString('\n')
		if line == "" && err != nil {
			break
		}
		ev.Reset()
		if err := a.Parse(strings.TrimSuffix(line, "\n"), &ev); err != nil {
			b.Fatal(err)
		}
		n++
	}
	if n != want {
		b.Fatalf("read %d lines, want %d", n, want)
	}
}
