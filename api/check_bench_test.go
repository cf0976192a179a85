package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/incident/decision"
)

// loadVariable makes the test binary a client: it holds ADDRESS KEY REQUESTS.
const loadVariable = "GATEWATCH_TEST_LOAD"

// loadConnections is how many connections the client holds open, as a gateway's workers do.
const loadConnections = 16

// askAlone sends the requests over connections that stay open, and ends the process.
func askAlone(spec string) {
	var address, key string
	var n int
	if _, err := fmt.Sscan(spec, &address, &key, &n); err != nil {
		panic(err)
	}
	request := []byte("GET /v1/check HTTP/1.1\r\nHost: gatewatch\r\nX-Gatewatch-Key: " + key + "\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n")
	var all sync.WaitGroup
	for range loadConnections {
		all.Go(func() { askOver(address, request, n/loadConnections) })
	}
	all.Wait()
	os.Exit(0)
}

func askOver(address string, request []byte, n int) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	in := bufio.NewReader(conn)
	for range n {
		if _, err := conn.Write(request); err != nil {
			panic(err)
		}
		status, err := in.ReadString('\n')
		if err != nil || !strings.Contains(status, " 200 ") {
			panic(fmt.Sprint(status, err))
		}
		for line := status; line != "\r\n"; {
			if line, err = in.ReadString('\n'); err != nil {
				panic(err)
			}
		}
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCheckOverHTTP is /v1/check over real connections from another process, with 10,000 decisions: checks per
// second of the server's CPU time.
func BenchmarkCheckOverHTTP(b *testing.B) {
	x := newBench(b)
	for i := range 10_000 {
		if _, err := x.book.Add(context.Background(), decision.New{Value: fmt.Sprintf("198.18.%d.%d", i/250, i%250)}, "ann"); err != nil {
			b.Fatal(err)
		}
	}
	server := httptest.NewServer(x.Handler())
	defer server.Close()
	const requests = 20_000
	var used time.Duration
	n := 0
	for b.Loop() {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), loadVariable+"="+strings.TrimPrefix(server.URL, "http://")+" "+x.secrets[RoleBouncer]+" "+strconv.Itoa(requests))
		cmd.Stderr, cmd.Stdout = os.Stderr, io.Discard
		before := cpuTime()
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		used += cpuTime() - before
		n += requests
	}
	b.ReportMetric(float64(n)/used.Seconds(), "checks/cpu-s")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/check")
}
