package event

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

// TestDecodeIsTheInverse fills every field that has a JSON form, so that one forgotten in either direction shows.
func TestDecodeIsTheInverse(t *testing.T) {
	var want Event
	v := reflect.ValueOf(&want).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Interface().(type) {
		case string:
			f.SetString("text " + v.Type().Field(i).Name)
		case []string:
			f.Set(reflect.ValueOf([]string{"a", "b"}))
		case int, int64:
			f.SetInt(int64(200 + i))
		case uint32, uint64:
			f.SetUint(uint64(1000 + i))
		case float64:
			f.SetFloat(float64(i) + 0.5)
		case bool:
			f.SetBool(true)
		case netip.Addr:
			f.Set(reflect.ValueOf(netip.MustParseAddr("2001:db8::7")))
		case time.Time:
			f.Set(reflect.ValueOf(time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)))
		}
	}
	want.IngestedAt, want.Wire = time.Time{}, Wire{}
	var empty Event
	empty.Reset()
	for name, want := range map[string]Event{"full": want, "empty": empty} {
		var got Event
		if err := json.Unmarshal(want.AppendJSON(nil), &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, want)
		}
	}
	var e Event
	if err := json.Unmarshal([]byte(`{"status":"x"}`), &e); err == nil {
		t.Error("a status that is no number was accepted")
	}
}
