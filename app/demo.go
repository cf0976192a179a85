package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/parsers"
	"github.com/gatewatch/gatewatch/trafficgen"
)

const (
	demoSeed  = 20
	demoUsers = 1200
	demoRate  = 0.6 // requests per second without attacks
	// demoLimit is the size in bytes at which the sample log is rotated; one rotated file is kept.
	demoLimit = 128 << 20
	// demoBucket is the width of the buckets in which busy endpoints are judged.
	demoBucket = 5 * time.Minute
	// demoOpening is how long the first attacks take: a run of the generator is not over before.
	demoOpening = 10 * time.Minute
)

// demo writes the sample log of `serve --demo`: once a quiet past, so that there is something to learn from, then a shop
// that goes on by the clock and is attacked from the first seconds on.
type demo struct {
	dir   string
	out   io.Writer // told what happens
	log   *slog.Logger
	now   func() time.Time
	rate  float64
	limit int64
	learn func(ctx context.Context, until time.Time) error // returns when everything up to until was learned from
}

func (b *builder) newDemo() *demo {
	return &demo{
		dir: filepath.Join(b.cfg.DataDir, "demo"), out: b.opts.Out, log: b.log, now: time.Now, rate: demoRate, limit: demoLimit,
		learn: b.server.learner.learnDemo,
	}
}

// file is the log that is written and followed.
func (d *demo) file() string { return filepath.Join(d.dir, "shop.log") }

func (d *demo) source() Source {
	return Source{Name: "shop", Files: []string{d.file()}, Format: parsers.ParseSpec("json"), Service: "shop"}
}

// Run writes until ctx ends. A log that is there from an earlier start is gone on with.
func (d *demo) Run(ctx context.Context) error {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return fmt.Errorf("sample log: %w", err)
	}
	since, err := d.writtenUntil()
	if err != nil {
		return fmt.Errorf("sample log: %w", err)
	}
	if since.IsZero() {
		if since, err = d.past(); err != nil {
			return fmt.Errorf("sample log: %w", err)
		}
		if err := d.learn(ctx, since); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	d.tell("The shop goes on in %s; the first attacks show within a minute.", d.file())
	return d.live(ctx, since)
}

func (d *demo) tell(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format+"\n", args...) }

// writtenUntil is when the log of an earlier start was last written to, zero when there is none. A past that was not
// written to its end has another name.
func (d *demo) writtenUntil() (time.Time, error) {
	for _, path := range []string{d.file(), d.file() + ".1"} {
		info, err := os.Stat(path)
		if err == nil {
			return info.ModTime(), nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return time.Time{}, err
		}
	}
	return time.Time{}, nil
}

// past writes days without attacks: three before the newest midnight that is old enough for the stream to learn from it,
// up to the bucket before the present one. It returns where it ends.
func (d *demo) past() (end time.Time, err error) {
	now := d.now().UTC()
	start := baseline.DayStart(now.Add(-historyLag)).AddDate(0, 0, -3)
	end = now.Truncate(demoBucket).Add(-demoBucket)
	unfinished := d.file() + ".new"
	f, err := os.Create(unfinished)
	if err != nil {
		return end, err
	}
	g := trafficgen.New(trafficgen.Config{
		Seed: demoSeed, Start: start, Duration: end.Sub(start), Rate: d.rate, Users: demoUsers, Attacks: []trafficgen.Attack{},
	})
	n, err := trafficgen.Write(f, g, trafficgen.AppendJSON, 0)
	if err := errors.Join(err, f.Close()); err != nil {
		return end, err
	}
	d.tell("Learning what is normal from %d requests of a sample shop, %d days without attacks…", n, int(end.Sub(start).Hours()/24))
	return end, os.Rename(unfinished, d.file())
}

// live writes what happens from since or the bucket before the present one on, about an hour a run.
func (d *demo) live(ctx context.Context, since time.Time) error {
	now := d.now().UTC()
	start := now.Truncate(demoBucket).Add(-demoBucket)
	if since.After(start) {
		start = since.UTC()
	}
	attacks := openingAttacks(start, now)
	w, err := openDemoLog(d.file(), d.limit)
	if err != nil {
		return fmt.Errorf("sample log: %w", err)
	}
	for err == nil {
		end := now.Add(demoOpening).Truncate(time.Hour).Add(time.Hour)
		g := trafficgen.New(trafficgen.Config{
			Seed: demoSeed, Run: uint64(start.Unix()), Start: start, Duration: end.Sub(start) - time.Millisecond, //nolint:gosec // after 1970
			Rate: d.rate, Users: demoUsers, Attacks: append(attacks, laterAttacks(start, now, end)...),
		})
		err = d.play(ctx, g, w)
		start, now, attacks = end, end, nil
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("sample log: %w", err)
	}
	return nil
}

