package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/ingest/enrich"
	"github.com/gatewatch/gatewatch/ingest/logfile"
	"github.com/gatewatch/gatewatch/ingest/pseudonym"
	"github.com/gatewatch/gatewatch/ingest/ship"
	"github.com/gatewatch/gatewatch/parsers"
)

// ImportOptions are what Import is told. Paths, Server and Key are required, and one of Secret and DataDir.
type ImportOptions struct {
	Paths  []string
	Server string // the running server's address
	Key    string // an API key that may ingest: agent or admin

	Source   string // of the events: SOURCE:LOG; "" is "import"
	Service  string // of logs that name none; "" is DefaultService
	Format   parsers.Spec
	Parse    parsers.Options
	Identity enrich.Config
	Privacy  pseudonym.Config
	DataDir  string // of the server, whose secret is used
	Secret   string // file that holds the secret, when the server is elsewhere

	Ship     ship.Options // its Server and Key are those above
	Progress func(delta int64)
}

// ImportReport says what became of an import.
type ImportReport struct {
	Logs                           int
	Lines, Events, Failed, Skipped uint64
	Known                          uint64    // lines that an earlier import had sent
	First, Last                    time.Time // event time
	Truncated                      []string  // logs that broke off, with the reason
}

const (
	importEvents = 20_000           // of a batch
	importBytes  = 4 << 20          // of a batch's lines
	tellEvery    = 1 << 20          // bytes passed over between two calls of Progress
	importSpan   = 15 * time.Minute // of event time in a batch while several logs are read side by side
)

// Import sends logs, plain or compressed, to a running server: oldest first, several logs of one time side by side, each
// event with its log's generation and its position. So a repeated or resumed import changes nothing, and rotated logs
// count once whatever they are called. Errors of the server are worth patience, as an agent has it; those that only an
// operator can change end the import.
func Import(ctx context.Context, o ImportOptions) (ImportReport, error) {
	if o.Source == "" {
		o.Source = "import"
	}
	if o.Service == "" {
		o.Service = DefaultService
	}
	if o.Secret == "" {
		o.Secret = filepath.Join(o.DataDir, "secret")
	}
	if _, err := os.Stat(o.Secret); err != nil {
		return ImportReport{}, fmt.Errorf("the installation's secret is needed, so that sessions have the names that the server gives them "+
			"(--data-dir of the server, or --secret-file): %w", err)
	}
	secret, err := installationSecret(o.Secret)
	if err != nil {
		return ImportReport{}, err
	}
	o.Parse.WireFields = o.Identity.WireFields()
	maker, err := pseudonym.New(o.Privacy)
	if err != nil {
		return ImportReport{}, err
	}
	known := enrich.NormalizerOptions{Key: secret}
	if maker != nil {
		known.Pseudonyms = maker
	}
	norm, err := enrich.NewNormalizer(o.Identity, known)
	if err != nil {
		return ImportReport{}, err
	}
	o.Ship.Server, o.Ship.Key = o.Server, o.Key
	sink, err := ship.New(o.Ship)
	if err != nil {
		return ImportReport{}, err
	}
	defer sink.Close()
	if err := mayIngest(ctx, o); err != nil {
		return ImportReport{}, err
	}
	im := &importer{opt: o, norm: norm, server: sink, sink: pseudonym.NewSink(maker, sink, sink)}
	if err := im.open(); err != nil {
		return ImportReport{}, err
	}
	if err := im.resume(ctx); err != nil {
		return ImportReport{}, err
	}
	err = im.run(ctx)
	return im.report, err
}

