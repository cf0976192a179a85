package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// The kinds of a store's errors, for errors.Is. An error of the caller's own context is of neither kind.
var (
	// ErrUnavailable says that the store could not be reached or is short of something: the same call may succeed later.
	ErrUnavailable = errors.New("store unavailable")
	// ErrRejected says that the store understood and refused: the same call will fail again.
	ErrRejected = errors.New("store rejected the request")
	// ErrNotFound says that what was asked for by its id is not there.
	ErrNotFound = errors.New("not found in the store")
)

// transient are the codes of ClickHouse's exceptions that pass: load, memory, disk, network, coordination.
// Source: src/Common/ErrorCodes.cpp of ClickHouse.
var transient = map[int32]string{
	33: "CANNOT_READ_ALL_DATA", 74: "CANNOT_READ_FROM_FILE_DESCRIPTOR", 75: "CANNOT_WRITE_TO_FILE_DESCRIPTOR",
	76: "CANNOT_OPEN_FILE", 77: "CANNOT_CLOSE_FILE", 159: "TIMEOUT_EXCEEDED", 164: "READONLY",
	173: "CANNOT_ALLOCATE_MEMORY", 198: "DNS_ERROR", 201: "QUOTA_EXCEEDED", 202: "TOO_MANY_SIMULTANEOUS_QUERIES",
	203: "NO_FREE_CONNECTION", 204: "CANNOT_FSYNC", 209: "SOCKET_TIMEOUT", 210: "NETWORK_ERROR", 225: "NO_ZOOKEEPER",
	236: "ABORTED", 241: "MEMORY_LIMIT_EXCEEDED", 242: "TABLE_IS_READ_ONLY", 243: "NOT_ENOUGH_SPACE",
	252: "TOO_MANY_PARTS", 279: "ALL_CONNECTION_TRIES_FAILED", 285: "TOO_FEW_LIVE_REPLICAS",
	319: "UNKNOWN_STATUS_OF_INSERT", 394: "QUERY_WAS_CANCELLED", 415: "ALL_REPLICAS_LOST", 425: "SYSTEM_ERROR",
	439: "CANNOT_SCHEDULE_TASK", 473: "DEADLOCK_AVOIDED", 999: "KEEPER_EXCEPTION", 1000: "POCO_EXCEPTION",
	1001: "STD_EXCEPTION",
}

// wrap adds the action and the kind to an error of the connection; nil stays nil, and an error that has its kind
// already gets the action alone.
func wrap(action string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrRejected), errors.Is(err, ErrNotFound),
		errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", action, err)
	}
	kind := ErrUnavailable
	var ex *clickhouse.Exception
	if errors.As(err, &ex) {
		if _, passes := transient[ex.Code]; !passes {
			kind = ErrRejected
		}
	}
	return fmt.Errorf("%s: %w: %w", action, kind, err)
}

// rejected is an error of the store's own making: what was asked for makes no sense.
func rejected(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrRejected, fmt.Errorf(format, args...))
}
