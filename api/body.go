package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// maxJSON bounds a JSON body, in bytes.
const maxJSON = 64 << 10

// readJSON decodes the request's body strictly into v: one value, no unknown members. Errors name the member.
func readJSON(c echo.Context, v any) error {
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxJSON))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			p := problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", maxJSON))
			p.Errors = []FieldError{{"body", p.Detail}}
			return p
		}
		return badField("body", "it ended early")
	}
	return decodeStrict(body, v)
}

func decodeStrict(body []byte, v any) error {
	if !utf8.Valid(body) {
		return badField("body", "not valid UTF-8")
	}
	if name := repeated(body); name != "" {
		return badField(name, "given more than once")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		fault := jsonFault(err)
		if fault.Errors[0].Field == "body" {
			if name := memberAtFault(body, v); name != "" {
				return badField(name, fault.Errors[0].Detail)
			}
		}
		return fault
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badField("body", "there is more after the JSON value")
	}
	return nil
}

// jsonFault words a decoding error for the client: which member, and what is wrong with it.
func jsonFault(err error) *Problem {
	var (
		typed  *json.UnmarshalTypeError
		syntax *json.SyntaxError
		moment *time.ParseError
	)
	switch {
	case errors.As(err, &typed):
		field := typed.Field
		if field == "" {
			field = "body"
		}
		return badField(field, "a JSON "+typed.Value+" does not fit here")
	case errors.As(err, &syntax):
		return badField("body", fmt.Sprintf("not JSON: %s at byte %d", syntax.Error(), syntax.Offset))
	case errors.As(err, &moment):
		return badField("body", fmt.Sprintf("%.40s: want a time like 2026-03-01T12:00:00Z", moment.Value))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return badField("body", "it is empty or ends early; want a JSON object")
	}
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "json: unknown field "); ok {
		return badField(strings.Trim(name, `"`), "unknown member")
	}
	return badField("body", strings.TrimPrefix(text, "json: "))
}

// repeated returns the first name that an object of the JSON text has twice, in any case; "" when none has, or where the text
// ends to be JSON. Which of two values counts would be anybody's guess.
func repeated(body []byte) string {
	type object struct {
		names map[string]bool // nil in an array
		value bool            // the next token is a member's value
	}
	var open []object
	d := json.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		name, text := token.(string)
		if n := len(open); n > 0 && open[n-1].names != nil && token != json.Delim('}') {
			in := &open[n-1]
			if in.value = !in.value; in.value && text {
				folded := strings.ToLower(name)
				if in.names[folded] {
					return name
				}
				in.names[folded] = true
				continue
			}
		}
		switch token {
		case json.Delim('{'):
			open = append(open, object{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, object{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) == 0 {
			return ""
		}
	}
}

// memberAtFault returns the first member of the JSON object that does not fit v's type by itself; "" when it is none. Values
// that decode themselves, such as times, do not say where they stand.
func memberAtFault(body []byte, v any) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		one, err := json.Marshal(map[string]json.RawMessage{name: members[name]})
		if err == nil && json.Unmarshal(one, reflect.New(reflect.TypeOf(v).Elem()).Interface()) != nil {
			return name
		}
	}
	return ""
}