// mayIngest asks the server whether the key is good, with a request that it refuses after it has looked at the key: one
// that stored nothing would still be a source.
func mayIngest(ctx context.Context, o ImportOptions) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(o.Server, "/")+ship.EventsPath+"?probe", http.NoBody)
	if err != nil {
		return errors.New("server address: want http://HOST:PORT or https://HOST")
	}
	req.Header.Set("Authorization", "Bearer "+o.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("reach the server: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		return errors.New("the server does not know the key")
	case http.StatusForbidden:
		return errors.New("the key may not ingest: want the role agent or admin")
	case http.StatusNotFound:
		return fmt.Errorf("%s is no Gatewatch server", o.Server)
	}
	return nil // all else the sink has patience with
}

// importer is an import at work.
type importer struct {
	opt     ImportOptions
	norm    *enrich.Normalizer
	server  *ship.Sink
	sink    ingest.Sink  // the server, behind what keeps sealed identities
	waiting []*importLog // by start
	active  []*importLog
	report  ImportReport
}

// importLog is one log: its parser, and the batch that comes next.
type importLog struct {
	path   string
	start  time.Time
	source string
	gen    uint64
	file   *logfile.Reader
	parser *lineParser
	reader ingest.LineReader
	batch  *ingest.Batch
	from   uint64
	stored *uint64 // position of the newest line that the server has; nil: none
	ended  bool
	told   int64
}

// open finds out when each log begins. A log in which nothing can be parsed is an error that names it.
func (im *importer) open() error {
	var faults []error
	for _, path := range im.opt.Paths {
		l := &importLog{path: path}
		start, err := firstTime(path, logMergeOptions{Format: im.opt.Format, Parse: im.opt.Parse})
		if err == nil {
			l.start = start
			l.source, l.gen, err = im.identify(path)
		}
		faults = append(faults, err)
		im.waiting = append(im.waiting, l)
	}
	slices.SortStableFunc(im.waiting, func(a, b *importLog) int { return a.start.Compare(b.start) })
	im.report.Logs = len(im.waiting)
	return errors.Join(faults...)
}

// resume asks the server where each log stands.
func (im *importer) resume(ctx context.Context) error {
	for _, l := range im.waiting {
		position, some, err := im.server.Position(ctx, l.source, l.gen)
		if err != nil {
			return err
		}
		if some {
			l.stored = &position
		}
	}
	return nil
}

// rotated is what rotation appends to a log's name.
var rotated = regexp.MustCompile(`(\.(gz|zst|old|bak|\d{1,4})|[-._]\d{4}-?\d{2}-?\d{2}([-_T]?\d{2,6})?)+$`)

// identify names a log by its path without what rotation appends, and its content by how it begins: up to its first
// request or 4 KiB.
func (im *importer) identify(path string) (source string, generation uint64, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", 0, err
	}
	source = im.opt.Source + ":" + rotated.ReplaceAllString(abs, "")
	file, err := logfile.Open(path, nil)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = file.Close() }() // it was only read
	p, err := newLineParser(im.opt.Format, im.opt.Parse)
	if err != nil {
		return "", 0, err
	}
	print := xxhash.New()
	var ev event.Event
	for n := 0; n < 4096; {
		line, err := file.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", 0, fmt.Errorf("%s: %w", path, err)
		}
		_, _ = print.WriteString(line.Text + "\n") // a hash takes everything
		n += len(line.Text) + 1
		ev.Reset()
		if p.parse(line, &ev) == nil {
			break
		}
	}
	return source, max(1, ingest.FileGeneration(print.Sum64())), nil
}

// run sends batches in order of time; the next is parsed while one is on its way.
func (im *importer) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	batches := make(chan *ingest.Batch, 1)
	group.Go(func() error {
		for b := range batches {
			if err := im.sink.Write(ctx, b); err != nil {
				for range batches { // let the reader go on; the group's context tells it to stop
				}
				return fmt.Errorf("send events of %s: %w", b.Source, err)
			}
		}
		return nil
	})
	group.Go(func() error {
		defer close(batches)
		return im.read(ctx, batches)
	})
	return group.Wait()
}

