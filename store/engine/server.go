package engine

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/store/engine/libchdb"
)

// adminUser is the name that goes with the token: ClickHouse's own default user, which may do everything.
const adminUser = "default"

// Server answers the ClickHouse HTTP interface from the engine in this process. There can be one in a process.
type Server struct {
	cfg    Config
	token  string
	lib    *libchdb.Library
	pool   *pool
	log    *slog.Logger
	guard  *guard
	hello  helloAnswer
	killed context.Context // ends when statements that still run are to be killed
	kill   context.CancelFunc
}

// NewServer loads the library and opens the engine on the directory path, which no other process may have open. Whoever
// knows token may do everything.
func NewServer(library, path, token string, cfg Config, log *slog.Logger) (*Server, error) {
	if errs := cfg.Validate(); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	cfg = cfg.withDefaults()
	lib, err := libchdb.Load(library)
	if err != nil {
		return nil, err
	}
	args := cfg.engineArgs(path)
	open := func() (*libchdb.Conn, error) { return lib.Connect(args...) }
	p, err := newPool(open, cfg.Sessions, cfg.sessionDefaults())
	if err != nil {
		return nil, fmt.Errorf("open the engine on %s: %w", path, err)
	}
	s := &Server{cfg: cfg, token: token, lib: lib, pool: p, log: log}
	s.killed, s.kill = context.WithCancel(context.Background())
	if s.hello, err = readHello(p.killer); err == nil {
		s.guard, err = newGuard(p.killer, cfg.Reader)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// Run serves listener, and the reader's address when there is one, until ctx ends. Then it takes no more requests,
// lets the running ones finish within Config.StopTimeout, kills the rest, and closes the engine.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	defer s.close()
	servers := []*http.Server{s.httpServer(s.adminRole)}
	listeners := []net.Listener{listener}
	if s.cfg.Reader.Listen != "" {
		l, err := net.Listen("tcp", s.cfg.Reader.Listen)
		if err != nil {
			return fmt.Errorf("listen for the reader: %w", err)
		}
		servers = append(servers, s.httpServer(s.readerRole))
		listeners = append(listeners, l)
	}
	failed := make(chan error, len(servers))
	for i, server := range servers {
		go func() { failed <- server.Serve(listeners[i]) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.drain(servers)
	return err
}

func (s *Server) drain(servers []*http.Server) {
	patience, cancel := context.WithTimeout(context.Background(), s.cfg.StopTimeout)
	defer cancel()
	for _, server := range servers {
		if server.Shutdown(patience) == nil {
			continue
		}
		s.kill()
		last, stop := context.WithTimeout(context.Background(), 5*time.Second)
		if err := server.Shutdown(last); err != nil {
			s.log.Warn("engine: requests did not end", "err", err)
		}
		stop()
	}
}

func (s *Server) close() {
	s.kill()
	s.pool.close()
	if err := s.lib.Shutdown(); err != nil {
		s.log.Debug("engine: threads remain at the end", "err", err)
	}
}

func (s *Server) httpServer(role roleFunc) *http.Server {
	return &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, role) }),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxStatement, // the query may stand in the URL
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// roleFunc says whether a user may come in, and as what.
type roleFunc func(user, password string) (reader, ok bool)

func (s *Server) adminRole(user, password string) (reader, ok bool) {
	return false, same(user, adminUser) && same(password, s.token)
}

func (s *Server) readerRole(user, password string) (reader, ok bool) {
	return true, same(user, s.cfg.Reader.User) && same(password, s.cfg.Reader.Password)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// credentials finds user and password in the places where ClickHouse's clients put them.
func credentials(r *http.Request) (user, password string) {
	if user, password, ok := r.BasicAuth(); ok {
		return user, password
	}
	if user := r.Header.Get("X-ClickHouse-User"); user != "" || r.Header.Get("X-ClickHouse-Key") != "" {
		return user, r.Header.Get("X-ClickHouse-Key")
	}
	v := r.URL.Query()
	return v.Get("user"), v.Get("password")
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, role roleFunc) {
	if r.Method == http.MethodGet && (r.URL.Path == "/ping" || r.URL.Path == "/" && r.URL.RawQuery == "") {
		_, _ = io.WriteString(w, "Ok.\n")
		return
	}
	out := newResponder(w, r)
	user, password := credentials(r)
	reader, ok := role(user, password)
	switch {
	case !ok:
		out.fail(newException(codeAuthFailed, "AUTHENTICATION_FAILED",
			"%s: Authentication failed: password is incorrect, or there is no user with such name", clip(user)))
		return
	case r.URL.Path == alivePath && !reader:
		s.pool.alive()
		return
	case r.URL.Path != "/":
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.killed, cancel)()

	req, err := parseRequest(r)
	if err == nil && strings.TrimSpace(req.sql) == helloQuery {
		err = out.use(req)
		if err == nil {
			_, err = out.Write(s.hello.encode(req.protocol))
		}
	} else if err == nil {
		err = s.execute(ctx, req, reader, out)
	}
	if err != nil {
		s.log.Debug("engine: statement failed", "err", err)
		out.fail(asException(err))
		return
	}
	out.finish()
}

// clip keeps a name from outside short in a message.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
