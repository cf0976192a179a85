package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// AnswerStore keeps what requests under an idempotency key were answered. See store.Store.
type AnswerStore interface {
	AppendAnswer(ctx context.Context, id string, at time.Time, body []byte) error
	Answer(ctx context.Context, id string, since time.Time) ([]byte, error)
}

// kept is an answer as it is stored.
type kept struct {
	Request string `json:"request"` // SHA-256 of the request's body
	Status  int    `json:"status"`
	Type    string `json:"type"`
	ETag    string `json:"etag,omitempty"`
	Body    []byte `json:"body"`
}

const (
	idempotencyKey = "Idempotency-Key"
	// keptFor is how long a repetition gets the answer of the first.
	keptFor = 24 * time.Hour
	// maxRepeatable bounds the body of a request under a key, in bytes.
	maxRepeatable = 8 << 20
	maxKeyLength  = 200
)

// once answers a repeated POST under the caller's Idempotency-Key with what the first was answered, without doing it
// again (draft-ietf-httpapi-idempotency-key-header). What failed was not done and may be tried again. Ingestion counts
// events once by its own means and is left out.
func (s *Server) once(r route) echo.HandlerFunc {
	if r.method != http.MethodPost || strings.HasPrefix(r.path, "/v1/ingest/") || r.path == "/v1/logs" {
		return r.handler
	}
	return func(c echo.Context) error {
		key := c.Request().Header.Get(idempotencyKey)
		if key == "" {
			return r.handler(c)
		}
		if len(key) > maxKeyLength || strings.ContainsFunc(key, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
			return badField(idempotencyKey, "want 1 to 200 visible ASCII characters")
		}
		body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxRepeatable))
		if err != nil {
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				return problem(http.StatusRequestEntityTooLarge, "a body under an Idempotency-Key may have 8 MiB")
			}
			return badField("body", "it ended early")
		}
		c.Request().Body = io.NopCloser(bytes.NewReader(body))
		sum := sha256.Sum256(body)
		id := digestOf(callerOf(c).id, c.Request().URL.RequestURI(), key)
		if _, busy := s.repeating.LoadOrStore(id, true); busy {
			return problem(http.StatusConflict, "a request under this Idempotency-Key is being answered")
		}
		defer s.repeating.Delete(id)
		return s.answerOnce(c, r, id, hex.EncodeToString(sum[:]))
	}
}

// answerOnce answers out of the store, or does the work and stores the answer.
func (s *Server) answerOnce(c echo.Context, r route, id, request string) error {
	stored, err := s.deps.Store.Answer(c.Request().Context(), id, s.now().Add(-keptFor))
	if err != nil {
		return storeFault(err)
	}
	if stored != nil {
		var k kept
		if err := json.Unmarshal(stored, &k); err != nil {
			return err
		}
		if k.Request != request {
			p := problem(http.StatusUnprocessableEntity, "this Idempotency-Key was used for another body")
			p.Errors = []FieldError{{idempotencyKey, "want a new one for a new request"}}
			return p
		}
		h := c.Response().Header()
		h.Set("Idempotency-Replayed", "true")
		if k.ETag != "" {
			h.Set("ETag", k.ETag)
		}
		return c.Blob(k.Status, k.Type, k.Body)
	}
	res := c.Response()
	rec := &recorded{ResponseWriter: res.Writer}
	res.Writer = rec
	err = r.handler(c)
	res.Writer = rec.ResponseWriter
	if err != nil || res.Status/100 != 2 {
		return err
	}
	k := kept{Request: request, Status: res.Status, Type: res.Header().Get(echo.HeaderContentType), ETag: res.Header().Get("ETag"), Body: withoutSecret(r.path, rec.body.Bytes())}
	row, err := json.Marshal(k)
	if err != nil {
		return err
	}
	// The answer is on its way: that it is not kept only means that a repetition would do the work again.
	if err := s.deps.Store.AppendAnswer(context.WithoutCancel(c.Request().Context()), id, s.now(), row); err != nil {
		s.log.Warn("the answer to a request under an Idempotency-Key was not kept", "path", r.path, "request_id", requestID(c), "error", err)
	}
	return nil
}

// withoutSecret takes a new key out of an answer: it is shown once, and nowhere kept.
func withoutSecret(path string, body []byte) []byte {
	if path != "/v1/keys" {
		return body
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return nil
	}
	delete(members, "key")
	rest, err := json.Marshal(members)
	if err != nil {
		return nil
	}
	return rest
}

// recorded passes an answer on and keeps a copy.
type recorded struct {
	http.ResponseWriter
	body bytes.Buffer
}

// Write implements http.ResponseWriter.
func (r *recorded) Write(b []byte) (int, error) {
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through.
func (r *recorded) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// digestOf hashes parts that hold no line break.
func digestOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:])
}
