// Package libchdb binds the C interface of libchdb (the ClickHouse engine as a shared library, chDB 26.7) with purego,
// so that the binary stays free of cgo. It owns the memory rules of that interface and nothing else: no SQL, no HTTP,
// no pooling. Everything here blocks its thread while the engine works.
//
// The C interface is described in chdb.h of the chDB project (https://github.com/chdb-io/chdb-core).
package libchdb

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Library is one loaded libchdb. Loading the same file twice gives the same engine: a process has one engine and one
// storage path.
type Library struct {
	connect   func(argc int32, argv **byte) *unsafe.Pointer
	closeConn func(conn *unsafe.Pointer)

	query  func(conn unsafe.Pointer, sql *byte, sqlLen uintptr, format *byte, formatLen uintptr, names **byte, nameLens *uintptr, values **byte, valueLens *uintptr, count uintptr) unsafe.Pointer
	stream func(conn unsafe.Pointer, sql *byte, sqlLen uintptr, format *byte, formatLen uintptr, names **byte, nameLens *uintptr, values **byte, valueLens *uintptr, count uintptr) unsafe.Pointer
	fetch  func(conn, result unsafe.Pointer) unsafe.Pointer
	cancel func(conn, result unsafe.Pointer)

	resultBuffer func(result unsafe.Pointer) *byte
	resultLength func(result unsafe.Pointer) uintptr
	resultError  func(result unsafe.Pointer) string
	resultRows   func(result unsafe.Pointer) uint64
	resultFree   func(result unsafe.Pointer)

	insertOpen   func(conn unsafe.Pointer, sql *byte, sqlLen uintptr, format *byte, formatLen uintptr, names **byte, nameLens *uintptr, values **byte, valueLens *uintptr, count uintptr) unsafe.Pointer
	insertAppend func(stream unsafe.Pointer, data *byte, size uintptr) int32
	insertDone   func(stream unsafe.Pointer) unsafe.Pointer
	insertError  func(stream unsafe.Pointer) string
	insertCancel func(stream unsafe.Pointer)
	insertFree   func(stream unsafe.Pointer)

	classify   func(conn unsafe.Pointer, sql *byte, sqlLen uintptr, database *byte, databaseLen uintptr, out *analysis) int32
	setSignals func(enabled int32)
	shutdown   func() int32
	version    func() string
}

// Load opens the shared library at path and keeps its signal handlers out of the Go runtime's way.
func Load(path string) (*Library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load engine library: %w", err)
	}
	l := &Library{}
	for name, target := range l.symbols() {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("load engine library %s: %w", path, err)
		}
		purego.RegisterFunc(target, symbol)
	}
	l.setSignals(0)
	return l, nil
}

func (l *Library) symbols() map[string]any {
	return map[string]any{
		"chdb_connect":                     &l.connect,
		"chdb_close_conn":                  &l.closeConn,
		"chdb_query_with_params_n":         &l.query,
		"chdb_stream_query_with_params_n":  &l.stream,
		"chdb_stream_fetch_result":         &l.fetch,
		"chdb_stream_cancel_query":         &l.cancel,
		"chdb_result_buffer":               &l.resultBuffer,
		"chdb_result_length":               &l.resultLength,
		"chdb_result_error":                &l.resultError,
		"chdb_result_rows_written":         &l.resultRows,
		"chdb_destroy_query_result":        &l.resultFree,
		"chdb_stream_insert_with_params_n": &l.insertOpen,
		"chdb_stream_append":               &l.insertAppend,
		"chdb_stream_done":                 &l.insertDone,
		"chdb_stream_insert_error":         &l.insertError,
		"chdb_stream_cancel_insert":        &l.insertCancel,
		"chdb_destroy_insert_stream":       &l.insertFree,
		"chdb_classify_query_n":            &l.classify,
		"chdb_set_signal_handlers_enabled": &l.setSignals,
		"chdb_shutdown":                    &l.shutdown,
		"chdb_version":                     &l.version,
	}
}

// Version is what the library calls itself, for example "26.7.3".
func (l *Library) Version() string { return l.version() }

// Shutdown joins the engine's threads. Every connection must have been closed; the engine cannot be used afterwards. An
// error means that some threads were still at work; the end of the process ends them, and no data depends on it.
func (l *Library) Shutdown() error {
	if l.shutdown() != 0 {
		return errors.New("engine shutdown: threads or connections remain")
	}
	return nil
}

// Connect opens a connection. The first one of a process starts the engine with args, in the form of
// clickhouse-local's command line ("--path=DIR", "--max_server_memory_usage=N"); later ones must name the same path.
func (l *Library) Connect(args ...string) (*Conn, error) {
	argv := make([]*byte, 0, len(args)+2)
	for _, arg := range append([]string{"clickhouse"}, args...) {
		argv = append(argv, &append([]byte(arg), 0)[0])
	}
	argc := len(argv)
	argv = append(argv, nil)
	handle := l.connect(int32(argc), &argv[0]) //nolint:gosec // a handful of arguments
	runtime.KeepAlive(argv)
	if handle == nil || *handle == nil {
		return nil, errors.New("the engine refused the connection")
	}
	return &Conn{lib: l, handle: handle}, nil
}