func (im *importer) read(ctx context.Context, batches chan<- *ingest.Batch) error {
	defer func() {
		for _, l := range im.active {
			_ = l.file.Close() // it was only read
		}
	}()
	for {
		l, err := im.next()
		if l == nil || err != nil {
			return err
		}
		select {
		case batches <- l.batch:
		case <-ctx.Done():
			return ctx.Err()
		}
		l.batch = nil
	}
}

// next returns the log whose next batch is the earliest, nil at the end of all.
func (im *importer) next() (*importLog, error) {
	for {
		var best *importLog
		for i := 0; i < len(im.active); {
			l := im.active[i]
			if l.batch == nil {
				im.fill(l)
			}
			if l.batch == nil {
				im.active = slices.Delete(im.active, i, i+1)
				_ = l.file.Close() // it was only read
				continue
			}
			if best == nil || l.begins().Before(best.begins()) {
				best = l
			}
			i++
		}
		if len(im.waiting) == 0 || best != nil && im.waiting[0].start.After(best.begins()) {
			return best, nil
		}
		if err := im.activate(); err != nil {
			return nil, err
		}
	}
}

func (im *importer) activate() (err error) {
	l := im.waiting[0]
	im.waiting = im.waiting[1:]
	if l.file, err = logfile.Open(l.path, nil); err != nil {
		return err
	}
	im.active = append(im.active, l)
	if l.parser, err = newLineParser(im.opt.Format, im.opt.Parse); err != nil {
		return err
	}
	l.reader = ingest.LineReader{Parser: l.parser, Normalizer: im.norm, Service: im.opt.Service}
	return nil
}

// begins is the time of the batch's first event; that of the log when it has none.
func (l *importLog) begins() time.Time {
	if len(l.batch.Events) == 0 {
		return l.start
	}
	return l.batch.Events[0].Time
}

// fill reads the log's next batch; none at its end.
func (im *importer) fill(l *importLog) {
	if l.ended {
		return
	}
	b := &ingest.Batch{Source: l.source, Generation: l.gen, From: l.from, To: l.from}
	for len(b.Events) < importEvents && b.To-b.From < importBytes {
		line, err := l.file.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				im.report.Truncated = append(im.report.Truncated, l.path+": "+err.Error())
			}
			l.ended = true
			break
		}
		end := line.Offset + uint64(len(line.Text)) + 1
		if l.stored != nil && line.Offset <= *l.stored {
			im.report.Known++
			b.From, b.To = end, end
			im.tell(l, tellEvery)
			continue
		}
		l.reader.Read(b, line.Text, ingest.Failure{Position: line.Offset}, line.Offset)
		b.To = end
		if n := len(b.Events); n > 0 && b.Events[n-1].Time.Sub(b.Events[0].Time) > importSpan && im.others(b.Events[n-1].Time) {
			break
		}
	}
	l.from = b.To
	rec := l.parser.recognition()
	b.Format, b.Confidence = rec.Format, rec.Confidence
	im.tell(l, 1)
	if b.Lines == 0 {
		return
	}
	im.note(b)
	l.batch = b
}

// tell says how much was read since it was last told, when it is at least so many bytes.
func (im *importer) tell(l *importLog, least int64) {
	if read := l.file.BytesRead(); im.opt.Progress != nil && read-l.told >= least {
		im.opt.Progress(read - l.told)
		l.told = read
	}
}

// others reports whether another log has events of that time too.
func (im *importer) others(at time.Time) bool {
	return len(im.active) > 1 || len(im.waiting) > 0 && !at.Before(im.waiting[0].start)
}

func (im *importer) note(b *ingest.Batch) {
	r := &im.report
	r.Lines, r.Failed, r.Skipped = r.Lines+b.Lines, r.Failed+b.Failed, r.Skipped+b.Skipped
	r.Events += uint64(len(b.Events))
	for i := range b.Events {
		t := b.Events[i].Time
		if r.First.IsZero() || t.Before(r.First) {
			r.First = t
		}
		if t.After(r.Last) {
			r.Last = t
		}
	}
}
