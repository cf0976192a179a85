package engine

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// ErrUnavailable is what a request meets while the engine is not there: it is starting again, or it died while the
// request ran. The request may or may not have taken effect; an insert with its deduplication token can be repeated.
var ErrUnavailable = errors.New("the embedded engine is not available")

// UnavailableError says what happened to one request. errors.Is(err, ErrUnavailable) holds.
type UnavailableError struct {
	// Cause is the transport's error.
	Cause error
}

// Error implements error.
func (e *UnavailableError) Error() string {
	return fmt.Sprintf("%v: %v", ErrUnavailable, e.Cause)
}

// Is makes it an ErrUnavailable.
func (e *UnavailableError) Is(target error) bool { return target == ErrUnavailable }

// Unwrap returns the transport's error.
func (e *UnavailableError) Unwrap() error { return e.Cause }

// ClickHouse's codes that this package gives itself or looks for (src/Common/ErrorCodes.cpp).
const (
	codeBadArguments       = 36
	codeSyntaxError        = 62
	codeNotImplemented     = 48
	codeUnknownSetting     = 115
	codeReadonly           = 164
	codeTooManyQueries     = 202
	codeNotEnoughSpace     = 243
	codeWasCancelled       = 394
	codeConstraint         = 452
	codeAuthFailed         = 516
	codeUnknownCompression = 89
	codeUnknown            = 1002
)

// exception is an answer in ClickHouse's terms: code and text.
type exception struct {
	code int
	text string // "Code: 60. DB::Exception: …", as the engine writes it
}

func (e *exception) Error() string { return e.text }

// newException makes an exception of our own in the engine's form.
func newException(code int, name, format string, args ...any) *exception {
	return &exception{code, fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, fmt.Sprintf(format, args...), name)}
}

var codePattern = regexp.MustCompile(`^Code: (\d+)\. `)

// asException reads the code out of an engine's error text. Errors without one (the library's own, such as a refused
// statement) keep their text under code 1002, UNKNOWN_EXCEPTION.
func asException(err error) *exception {
	var e *exception
	if errors.As(err, &e) {
		return e
	}
	text := err.Error()
	if m := codePattern.FindStringSubmatch(text); m != nil {
		if code, err := strconv.Atoi(m[1]); err == nil {
			return &exception{code, text}
		}
	}
	return newException(codeUnknown, "UNKNOWN_EXCEPTION", "%s", text)
}
