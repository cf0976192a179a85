package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/gatewatch/gatewatch/store/engine/libchdb"
)

// execute runs the request's statement in a session of the pool and writes its result.
func (s *Server) execute(ctx context.Context, req *request, reader bool, out *responder) error {
	settings := req.settings
	if reader {
		restricted, err := s.guard.admit(req)
		if err != nil {
			return err
		}
		settings = restricted
	}
	session, err := s.pool.get(ctx, req.database, settings)
	if err != nil {
		return err
	}
	defer s.pool.put(session)
	if err := s.check(session, req, reader); err != nil {
		return err
	}
	for _, t := range req.external {
		session.spent.Store(true)
		if err := t.create(ctx, session); err != nil {
			return err
		}
	}
	if err := out.use(req); err != nil {
		return err
	}
	defer s.pool.watch(ctx, session)()
	switch {
	case req.kind == insertStatement:
		err = insert(ctx, session, req)
	case req.kind == selectStatement && !req.wholeOnly:
		err = streamOut(session, req, out)
	default:
		err = wholeOut(session, req, out)
	}
	if err != nil {
		// A statement that failed can leave half of its output in the connection, for the next result to begin with.
		session.spent.Store(true)
	}
	if err != nil && ctx.Err() != nil {
		return newException(codeWasCancelled, "QUERY_WAS_CANCELLED", "Query was cancelled: %v", err)
	}
	return err
}

// check classifies the statement with the engine's own parser: it decides what a GET and a reader may not do, and whose
// session cannot be used again.
func (s *Server) check(session *session, req *request, reader bool) error {
	if req.kind == insertStatement {
		if reader || req.readOnly {
			return newException(codeReadonly, "READONLY", "Cannot execute query in readonly mode")
		}
		return nil
	}
	count, class := session.Classify(req.sql)
	if class >= libchdb.Control {
		session.spent.Store(true) // SET, USE, temporary tables: none of it outlives the request
	}
	switch {
	case count > 1:
		return newException(codeSyntaxError, "SYNTAX_ERROR", "Multi-statements are not allowed")
	case class != libchdb.ReadOnly && class != libchdb.Unknown && (reader || req.readOnly),
		class == libchdb.Unknown && reader:
		return newException(codeReadonly, "READONLY", "Cannot execute query in readonly mode")
	}
	return nil
}

// create makes the table a temporary one of the session and fills it.
func (t externalTable) create(ctx context.Context, session *session) error {
	name := quoteIdentifier(t.name)
	if err := session.Exec("CREATE TEMPORARY TABLE " + name + " (" + t.structure + ") ENGINE = Memory"); err != nil {
		return fmt.Errorf("external table %s: %w", t.name, err)
	}
	return insertData(ctx, session, "INSERT INTO "+name, t.format, nil, bytes.NewReader(t.data))
}

func insert(ctx context.Context, session *session, req *request) error {
	format := req.format
	if format == "" {
		format = "Values"
	}
	data := req.body
	if req.data != "" {
		data = io.MultiReader(strings.NewReader(req.data), req.body)
	}
	return insertData(ctx, session, req.sql, format, req.params, data)
}

// buffers holds what inserts copy through.
var buffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// insertData streams data into an INSERT. Data whose reader fails is not committed.
func insertData(ctx context.Context, session *session, sql, format string, params libchdb.Params, data io.Reader) error {
	in, err := session.Insert(sql, format, params)
	if err != nil {
		return err
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		n, readErr := fill(data, *buf)
		if err := in.Append((*buf)[:n]); err != nil {
			if _, cause := in.Done(); cause != nil {
				return cause
			}
			return err
		}
		if errors.Is(readErr, io.EOF) {
			break
		}
		if readErr == nil {
			readErr = ctx.Err()
		}
		if readErr != nil {
			in.Cancel()
			return newException(codeBadArguments, "BAD_ARGUMENTS", "Cannot read the data: %v", readErr)
		}
	}
	_, err = in.Done()
	return err
}

// fill reads until buf is full or the reader ends. Its error is the reader's own: io.EOF is a clean end, and a body that
// was cut off is not.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

func streamOut(session *session, req *request, out *responder) error {
	stream, err := session.Stream(req.sql, req.output, req.params)
	if err != nil {
		return err
	}
	defer stream.Close()
	for {
		piece, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = out.Write(piece.Bytes())
		piece.Free()
		if err != nil {
			return err
		}
	}
}

func wholeOut(session *session, req *request, out *responder) error {
	result, err := session.Query(req.sql, req.output, req.params)
	if err != nil {
		return err
	}
	defer result.Free()
	_, err = out.Write(result.Bytes())
	return err
}
