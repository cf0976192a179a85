package engine

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// heartbeat says how a child is asked for a sign of life, and when it is given up.
type heartbeat struct {
	every    time.Duration // between an answer and the next question
	patience time.Duration // with one question
	misses   int           // in a row, after which the child is taken to hang
}

// steady gives up a child after a minute. The question touches no data, so that neither a slow disk nor long statements
// delay its answer; a machine that was suspended makes one miss, however long that took.
var steady = heartbeat{every: 5 * time.Second, patience: 10 * time.Second, misses: 4}

// alivePath asks the engine itself, by a statement on the spare connection; /ping asks only the process.
const alivePath = "/alive"

// watch asks the child until it or ctx ends, and kills it when it hangs: a stopped process or an engine that waits for itself
// would never end on its own, and with it everything would wait.
func (s *Supervisor) watch(ctx context.Context, c *child) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		select {
		case <-c.ended:
		case <-ctx.Done():
		}
	}()
	missed := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.beat.every):
		}
		err := s.ask(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && missed > 0:
			missed = 0
			s.up.Store(true)
			s.log.Info("engine: answers again", "pid", c.pid())
		case err == nil:
		default:
			if missed++; missed == 1 {
				s.up.Store(false)
				s.log.Warn("engine: does not answer; it is started again when it goes on", "pid", c.pid(), "err", err)
			}
			if missed == s.beat.misses {
				s.log.Error("engine: hangs and is killed", "pid", c.pid(), "unanswered", missed)
				_ = c.cmd.Process.Kill()
				return
			}
		}
	}
}

// ask is one question. Every answer is a sign of life, a refusal too.
func (s *Supervisor) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.beat.patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr()+alivePath, nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth(adminUser, s.token)
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return fmt.Errorf("no answer within %v: %w", s.beat.patience, err)
	}
	return resp.Body.Close()
}
