package incident

import (
	"errors"
	"fmt"
)

// ErrNotFound says that there is no incident of that id.
var ErrNotFound = errors.New("no such incident")

// ConflictError says that an incident (or another versioned thing) was changed since the caller read it.
type ConflictError struct {
	Want, Have uint64 // versions
}

// Error names both versions.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("it is at version %d, the change was made for version %d", e.Have, e.Want)
}

// InvalidError says that an argument is not acceptable: which, and what is accepted.
type InvalidError struct {
	Field  string // the REST name of the parameter or member
	Detail string
}

// Error names the field.
func (e *InvalidError) Error() string { return e.Field + ": " + e.Detail }

func invalid(field, format string, args ...any) error {
	return &InvalidError{Field: field, Detail: fmt.Sprintf(format, args...)}
}
