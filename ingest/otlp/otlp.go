// Package otlp reads OTLP/HTTP log requests: it takes the log records out of a request's body and turns each into a line
// that a log format reads, and it writes the answer that the protocol wants.
//
// It knows the protocol (opentelemetry.io/docs/specs/otlp) and nothing of HTTP handlers, stores or events: what a line
// means is the parsers' to say.
package otlp

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"mime"
	"strconv"
	"strings"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Encoding is how a request and its answer are written.
type Encoding int

// The encodings of OTLP/HTTP.
const (
	Protobuf Encoding = iota // application/x-protobuf
	JSON                     // application/json
)

// ErrMediaType says that a Content-Type is neither of the two.
var ErrMediaType = errors.New("want application/x-protobuf or application/json")

// EncodingOf reads a Content-Type header.
func EncodingOf(contentType string) (Encoding, error) {
	switch kind, _, _ := mime.ParseMediaType(contentType); kind {
	case "application/x-protobuf", "application/protobuf":
		return Protobuf, nil
	case "application/json":
		return JSON, nil
	}
	return 0, ErrMediaType
}

// ContentType is the Content-Type of the answer.
func (e Encoding) ContentType() string {
	if e == JSON {
		return "application/json"
	}
	return "application/x-protobuf"
}

// Group holds the records of one source: one service's, or one service's file.
type Group struct {
	Source  string   // "otlp/SERVICE", and the file's path when the collector says it
	Service string   // service.name of the resource; may be empty
	Lines   []string // one a record
	// Key tells a repeated request from another one: a digest of the records, when every one of them carries what makes it
	// one of its kind (a log.record.uid, or when it was observed in nanoseconds); else empty.
	Key string
}

// Decode reads an ExportLogsServiceRequest and returns its records by source, in the order in which they come.
func Decode(body []byte, e Encoding) ([]Group, error) {
	var d logs.LogsData // the same on the wire as ExportLogsServiceRequest
	var err error
	if e == JSON {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(hexIDs(body), &d)
	} else {
		err = proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, &d)
	}
	if err != nil {
		return nil, fmt.Errorf("read OTLP logs: %w", err)
	}
	var groups []Group
	at, ids := map[string]int{}, map[int]*identity{}
	for _, rl := range d.ResourceLogs {
		service := attribute(rl.GetResource().GetAttributes(), "service.name")
		for _, sl := range rl.ScopeLogs {
			for _, rec := range sl.LogRecords {
				line, err := lineOf(rec)
				if err != nil {
					return nil, fmt.Errorf("read OTLP logs: %w", err)
				}
				name := sourceName(service, attribute(rec.Attributes, "log.file.path"))
				i, known := at[name]
				if !known {
					i = len(groups)
					at[name] = i
					groups = append(groups, Group{Source: name, Service: service})
				}
				groups[i].Lines = append(groups[i].Lines, line)
				if ids[i] == nil {
					ids[i] = &identity{digest: sha256.New(), whole: true}
				}
				ids[i].add(rec, line)
			}
		}
	}
	for i, id := range ids {
		groups[i].Key = id.key()
	}
	return groups, nil
}

// identity digests what tells the records of a group from others.
type identity struct {
	digest hash.Hash
	whole  bool // every record so far had something
}

func (id *identity) add(rec *logs.LogRecord, line string) {
	uid := attribute(rec.Attributes, "log.record.uid")
	if uid == "" && rec.ObservedTimeUnixNano == 0 {
		id.whole = false
	}
	_, _ = fmt.Fprintf(id.digest, "%q %d %d %q\n", uid, rec.ObservedTimeUnixNano, rec.TimeUnixNano, line) // a hash takes everything
}

func (id *identity) key() string {
	if !id.whole {
		return ""
	}
	return "otlp-" + hex.EncodeToString(id.digest.Sum(nil)[:16])
}

// hexIDs drops trace and span ids, which OTLP writes in hexadecimal where protobuf's JSON wants Base64. They are the
// request's id at best, and a gateway's log has that in an attribute.
func hexIDs(body []byte) []byte {
	var doc any
	if json.Unmarshal(body, &doc) != nil {
		return body // protojson says what is wrong
	}
	dropIDs(doc)
	out, err := json.Marshal(doc)
	if err != nil {
		return body
	}
	return out
}

