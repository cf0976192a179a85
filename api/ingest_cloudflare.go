package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest"
)

// ingestCloudflare answers POST /v1/ingest/cloudflare: a Logpush job with an HTTP destination. Before the job is made,
// Cloudflare uploads a test that is no log (developers.cloudflare.com/logs/logpush/logpush-job/enable-destinations/http);
// it must be taken like the rest. A batch with lines that do not parse is answered 200 as well, since Logpush would
// send all of it again: they are counted.
func (s *Server) ingestCloudflare(c echo.Context) error {
	p := s.query(c)
	how := p.reading()
	if err := p.err(); err != nil {
		return err
	}
	r, err := s.body(c)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	head := make([]byte, 256)
	n, err := io.ReadFull(r, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // io.ReadFull returns these two themselves
		if head = head[:n]; logpushTest(head) {
			return c.JSON(http.StatusOK, map[string]string{"status": "ok"})
		}
	} else if err != nil {
		return bodyFault(err)
	}
	digest := sha256.New()
	b, err := s.read(io.TeeReader(io.MultiReader(bytes.NewReader(head), r), digest), how)
	if err != nil {
		return err
	}
	b.Key = logpushKey(b, digest)
	out, err := s.write(c, b)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

// logpushKey tells a repeated upload from another: Logpush sends no identity, but each record carries the request's Ray ID,
// so two uploads with the same bytes are one. Without Ray IDs in all records there is no key.
func logpushKey(b *ingest.Batch, digest hash.Hash) string {
	if len(b.Events) == 0 || slices.ContainsFunc(b.Events, func(ev event.Event) bool { return ev.RequestID == "" }) {
		return ""
	}
	return "logpush-" + hex.EncodeToString(digest.Sum(nil)[:16])
}

// logpushTest tells the upload that validates a destination: {"content":"tests"}.
func logpushTest(body []byte) bool {
	var test map[string]json.RawMessage
	if json.Unmarshal(bytes.TrimSpace(body), &test) != nil || len(test) != 1 {
		return false
	}
	var content string
	return json.Unmarshal(test["content"], &content) == nil && content == "tests"
}
