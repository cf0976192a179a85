package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/incident"
)

const (
	eventStream = "text/event-stream"
	heartbeat   = 15 * time.Second
	// writeLimit is how long one write to a client may take: one that does not read is dropped, and resumes later.
	writeLimit  = 30 * time.Second
	streamBatch = 100
)

// streamIncidents answers GET /v1/incidents/stream: every change of an incident that the filter selects, as
// server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). An event's id is the change's
// number; a client that comes back with Last-Event-ID gets what it missed, nothing twice. Without it the stream begins
// now; with 0 it begins with the current state of every incident.
//
// There is no buffer per client: the incident feed keeps what can be asked for (see incident.Manager.Changes), and a
// client that fell too far behind gets each incident's newest state instead of every change.
func (s *Server) streamIncidents(c echo.Context) error {
	p := s.query(c)
	f := p.filter()
	after := s.resumeFrom(c, p)
	if err := p.err(); err != nil {
		return err
	}
	if s.streams.Add(1) > int64(s.deps.Config.MaxStreams) {
		s.streams.Add(-1)
		return unavailable("too many streams are open", nil)
	}
	defer s.streams.Add(-1)

	w := newEventWriter(c)
	last := s.deps.Incidents.LastSeq()
	if after > last { // the number is of another store: the client has to begin again
		if err := w.send("reset", last, []byte(`{"reason":"unknown Last-Event-ID: load the list again"}`)); err != nil {
			return nil
		}
		after = last
	} else if err := w.send("ready", after, []byte(`{}`)); err != nil {
		return nil
	}
	s.follow(c, w, f, after)
	return nil
}

// resumeFrom reads the number to begin after: the header, or the parameter for clients that cannot set one.
func (s *Server) resumeFrom(c echo.Context, p *params) uint64 {
	field, text := "last_event_id", p.text("last_event_id")
	if h := c.Request().Header.Get("Last-Event-ID"); h != "" {
		field, text = "Last-Event-ID", h
	}
	if text == "" {
		return s.deps.Incidents.LastSeq()
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		p.fault(field, fmt.Sprintf("%.40q: want the id of an event of this stream", text))
	}
	return n
}

// follow sends changes until the client goes away, its key is over, or the server stops.
func (s *Server) follow(c echo.Context, w *eventWriter, f incident.Filter, after uint64) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		changes, wake := s.deps.Incidents.Changes(after, streamBatch)
		if !s.keys.Good(callerOf(c).id) {
			return
		}
		for _, ch := range changes {
			after = ch.Seq
			inc := f.Match(ch.Incident)
			if inc == nil {
				continue
			}
			data, err := json.Marshal(inc)
			if err != nil {
				s.log.Error("incident does not encode", "incident", ch.Incident.ID, "error", err)
				return
			}
			if w.send("incident", ch.Seq, data) != nil {
				return
			}
		}
		if len(changes) > 0 {
			continue
		}
		select {
		case <-wake:
		case <-beat.C:
			if w.comment("") != nil {
				return
			}
		case <-c.Request().Context().Done():
			return
		case <-s.stopping:
			return
		}
	}
}

// eventWriter writes server-sent events.
type eventWriter struct {
	w       *echo.Response
	control *http.ResponseController
}

func newEventWriter(c echo.Context) *eventWriter {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, eventStream)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx in front passes it on at once
	c.Response().WriteHeader(http.StatusOK)
	return &eventWriter{w: c.Response(), control: http.NewResponseController(c.Response())}
}

// send writes one event. JSON holds no line break, so it is one data line.
func (e *eventWriter) send(name string, id uint64, data []byte) error {
	return e.write(fmt.Appendf(nil, "id: %d\nevent: %s\ndata: %s\n\n", id, name, data))
}

func (e *eventWriter) comment(text string) error { return e.write([]byte(":" + text + "\n\n")) }

func (e *eventWriter) write(b []byte) error {
	_ = e.control.SetWriteDeadline(time.Now().Add(writeLimit)) // not every writer has deadlines
	if _, err := e.w.Write(b); err != nil {
		return err
	}
	return e.control.Flush()
}