// play writes the generator's records when their time has come; what is past comes at once.
func (d *demo) play(ctx context.Context, g *trafficgen.Generator, w *demoLog) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var line []byte
	for r, ok := g.Next(); ok; r, ok = g.Next() {
		if left := r.Time.Sub(d.now()); left > 0 {
			if err := w.Flush(); err != nil {
				return err
			}
			timer.Reset(left)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		line = append(trafficgen.AppendJSON(line[:0], &r), '\n')
		if err := w.write(line); err != nil {
			return err
		}
	}
	return w.Flush()
}

// openingAttacks are under way at now, or begin within its first minute.
func openingAttacks(start, now time.Time) []trafficgen.Attack {
	at := func(after time.Duration) time.Duration { return max(now.Add(after).Sub(start), 0) }
	return []trafficgen.Attack{
		{Kind: trafficgen.TrafficSpike, At: 0, For: at(2 * time.Minute), Every: 15 * time.Second},
		{Kind: trafficgen.ErrorBurst, At: time.Minute, For: at(time.Minute)},
		{Kind: trafficgen.UserSpike, At: at(-150 * time.Second), For: 6 * time.Minute, Every: 400 * time.Millisecond},
		{Kind: trafficgen.Enumeration, At: at(-20 * time.Second), For: 4 * time.Minute},
		{Kind: trafficgen.BruteForce, At: at(3 * time.Second), For: 2 * time.Minute},
		{Kind: trafficgen.PathScan, At: at(10 * time.Second), For: time.Minute},
		{Kind: trafficgen.SQLInjection, At: at(16 * time.Second), For: 2 * time.Minute},
		{Kind: trafficgen.CredentialStuffing, At: at(22 * time.Second), For: 3 * time.Minute, Every: 4 * time.Second, Clients: 1},
		{Kind: trafficgen.Traversal, At: at(40 * time.Second), For: time.Minute},
	}
}

// laterAttacks are one every four minutes until end, another kind each time.
func laterAttacks(start, now, end time.Time) (list []trafficgen.Attack) {
	const apart = 4 * time.Minute
	turn := int(now.Unix() / int64(apart.Seconds()))
	for at := now.Add(2 * apart); at.Add(apart).Before(end); at = at.Add(apart) {
		turn++
		a := trafficgen.Attack{Kind: trafficgen.Kinds[turn%len(trafficgen.Kinds)], At: at.Sub(start)}
		if a.Kind == trafficgen.CredentialStuffing {
			a.Clients, a.Every, a.For = 2, 5*time.Second, 5*time.Minute
		}
		list = append(list, a)
	}
	return list
}

// demoLog is the log as a gateway and logrotate would keep it: whole lines are appended, and a full file is renamed.
type demoLog struct {
	*bufio.Writer
	path  string
	limit int64
	size  int64
	file  *os.File
}

func openDemoLog(path string, limit int64) (*demoLog, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &demoLog{Writer: bufio.NewWriterSize(f, 64<<10), path: path, limit: limit, size: info.Size(), file: f}, nil
}

func (l *demoLog) write(line []byte) error {
	if l.size+int64(len(line)) > l.limit {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	l.size += int64(len(line))
	_, err := l.Write(line)
	return err
}

// rotate puts the full file in the place of the one before it.
func (l *demoLog) rotate() error {
	if err := l.Close(); err != nil {
		return err
	}
	if err := os.Rename(l.path, l.path+".1"); err != nil {
		return err
	}
	next, err := openDemoLog(l.path, l.limit)
	if err != nil {
		return err
	}
	*l = *next
	return nil
}

// Close writes what is left. A second call does nothing.
func (l *demoLog) Close() error {
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.Flush(), l.file.Close())
	l.file = nil
	return err
}

// learnDemo waits until events up to about until are stored, then recomputes the baselines as the schedule would.
func (l *learner) learnDemo(ctx context.Context, until time.Time) error {
	const near = 2 * time.Minute // the shop's last request may lie as long before its end
	for l.eventTime.Load() < until.Add(-near).UnixMilli() {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
	job, err := l.runner.Recompute(ctx, "the sample log's past was read")
	switch {
	case errors.Is(err, baseline.ErrBusy), ctx.Err() != nil:
		return nil // somebody else's will do
	case err != nil:
		return fmt.Errorf("learn from the sample log: %w", err)
	case job.State == baseline.JobFailed:
		return fmt.Errorf("learn from the sample log: %s", job.Error)
	}
	return nil
}
