package otlp

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func TestEncodingOf(t *testing.T) {
	for kind, want := range map[string]Encoding{
		"application/x-protobuf": Protobuf, "application/json": JSON, "application/json; charset=utf-8": JSON,
	} {
		if e, err := EncodingOf(kind); err != nil || e != want {
			t.Errorf("%s: %v, %v", kind, e, err)
		}
	}
	for _, kind := range []string{"", "text/plain", "application/grpc"} {
		if _, err := EncodingOf(kind); !errors.Is(err, ErrMediaType) {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

// TestAnswer reads the partial success back by its field numbers.
func TestAnswer(t *testing.T) {
	if b := Answer(Protobuf, 0, ""); len(b) != 0 {
		t.Errorf("full success: %x", b)
	}
	if b := Answer(JSON, 2, "no time"); string(b) != `{"partialSuccess":{"errorMessage":"no time","rejectedLogRecords":"2"}}` {
		t.Errorf("%s", b)
	}
	b := Answer(Protobuf, 300, "no time")
	num, kind, n := protowire.ConsumeTag(b)
	if num != 1 || kind != protowire.BytesType {
		t.Fatalf("field %d of type %d", num, kind)
	}
	partial, _ := protowire.ConsumeBytes(b[n:])
	num, _, n = protowire.ConsumeTag(partial)
	rejected, m := protowire.ConsumeVarint(partial[n:])
	if num != 1 || rejected != 300 {
		t.Errorf("field %d: %d", num, rejected)
	}
	num, _, k := protowire.ConsumeTag(partial[n+m:])
	if text, _ := protowire.ConsumeBytes(partial[n+m+k:]); num != 2 || string(text) != "no time" {
		t.Errorf("field %d: %q", num, text)
	}
}

// FuzzDecode: whatever comes is read or refused, and every group has a source and lines.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"},"traceId":"00"}]}]}]}`), true)
	f.Add([]byte("\x0a\x0e\x12\x0c\x12\x0a\x2a\x08\x0a\x06abcdef"), false)
	f.Fuzz(func(t *testing.T, body []byte, asJSON bool) {
		e := Protobuf
		if asJSON {
			e = JSON
		}
		groups, err := Decode(body, e)
		if err != nil {
			return
		}
		for _, g := range groups {
			if g.Source == "" || len(g.Source) > maxSource || len(g.Lines) == 0 {
				t.Errorf("%+v", g)
			}
		}
	})
}
