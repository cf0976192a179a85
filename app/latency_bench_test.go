package app

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkLineToIncident writes brute force by ever new clients into a followed log and reports how long it takes from
// the last write until the incident is in the list over REST, while the log also carries ordinary traffic.
func BenchmarkLineToIncident(b *testing.B) {
	dir := b.TempDir()
	log := filepath.Join(dir, "access.log")
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	s, _ := startServer(b, Config{DataDir: filepath.Join(dir, "data"), Sources: []Source{{Files: []string{log}}}}, ServeOptions{})
	key := s.AdminKey
	const attacks = 100
	for b.Loop() {
		var took []time.Duration
		for i := range attacks {
			client := fmt.Sprintf("203.0.113.%d", i+1)
			lines := ""
			for k := range 200 {
				lines += fmt.Sprintf("198.51.100.%d - - [%s] \"GET /articles/%d HTTP/1.1\" 200 %d \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n",
					k, time.Now().UTC().Format("02/Jan/2006:15:04:05 -0700"), k, 1000+k)
			}
			if _, err := f.WriteString(lines + bruteForce(client, 40, time.Now())); err != nil {
				b.Fatal(err)
			}
			written := time.Now()
			var list incidentList
			waitFor(b, "an incident about "+client, func() bool {
				get(b, s, key, "/v1/incidents?entity="+client, &list)
				return len(list.Incidents) > 0
			})
			took = append(took, time.Since(written))
		}
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2].Seconds(), "s-p50")
		b.ReportMetric(took[len(took)*99/100].Seconds(), "s-p99")
	}
	b.ReportMetric(0, "ns/op")
}