func dropIDs(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, record := v["body"]; record || v["attributes"] != nil {
			delete(v, "traceId")
			delete(v, "spanId")
		}
		for key, in := range v {
			if key != "body" {
				dropIDs(in)
			}
		}
	case []any:
		for _, in := range v {
			dropIDs(in)
		}
	}
}

func sourceName(service, file string) string {
	name := "otlp"
	if service != "" {
		name += "/" + service
	}
	if file != "" {
		name += ":" + file
	}
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name)
	return name[:min(len(name), maxSource)]
}

// maxSource bounds a source's name, in bytes.
const maxSource = 256

// marks are the attributes that say that a record is about an HTTP request: HTTP conventions, present and before 1.20.
var marks = []string{"http.request.method", "http.method", "http.response.status_code", "http.status_code"}

// lineOf makes a line of a record. One with HTTP attributes is written as the collector's file exporter does; one whose
// body is text is that text, and one whose body is a map is a JSON object.
func lineOf(rec *logs.LogRecord) (string, error) {
	for _, m := range marks {
		if has(rec.Attributes, m) {
			if rec.TimeUnixNano == 0 {
				rec.TimeUnixNano = rec.ObservedTimeUnixNano
			}
			b, err := protojson.Marshal(rec)
			return string(b), err
		}
	}
	switch v := rec.GetBody().GetValue().(type) {
	case *common.AnyValue_StringValue:
		return strings.TrimRight(v.StringValue, "\r\n"), nil
	case nil:
		return "", nil
	default:
		b, err := json.Marshal(plain(rec.Body))
		return string(b), err
	}
}

// plain turns a value into what encoding/json writes.
func plain(v *common.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_BoolValue:
		return v.BoolValue
	case *common.AnyValue_IntValue:
		return v.IntValue
	case *common.AnyValue_DoubleValue:
		return strconv.FormatFloat(v.DoubleValue, 'g', -1, 64) // JSON has no NaN
	case *common.AnyValue_BytesValue:
		return string(v.BytesValue)
	case *common.AnyValue_ArrayValue:
		list := make([]any, 0, len(v.ArrayValue.GetValues()))
		for _, e := range v.ArrayValue.GetValues() {
			list = append(list, plain(e))
		}
		return list
	case *common.AnyValue_KvlistValue:
		object := map[string]any{}
		for _, kv := range v.KvlistValue.GetValues() {
			object[kv.Key] = plain(kv.Value)
		}
		return object
	}
	return nil
}

func has(list []*common.KeyValue, key string) bool {
	for _, kv := range list {
		if kv.Key == key {
			return true
		}
	}
	return false
}

func attribute(list []*common.KeyValue, key string) string {
	for _, kv := range list {
		if kv.Key == key {
			return kv.GetValue().GetStringValue()
		}
	}
	return ""
}

// Answer writes an ExportLogsServiceResponse. rejected is the number of records that were not taken, and reason says why:
// the partial success of the protocol. Both may be zero.
func Answer(e Encoding, rejected uint64, reason string) []byte {
	if e == JSON {
		if rejected == 0 && reason == "" {
			return []byte("{}")
		}
		b, err := json.Marshal(map[string]any{"partialSuccess": map[string]any{
			"rejectedLogRecords": strconv.FormatUint(rejected, 10), "errorMessage": strings.ToValidUTF8(reason, "\ufffd"),
		}})
		if err != nil {
			return []byte("{}")
		}
		return b
	}
	if rejected == 0 && reason == "" {
		return nil
	}
	var partial []byte
	partial = protowire.AppendTag(partial, 1, protowire.VarintType)
	partial = protowire.AppendVarint(partial, rejected)
	partial = protowire.AppendTag(partial, 2, protowire.BytesType)
	partial = protowire.AppendString(partial, strings.ToValidUTF8(reason, "\ufffd"))
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
}

// Fault writes the google.rpc.Status that the protocol wants with an HTTP status that is not 200.
func Fault(e Encoding, code int, message string) []byte {
	message = strings.ToValidUTF8(message, "\ufffd")
	if e == JSON {
		b, err := json.Marshal(map[string]any{"code": code, "message": message})
		if err != nil {
			return []byte("{}")
		}
		return b
	}
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(code))
	return protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), message)
}
